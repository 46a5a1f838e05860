"""The differences between two texts: line by line, and word by word in lines that were changed.

They are for people to read, not for `patch`: a line is a paragraph here, as in an email's plain text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

_WORD = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
"""A word or a sign, with the white space behind it."""
_ALIKE = 0.35
"""The share of common words from which on a line counts as a changed version of another."""
_AHEAD = 12
"""Lines ahead in which the changed version of a line is looked for."""
_MOST_WORDS = 2_000
"""Words of a line that are compared one by one; the time grows with their square."""


class LineChange(StrEnum):
    """The kind of a row: how a line differs between two texts."""

    SAME = "same"
    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, kw_only=True)
class DiffPiece:
    """A run of characters of a line, which differs or not."""

    text: str
    differs: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of one text beside its counterpart in the other."""

    kind: LineChange
    left: tuple[DiffPiece, ...]
    """Empty when the line was added."""
    right: tuple[DiffPiece, ...]
    """Empty when it was removed."""


def differences(left: str, right: str) -> list[Row]:
    """Return both texts as rows, each the same, changed, removed or added."""
    lines, others = left.split("\n"), right.split("\n")
    rows: list[Row] = []
    for kind, a, b, c, d in SequenceMatcher(None, lines, others).get_opcodes():
        if kind == "equal":
            rows += [Row(kind=LineChange.SAME, left=_same(line), right=_same(line)) for line in lines[a:b]]
        else:
            rows += _replaced(lines[a:b], others[c:d])
    return rows


def line_difference(left: str, right: str) -> Row:
    """Return two lines as one row, however little they have in common; for subjects and the like."""
    if left == right:
        return Row(kind=LineChange.SAME, left=_same(left), right=_same(right))
    return _changed(left, right)


def folded(rows: Sequence[Row], around: int = 2) -> list[Row | int]:
    """Return the changed rows with `around` unchanged ones beside each, and the number of rows left out between."""
    near = {
        at
        for number, row in enumerate(rows)
        if row.kind is not LineChange.SAME
        for at in range(number - around, number + around + 1)
    }
    shown: list[Row | int] = []
    for number, row in enumerate(rows):
        if number in near:
            shown.append(row)
        elif shown and isinstance(last := shown[-1], int):
            shown[-1] = last + 1
        else:
            shown.append(1)
    return shown


def _same(text: str) -> tuple[DiffPiece, ...]:
    return (DiffPiece(text=text, differs=False),)


def _whole(text: str) -> tuple[DiffPiece, ...]:
    return (DiffPiece(text=text, differs=True),)


def _replaced(left: list[str], right: list[str]) -> Iterator[Row]:
    """Yield the rows of lines that replace others: similar lines in pairs, the others removed and added."""
    bags = [_bag(line) for line in right]
    waiting = 0
    for line in left:
        ahead = range(waiting, min(waiting + _AHEAD, len(right)))
        alike = next((at for at in ahead if _likeness(_bag(line), bags[at]) >= _ALIKE), None)
        if alike is None:
            yield Row(kind=LineChange.REMOVED, left=_whole(line), right=())
            continue
        yield from (Row(kind=LineChange.ADDED, left=(), right=_whole(added)) for added in right[waiting:alike])
        yield _changed(line, right[alike])
        waiting = alike + 1
    yield from (Row(kind=LineChange.ADDED, left=(), right=_whole(added)) for added in right[waiting:])


def _bag(line: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", line))


def _likeness(words: Counter[str], others: Counter[str]) -> float:
    """Return the share of the words that both lines have, 0 to 1."""
    return 2 * (words & others).total() / max(1, words.total() + others.total())


def _words(line: str) -> list[str]:
    """Return the words, white space and signs of a line; a line with too many is one word."""
    words = _WORD.findall(line)
    return words if len(words) <= _MOST_WORDS else [line]


def _changed(line: str, changed: str) -> Row:
    words, others = _words(line), _words(changed)
    left: list[DiffPiece] = []
    right: list[DiffPiece] = []
    # autojunk would take the frequent words of a long line for noise.
    for kind, a, b, c, d in SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        before, after = "".join(words[a:b]), "".join(others[c:d])
        space = _common_space(before, after) if kind != "equal" else ""
        left += _pieces(before, space, differs=kind != "equal")
        right += _pieces(after, space, differs=kind != "equal")
    return Row(kind=LineChange.CHANGED, left=tuple(left), right=tuple(right))


def _common_space(before: str, after: str) -> str:
    """Return the white space that both runs of words end in."""
    space = before[len(before.rstrip()) :]
    return space if space and after.strip() and before.strip() and after.endswith(space) else ""


def _pieces(text: str, space: str, *, differs: bool) -> list[DiffPiece]:
    """Return a run of words, and the white space behind it, which does not differ."""
    parts = [(text.removesuffix(space) if space else text, differs), (space, False)]
    return [DiffPiece(text=part, differs=marked) for part, marked in parts if part]
