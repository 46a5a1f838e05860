"""The weights of blocks, and the place where Gmail cuts."""

from __future__ import annotations

from pathlib import Path

from newsletter.checks.context.context import Context
from newsletter.preview.size import piece_at, weights
from newsletter.preview.workspace import Workspace
from tests.support.writing import write

NOTE = ':::note title="Number {}"\n' + "A sentence that says nothing, at length. " * 20 + "\n:::\n\n"


def context(folder: Path, notes: int) -> Context:
    write(folder, "---\nsubject: Hello\n---\nGood morning.\n\n" + "".join(NOTE.format(n) for n in range(notes)))
    opened = Workspace(folder / "newsletter.toml").issue("hello").context
    assert opened
    return opened


def test_each_block_has_its_line_and_weight_and_the_frame_has_the_rest(publication_folder: Path) -> None:
    weighed = weights(context(publication_folder, 2))

    assert [(block.piece, block.name, block.line) for block in weighed.blocks] == [
        (0, "text", 4),
        (1, "note", 6),
        (2, "note", 10),
    ]
    assert 0 < sum(block.size for block in weighed.blocks) < weighed.total
    assert (weighed.level, weighed.clip) == ("fine", None)


def test_where_gmail_cuts_is_a_block_and_a_part_of_it(publication_folder: Path) -> None:
    weighed = weights(context(publication_folder, 45))

    assert weighed.level == "clipped"
    assert weighed.share > 1
    assert weighed.clip
    assert weighed.blocks[weighed.clip[0]].name == "note"
    assert 0 <= weighed.clip[1] <= 1


def test_a_line_is_in_a_block_or_in_none(publication_folder: Path) -> None:
    issue = context(publication_folder, 1)

    assert [piece_at(issue, line) for line in (1, 4, 6, 7, 8, 99)] == [None, 0, 1, 1, 1, None]
