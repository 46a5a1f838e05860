"""The trace: marks in a build that say which block and which line each piece of HTML came from.

A traced build differs from the real one by these marks alone: `without_marks` gives the
real one back, byte for byte. Nobody is ever mailed a trace.
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
    """Where the HTML of one piece of an issue stands in the real HTML, in bytes of UTF-8."""

    piece: int
    """Index in `Issue.content`."""
    start: int
    end: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start


def around(piece: int, mjml: str) -> str:
    """The MJML of a piece between its marks."""
    return f"<!--nl-block {piece}-->{mjml}<!--nl-block end-->"


def piece_begun(comment: str) -> int | None:
    """The index in the text of a mark's comment; None for the mark that ends a piece and for other comments."""
    found = re.fullmatch(r"nl-block (\d+)", comment)
    return int(found[1]) if found else None


def is_end(comment: str) -> bool:
    """Whether the text of a comment is the mark that ends a piece."""
    return comment == "nl-block end"


def without_marks(html: str) -> str:
    """The real HTML of a traced one."""
    return _LINE.sub("", _BLOCK.sub("", html))


def spans(html: str) -> list[Span]:
    """Where each piece stands in the real HTML, from the traced one, in order."""
    found: list[Span] = []
    at, piece, start = 0, -1, 0
    last = 0
    for mark in _BLOCK.finditer(html):
        at += len(_LINE.sub("", html[last : mark.start()]).encode())
        last = mark.end()
        if mark[1] == "end":
            found.append(Span(piece=piece, start=start, end=at))
        else:
            piece, start = int(mark[1]), at
    return found


def line_of(attributes: Mapping[str, str]) -> int | None:
    """The line an element says it came from."""
    said = attributes.get(LINE)
    return int(said) if said and said.isdigit() else None
