"""HTML and mail headers in coloured pieces, line by line, for people to read. Pygments finds the pieces.

Joined, the pieces are the text: nothing is changed or left out. The body of a raw message stays plain, because
Pygments reads a quoted-printable part as if it were decoded: each `=3D`, and each line that ends in `=`, breaks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

_KINDS = {
    "Comment": "comment",
    "Keyword": "name",  # a property in a style sheet
    "Keyword.Constant": "value",
    "Keyword.Type": "value",  # a unit in a style sheet
    "Literal": "value",
    "Name.Attribute": "name",
    "Name.Class": "name",
    "Name.Decorator": "value",  # a date in a header
    "Name.Label": "value",  # an address in a header
    "Name.Tag": "name",  # of a header, too
}
"""The kinds of pieces by Pygments' names for tokens; a token without a kind of its own has that of its family."""


class HighlightPiece(NamedTuple):
    """A part of a line with one colour."""

    kind: str
    """`name`, `value` or `comment`; empty for plain words."""
    text: str


def html_lines(page: str) -> list[list[HighlightPiece]]:
    """Return the lines of HTML in pieces; style sheets in it are coloured too."""
    return _lines(_lexed("html", page))


def header_lines(head: str) -> list[list[HighlightPiece]]:
    """Return the lines of mail headers in pieces: their names, and the addresses and dates in them."""
    # The lexer takes a header as one from its name to the line end; the one added for the last header goes again.
    return _lines(_lexed("headers", f"{head}\n"))[:-1]


def plain_lines(text: str) -> list[list[HighlightPiece]]:
    """Return the lines of a text, each as one piece."""
    return _lines([HighlightPiece("", text)])


def message_lines(raw: str) -> list[list[HighlightPiece]]:
    """Return the lines of a whole message: its headers in pieces, its body plain."""
    head, gap, body = raw.partition("\n\n")
    return [*header_lines(head), *plain_lines(gap[1:] + body)] if gap else header_lines(head)


def _lexed(language: str, text: str) -> Iterator[HighlightPiece]:
    tokens = ((_kind(str(token)), part) for _, token, part in _lexer(language).get_tokens_unprocessed(text))
    # The lexer of headers makes a token of each character, so neighbours of one kind are joined.
    for kind, group in groupby(tokens, key=lambda token: token[0]):
        yield HighlightPiece(kind, "".join(part for _, part in group))


@cache
def _lexer(language: str) -> Any:
    # Pygments is imported by the first view that needs it: the preview starts without.
    from pygments.lexers.email import EmailHeaderLexer
    from pygments.lexers.html import HtmlLexer

    return HtmlLexer() if language == "html" else EmailHeaderLexer(**{"highlight-X-header": True})


@cache
def _kind(token: str) -> str:
    """Return the kind of a token by its name, such as `Token.Name.Tag`."""
    names = token.split(".")[1:]
    families = (".".join(names[:end]) for end in range(len(names), 0, -1))
    return next((_KINDS[family] for family in families if family in _KINDS), "")


def _lines(pieces: Iterable[HighlightPiece]) -> list[list[HighlightPiece]]:
    lines: list[list[HighlightPiece]] = [[]]
    for kind, text in pieces:
        for index, part in enumerate(text.split("\n")):
            if index:
                lines.append([])
            if part:
                lines[-1].append(HighlightPiece(kind, part))
    return lines
