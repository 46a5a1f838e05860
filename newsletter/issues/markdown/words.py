"""The words of inline tokens where only words may stand: the alt text of pictures."""

from __future__ import annotations

from collections.abc import Iterable

from markdown_it.token import Token


def alt_text(tokens: Iterable[Token]) -> str:
    """Return the words of the tokens inside a picture's brackets, as one line."""
    return "".join(_words(token) for token in tokens)


def _words(token: Token) -> str:
    if token.type == "image":
        return alt_text(token.children or ())
    if token.type == "footnote_ref":
        return note_sign(token)
    return " " if token.type in ("softbreak", "hardbreak") else token.content


def note_sign(token: Token) -> str:
    """Return what stands for a reference to a footnote where there is no small type: `[1]`."""
    return f"[{token.meta['number']}]"
