"""Escapes: functions that make a reader's value safe for its place in a message.

Values are data: never a template, never markup, never a header. fragments.py finds the place of each slot.
"""

from __future__ import annotations

import html as html_escapes
import re
from collections.abc import Callable
from urllib.parse import quote

from newsletter.characters import without_forbidden

Escape = Callable[[str], str]
_MARKUP = re.compile("[<>&\"']")
CLEAN_ADDRESS = re.compile(r"https?://[A-Za-z0-9/:?#@!$()*+,;=._~%-]*", re.ASCII)
"""An address that is safe in every place as it is; every link that we make is one."""
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)


def clean(value: object) -> str:
    """Return a value as text without control characters (Gmail clips an email at some), lines ending in `\\n`.

    Direction overrides go too: unclosed in a name, they would turn round the rest of the line.
    """
    text = value if type(value) is str else str(value)
    if text.isprintable():
        return text
    return without_forbidden(text.replace("\r\n", "\n").replace("\r", "\n"))


def in_html(value: str) -> str:
    """Escape a value for HTML text and for attributes in either kind of quotes."""
    return html_escapes.escape(value, quote=True) if _MARKUP.search(value) else value


def in_url(value: str) -> str:
    """Escape a part of an address: everything but letters, digits and `-._~` is percent-encoded."""
    return quote(value, safe="")


def as_url(value: str) -> str:
    """Escape a whole address for an attribute; one that is not http(s), mailto or tel becomes `#`."""
    if CLEAN_ADDRESS.fullmatch(value):
        return value
    # `javascript:` and `data:` would run in a browser.
    return html_escapes.escape(as_plain_url(value) or "#", quote=True)


def as_plain_url(value: str) -> str:
    """Escape a whole address for the text part; one that is not http(s), mailto or tel becomes empty."""
    if CLEAN_ADDRESS.fullmatch(value):
        return value
    value = value.strip()
    return quote(value, safe=":/?#[]@!$&'()*+,;=%-._~") if _ADDRESS.match(value) else ""


def in_style(value: str) -> str:
    """Escape a value for a style attribute: only the characters of colours and lengths are kept."""
    return re.sub(r"[^\w#%., -]", "", value)


def as_text(value: str) -> str:
    """Return a value for the text part, where every character is safe."""
    return value


def as_token(value: str) -> str:
    """Return a token of ours: letters, digits, `-` and `_` are safe in every place."""
    return value
