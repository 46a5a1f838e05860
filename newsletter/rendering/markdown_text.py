"""Markdown tokens to plain text: paragraphs, lists, quotations, tables, links, footnotes.

An address stands in angle brackets after its words (RFC 3986 appendix C). Merge tags stay tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from markdown_it.token import Token

from newsletter.issues.blocks import DOUBLE_RULE, RULE
from newsletter.issues.markdown.words import alt_text, note_sign
from newsletter.rendering.headings import top_level

_SIGNS = {"softbreak": " ", "hardbreak": "\n", "s_open": "~", "s_close": "~"}
"""Signs for tokens that are no words. Bold and italic words mean the same without theirs, struck ones the opposite."""
_UNDERLINES = (DOUBLE_RULE, RULE, RULE[:20], RULE[:12], RULE[:8], RULE[:4])
"""The lines under headings, by level: the lower, the shorter."""


def body_text(tokens: Sequence[Token], above: int = 0) -> str:
    """Return the text of a run of block tokens, without line breaks around it; `above` is the level of its title."""
    writer = _TextWriter(max(0, above + 1 - top_level(tokens)))
    for token in tokens:
        writer.write(token)
    return "".join(writer.out).strip("\n")


class _TextWriter:
    """Writes block tokens one after the other, and remembers how deep it is in lists and quotations."""

    def __init__(self, shift: int) -> None:
        """`shift` is the number of levels by which headings stand lower than written."""
        self.shift = shift
        self.out: list[str] = []
        self.prefixes: list[str] = []
        """The beginning of each line, a part for every list item and quotation around it."""
        self.markers: list[str] = []
        """As `prefixes`, for the next line: with the bullet or number of each item that has no text yet."""
        self.counters: list[int | None] = []
        """The next number of each open list; None for bullets."""
        self.opening = False
        """True when a list or table has begun and nothing of it is written."""
        self.is_tight = False
        self.heading = ""
        self.cells: list[str] | None = None

    def write(self, token: Token) -> None:
        """Write one token; tokens that only hold others together write nothing."""
        kind = token.type.removesuffix("_open").removesuffix("_close")
        handler = getattr(self, f"_{kind}", None)
        if handler is not None:
            handler(token)

    def _bullet_list(self, token: Token) -> None:
        if token.nesting > 0:
            is_ordered = token.type.startswith("ordered")
            self.opening = self.opening or not self.counters
            self.counters.append(int(token.attrs.get("start", 1)) if is_ordered else None)
        else:
            self.counters.pop()

    _ordered_list = _bullet_list

    def _list_item(self, token: Token) -> None:
        if token.nesting < 0:
            self._leave()
            return
        count = self.counters[-1]
        marker = "- " if count is None else f"{count}. "
        self.counters[-1] = None if count is None else count + 1
        self._enter(marker, " " * len(marker))

    def _footnotes(self, token: Token) -> None:
        self.opening = token.nesting > 0

    def _footnote(self, token: Token) -> None:
        if token.nesting > 0:
            sign = f"{note_sign(token)} "
            self._enter(sign, " " * len(sign))
            return
        # A note without text has its number all the same.
        if self.markers != self.prefixes:
            self._put("")
        self._leave()

    def _blockquote(self, token: Token) -> None:
        if token.nesting > 0:
            self._enter("> ", "> ")
        else:
            self._leave()

    def _enter(self, marker: str, prefix: str) -> None:
        self.markers.append(marker)
        self.prefixes.append(prefix)

    def _leave(self) -> None:
        self.markers.pop()
        self.prefixes.pop()

    def _paragraph(self, token: Token) -> None:
        self.is_tight = token.hidden

    def _heading(self, token: Token) -> None:
        self.heading = token.tag if token.nesting > 0 else ""

    def _tr(self, token: Token) -> None:
        if token.nesting < 0:
            self._put(" | ".join(self.cells or []), close=not self.opening)
        self.cells = [] if token.nesting > 0 else None

    def _table(self, token: Token) -> None:
        self.opening = token.nesting > 0

    def _inline(self, token: Token) -> None:
        words = inline_text(token.children or [])
        if self.cells is not None:
            self.cells.append(words)
            return
        # A picture that only decorates has no words; comments and spaces beside it stand for nothing.
        words = words.strip()
        if not words:
            return
        if self.heading:
            words = f"{words}\n{_UNDERLINES[min(int(self.heading[1]) + self.shift, 6) - 1]}"
        self._put(words, close=self.markers != self.prefixes and self.is_tight and not self.opening)

    def _fence(self, token: Token) -> None:
        self._put("\n".join(f"    {line}" for line in token.content.rstrip("\n").split("\n")))

    _code_block = _fence

    def _hr(self, token: Token) -> None:
        self._put(RULE)

    def _condition(self, token: Token) -> None:
        self.out.append(token.content)

    def _put(self, text: str, *, close: bool = False) -> None:
        """Write a paragraph behind its prefixes; `close` leaves out the empty line before it."""
        first, prefix = "".join(self.markers), "".join(self.prefixes)
        lines = text.split("\n")
        self.out.append("\n" if close else "\n\n")
        self.out.append("\n".join([first + lines[0], *(prefix + line for line in lines[1:])]))
        self.markers, self.opening = [*self.prefixes], False


def inline_text(children: Iterable[Token]) -> str:
    """Return the words of a run of inline tokens; links keep their address, pictures their alt text.

    Struck words stand between tildes.
    """
    out: list[str] = []
    links: list[tuple[str, int]] = []
    for token in children:
        if token.type == "link_open":
            links.append((str(token.attrs.get("href", "")), len(out)))
        # Link texts hold other tokens, so a link's words are known at its end only.
        elif token.type == "link_close":
            url, start = links.pop()
            out[start:] = [with_address("".join(out[start:]), url)]
        elif token.type == "image":
            out.append(picture_text(alt_text(token.children or ())))
        elif token.type == "footnote_ref":
            out.append(note_sign(token))
        else:
            out.append(_SIGNS.get(token.type, token.content))
    return "".join(out)


def picture_text(alt: str) -> str:
    """Return the words that stand for a picture; none for one that only decorates."""
    return f"[{alt}]" if alt else ""


def with_address(words: str, url: str) -> str:
    """Return words with the address that they lead to, only the address when the words are it."""
    # A bare address is its own words, which leave out what every address begins with.
    if not url or url == f"mailto:{words}":
        return words
    return f"<{url}>" if words in ("", url, unquote(url)) or url == f"https://{words}" else f"{words} <{url}>"
