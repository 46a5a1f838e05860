"""The source map: marks in a traced build that name the block and the line each piece of HTML came from.

A traced build differs from the real one by these marks alone: `without_marks` returns the real one, byte for
byte. A traced build is never mailed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LINE = "data-nl-line"
"""The attribute with the line (from 1) of the issue file where an element of a body begins."""
_BLOCK = re.compile(r"<!--nl-block (\d+|end)-->")
_LINE = re.compile(rf' {LINE}="\d+"')


@dataclass(frozen=True, kw_only=True)
class Span:
    """The part of the real HTML that one piece of an issue made, in bytes of UTF-8."""

    piece: int
    """Index in `Issue.content`."""
    start: int
    end: int

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.end - self.start


def around(piece: int, mjml: str) -> str:
    """Return the MJML of a piece between its marks."""
    return f"<!--nl-block {piece}-->{mjml}<!--nl-block end-->"


def piece_begun(comment: str) -> int | None:
    """Return the piece whose mark the text of a comment is; None for an end mark and for other comments."""
    mark = re.fullmatch(r"nl-block (\d+)", comment)
    return int(mark[1]) if mark else None


def is_end(comment: str) -> bool:
    """Tell whether the text of a comment is the mark that ends a piece."""
    return comment == "nl-block end"


def without_marks(html: str) -> str:
    """Return the real HTML of a traced one."""
    return _LINE.sub("", _BLOCK.sub("", html))


def spans(html: str) -> list[Span]:
    """Return the span of each piece in the real HTML, in order; `html` is the traced one."""
    pieces: list[Span] = []
    offset, piece, start = 0, -1, 0
    last = 0
    # Offsets are counted without the marks, which the real HTML lacks.
    for mark in _BLOCK.finditer(html):
        offset += len(_LINE.sub("", html[last : mark.start()]).encode())
        last = mark.end()
        if mark[1] == "end":
            pieces.append(Span(piece=piece, start=start, end=offset))
        else:
            piece, start = int(mark[1]), offset
    return pieces


def line_of(attributes: Mapping[str, str]) -> int | None:
    """Return the line that an element of a traced build came from."""
    line = attributes.get(LINE)
    return int(line) if line and line.isdigit() else None
