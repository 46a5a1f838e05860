"""The source map: every piece of HTML has its block and line, and the email that is sent has no marks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.issues.issue import Block
from newsletter.rendering.build import build, build_issue
from newsletter.rendering.source_map import LINE, spans
from tests import ROOT
from tests.support.writing import built

ISSUES = sorted((ROOT / "issues").glob("*.md"))


@pytest.mark.parametrize("path", ISSUES, ids=lambda path: path.stem)
def test_a_traced_build_is_the_real_one_with_marks(path: Path) -> None:
    real = build_issue(load_publication(ROOT / "newsletter.toml"), path)

    traced = build(real.issue, real.theme, traced=True)

    assert traced.message == real.message
    assert LINE in traced.traced
    assert LINE not in real.message.html + real.document.mjml


@pytest.mark.parametrize("path", ISSUES, ids=lambda path: path.stem)
def test_the_bytes_of_every_block_are_known(path: Path) -> None:
    real = build_issue(load_publication(ROOT / "newsletter.toml"), path)

    pieces = spans(build(real.issue, real.theme, traced=True).traced)

    blocks = [i for i, piece in enumerate(real.issue.content) if isinstance(piece, Block)]
    assert [span.piece for span in pieces] == blocks
    page = real.message.html.encode()
    assert all(page[span.start : span.end].startswith(b"<!--[if mso") for span in pieces)
    assert all(built_issue.end <= other.start for built_issue, other in pairwise(pieces))


def test_a_link_knows_its_line_and_column_in_a_list_in_a_quotation(publication_folder: Path) -> None:
    body = "> - Ünïcode {{ first_name }} and\n>   [a report](https://example.com/report) of it"

    built_issue = built(publication_folder, body)

    inline = next(token for token in built_issue.issue.content[0].body if token.children)  # type: ignore[union-attr]
    link = next(child for child in inline.children or [] if child.type == "link_open")
    assert (built_issue.issue.body_line + link.meta["line"], link.meta["column"]) == (5, 5)
