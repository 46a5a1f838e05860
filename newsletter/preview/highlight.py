"""HTML and mail headers cut into pieces with a kind each, line by line: for people to read, coloured.

A piece never changes what is shown: joined, the pieces are the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_HTML = re.compile(
    r"(?P<comment><!--.*?-->|<!\[.*?\]>|<![^>]*>)|(?P<tag></?[A-Za-z](?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>)", re.DOTALL
)
_INSIDE = re.compile(
    r"(?P<value>(?<==)(?:\"[^\"]*\"|'[^']*'|[^\s>\"']+))|(?P<name>^</?[\w:-]+|[\w:-]+(?==)|/?>$)", re.DOTALL
)
_HEADER = re.compile(r"(?P<name>^[\w-]+:)", re.MULTILINE)


class HighlightPiece(NamedTuple):
    """A part of a line."""

    kind: str
    """`tag`, `name`, `value`, `comment`; empty for words."""
    text: str


def html_lines(page: str) -> list[list[HighlightPiece]]:
    """The lines of HTML in pieces."""
    return _lines(_of_html(page))


def header_lines(head: str) -> list[list[HighlightPiece]]:
    """The lines of mail headers in pieces: names, and what they say."""
    return _lines(_cut(_HEADER, head, ""))


def plain_lines(text: str) -> list[list[HighlightPiece]]:
    """The lines of a text, each one piece."""
    return _lines(iter([HighlightPiece("", text)]))


def message_lines(raw: str) -> list[list[HighlightPiece]]:
    """The lines of a whole message: its headers in pieces, then what they are about."""
    head, gap, body = raw.partition("\n\n")
    return [*header_lines(head), *plain_lines(gap[1:] + body)] if gap else header_lines(head)


def _of_html(page: str) -> Iterator[HighlightPiece]:
    for piece in _cut(_HTML, page, ""):
        if piece.kind == "tag":
            yield from _cut(_INSIDE, piece.text, "tag")
        else:
            yield piece


def _cut(pattern: re.Pattern[str], text: str, between: str) -> Iterator[HighlightPiece]:
    """What a pattern finds, by the name of the group that found it, and what is between."""
    last = 0
    for found in pattern.finditer(text):
        if found.start() > last:
            yield HighlightPiece(between, text[last : found.start()])
        yield HighlightPiece(found.lastgroup or between, found[0])
        last = found.end()
    if last < len(text):
        yield HighlightPiece(between, text[last:])


def _lines(pieces: Iterator[HighlightPiece]) -> list[list[HighlightPiece]]:
    lines: list[list[HighlightPiece]] = [[]]
    for kind, text in pieces:
        for index, part in enumerate(text.split("\n")):
            if index:
                lines.append([])
            if part:
                lines[-1].append(HighlightPiece(kind, part))
    return lines
