"""The places of inline tokens: the line and column of each character, and the part of the text a token came from."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from markdown_it.token import Token

_PAIR = re.compile(r"\*\*|~~")
_MARKS = ("em_open", "em_close", "strong_open", "strong_close", "s_open", "s_close")


def place_in(token: Token, at: int, lines: Sequence[str], first: int = 0) -> tuple[int, int]:
    """Return line (from 0) and column (from 1) of a character of an inline token's content in the parsed `lines`.

    `first` is the index of the line that tokens count from. Markdown strips what stands before
    the content of a line: a list's indent, a quotation's `>`.
    """
    if "rows" not in token.meta:
        token.meta["rows"] = list(_rows(token, lines, first))
    rows: list[tuple[int, int]] = token.meta["rows"]
    row = bisect_right(rows, at, key=lambda row: row[0]) - 1
    start, first = rows[row]
    return (token.map[0] if token.map else 0) + row, first + at - start if first else 1


def _rows(token: Token, lines: Sequence[str], first: int) -> Iterator[tuple[int, int]]:
    """Yield offset and first column of each line of an inline token's content; column 0 where Markdown changed it."""
    start, line = 0, first + (token.map[0] if token.map else 0)
    for written in token.content.split("\n"):
        indent = len(written) - len(written.lstrip())
        column = lines[line].find(written.strip()) if line < len(lines) else -1
        yield start, column - indent + 1 if column >= 0 else 0
        start, line = start + len(written) + 1, line + 1


def place_links(tokens: Iterable[Token], lines: Sequence[str]) -> None:
    """Add to links and pictures their `meta["line"]` (from 0) and `meta["column"]` (from 1)."""
    for token in tokens:
        for child in token.children or ():
            if child.type in ("link_open", "image") and "at" in child.meta:
                child.meta["line"], child.meta["column"] = place_in(token, child.meta["at"], lines)


def place_texts(token: Token) -> None:
    """Add to each text of an inline token the offsets of its source, `meta["at"]` and `meta["end"]`.

    The token itself gets `meta["escapes"]`, the offsets of escapes and entities, and `meta["marks"]`, the marks of
    emphasis that are words. Works before markdown-it joins texts with escapes: until then a text is a part of the
    content, unchanged.
    """
    at, ends = 0, []
    escapes: list[tuple[int, int]] = token.meta.setdefault("escapes", [])
    for child in token.children or ():
        if child.type in ("text", "text_special"):
            written = child.markup if child.type == "text_special" else child.content
            start = token.content.find(written, at)
            if written and start >= 0:
                at = start + len(written)
                child.meta = {**child.meta, "at": start, "end": at}
                if child.type == "text_special":
                    escapes.append((start, at))
                elif "**" in written or "~~" in written:
                    token.meta.setdefault("marks", []).extend(
                        (start + mark.start(), mark[0]) for mark in _PAIR.finditer(written)
                    )
        elif child.type in _MARKS:
            at += len(child.markup)
        elif child.type == "link_open" and "at" in child.meta:
            ends.append(child.meta["end"])
            at = child.meta["at"] + 1
        elif child.type == "link_close" and ends:
            at = ends.pop()
        elif "end" in child.meta:
            at = child.meta["end"]


def words_of(token: Token, *, has_addresses: bool = False) -> str:
    """Return the content of an inline token with NUL in place of what became markup: code, links, pictures, comments.

    The words of a link stay; those of a bare address only if `has_addresses`.
    """
    text = list(token.content)
    for start, end in (*_markup(token, has_addresses), *token.meta.get("escapes", ()), *token.meta.get("comments", ())):
        text[start:end] = "\0" * (end - start)
    return "".join(text)


def _markup(token: Token, has_addresses: bool) -> Iterator[tuple[int, int]]:
    for child in token.children or ():
        at, end = child.meta.get("at", 0), child.meta.get("end", 0)
        if child.type in ("code_inline", "image", "footnote_ref"):
            yield at, end
        elif child.type == "link_open" and child.markup not in ("autolink", "linkify"):
            yield at, at + 1
            # A link is `[words](address)`, `[words][name]` or `[name]`.
            closing = max(token.content.rfind(sign, at, end) for sign in ("](", "]["))
            yield (closing if closing >= 0 else end - 1), end
        elif child.type == "link_open" and not (has_addresses and child.markup == "linkify"):
            yield at, end
