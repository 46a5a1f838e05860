"""What differs between two texts: line by line, and in lines that were changed, word by word.

Pure, for eyes rather than for `patch`: a line is a paragraph here, as in an email's plain text.
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
"""Of two lines that took each other's place, how much must be the same for the words to be compared."""
_AHEAD = 12
"""How many lines further on the counterpart of one is looked for."""
_MOST_WORDS = 2_000
"""Words of a line that are compared one by one; it takes the square of them."""


class LineChange(StrEnum):
    """What became of a line."""

    SAME = "same"
    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, kw_only=True)
class DiffPiece:
    """A run of characters of a line."""

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
    """Both texts, row by row: what is the same, changed, removed, added."""
    lines, others = left.split("\n"), right.split("\n")
    rows: list[Row] = []
    for kind, a, b, c, d in SequenceMatcher(None, lines, others).get_opcodes():
        if kind == "equal":
            rows += [Row(kind=LineChange.SAME, left=_same(line), right=_same(line)) for line in lines[a:b]]
        else:
            rows += _replaced(lines[a:b], others[c:d])
    return rows


def line_difference(left: str, right: str) -> Row:
    """Two lines, beside each other however little they have in common: of subjects, say."""
    if left == right:
        return Row(kind=LineChange.SAME, left=_same(left), right=_same(right))
    return _changed(left, right)


def folded(rows: Sequence[Row], around: int = 2) -> list[Row | int]:
    """The rows with `around` same ones beside each change, and how many are left out in between."""
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
    """Lines that took each other's place: those alike in pairs, the others removed and added."""
    bags = [_bag(line) for line in right]
    waiting = 0
    for line in left:
        ahead = range(waiting, min(waiting + _AHEAD, len(right)))
        alike = next((at for at in ahead if _likeness(_bag(line), bags[at]) >= _ALIKE), None)
        if alike is None:
            yield Row(kind=LineChange.REMOVED, left=_whole(line), right=())
            continue
        yield from (Row(kind=LineChange.ADDED, left=(), right=_whole(other)) for other in right[waiting:alike])
        yield _changed(line, right[alike])
        waiting = alike + 1
    yield from (Row(kind=LineChange.ADDED, left=(), right=_whole(other)) for other in right[waiting:])


def _bag(line: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", line))


def _likeness(words: Counter[str], others: Counter[str]) -> float:
    """The share of the words that both have."""
    return 2 * (words & others).total() / max(1, words.total() + others.total())


def _words(line: str) -> list[str]:
    """Words, white space and signs; a line that has too many is one."""
    found = _WORD.findall(line)
    return found if len(found) <= _MOST_WORDS else [line]


def _changed(line: str, other: str) -> Row:
    words, others = _words(line), _words(other)
    left: list[DiffPiece] = []
    right: list[DiffPiece] = []
    for kind, a, b, c, d in SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        one, two = "".join(words[a:b]), "".join(others[c:d])
        behind = _common_space(one, two) if kind != "equal" else ""
        left += _pieces(one, behind, differs=kind != "equal")
        right += _pieces(two, behind, differs=kind != "equal")
    return Row(kind=LineChange.CHANGED, left=tuple(left), right=tuple(right))


def _common_space(one: str, two: str) -> str:
    """The white space that both end in."""
    space = one[len(one.rstrip()) :]
    return space if space and two.strip() and one.strip() and two.endswith(space) else ""


def _pieces(text: str, behind: str, *, differs: bool) -> list[DiffPiece]:
    """A run, and what is behind it on both sides."""
    whole = [(text.removesuffix(behind) if behind else text, differs), (behind, False)]
    return [DiffPiece(text=part, differs=marked) for part, marked in whole if part]
