"""Find the lines and cells of a body that Markdown read into no token, whose words would silently be missing.

markdown.py asks after each parse. Lines may stand for nothing by right: link definitions, dropped comments
and the `:::` that closes a block; the parser's rules know those lines and hand them over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from markdown_it.token import Token

_ONLY_MARKS = re.compile(r"(?:[\s>*+-]|\d{1,9}[.)])*")
"""An empty line, or one with the marks of quotations and empty list items alone."""
_CONTENT = frozenset(("paragraph_open", "heading_open", "table_open", "fence", "code_block", "hr", "condition"))
"""Tokens whose lines are all theirs; those of a list or a quotation only hold others."""


def lost_lines(tokens: Iterable[Token], lines: Sequence[str], known: Iterable[Sequence[int]]) -> Iterator[int]:
    """Yield each line (from 0) with words that no token holds; `known` are runs of lines without a token by right.

    A run is its first line and the line after its last.
    """
    kept = bytearray(len(lines))
    for first, end in [*_runs(tokens), *known]:
        kept[first:end] = b"\1" * (min(end, len(lines)) - first)
    for number, line in enumerate(lines):
        if not kept[number] and not _ONLY_MARKS.fullmatch(line):
            yield number


def _runs(tokens: Iterable[Token]) -> Iterator[Sequence[int]]:
    for token in tokens:
        if token.map and token.type in _CONTENT:
            yield token.map
        elif token.map and token.type == "block_open":
            # Its map ends before the closing line; a block that closes itself has none.
            yield (token.map[0], token.map[0] + 1)


def cut_rows(tokens: Sequence[Token], lines: Sequence[str]) -> Iterator[int]:
    """Yield each line (from 0) of a table's row with words behind its last cell: Markdown drops the cells too many."""
    line, last = 0, ""
    for index, token in enumerate(tokens):
        if token.type == "tr_open" and token.map:
            line, last = token.map[0], ""
        elif token.type == "inline" and tokens[index - 1].type in ("td_open", "th_open"):
            last = _without_bars(token.content) or last
        elif token.type == "tr_close" and line < len(lines):
            # A bar inside a cell is written with a backslash, which Markdown takes away.
            written = _without_bars(lines[line].replace("\\|", "|"))
            if not written.endswith(last) or (not last and not _ONLY_MARKS.fullmatch(written.replace("|", ""))):
                yield line


def _without_bars(text: str) -> str:
    return re.sub(r"[\s|]+\Z", "", text)
