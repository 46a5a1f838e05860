"""Escapes: how a reader's value is made safe for the place it stands in.

Values are data: never a template, never markup, never a header. Which place that is, `fragments` says.
"""

from __future__ import annotations

import html as html_escapes
import re
from collections.abc import Callable
from urllib.parse import quote

Escape = Callable[[str], str]
_MARKUP = re.compile("[<>&\"']")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
CLEAN_ADDRESS = re.compile(r"https?://[A-Za-z0-9/:?#@!$()*+,;=._~%-]*", re.ASCII)
"""Nothing of it has to be changed, wherever it stands; every link that we make is one."""
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)


def clean(value: object) -> str:
    """A value as text: without control characters (Gmail clips an email at some of them), lines end in `\\n`."""
    text = value if type(value) is str else str(value)
    if text.isprintable():
        return text
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def in_html(value: str) -> str:
    """For HTML text and for attributes in either kind of quotes."""
    return html_escapes.escape(value, quote=True) if _MARKUP.search(value) else value


def in_url(value: str) -> str:
    """For a part of an address in an attribute: everything but letters, digits and `-._~` percent-encoded."""
    return quote(value, safe="")


def as_url(value: str) -> str:
    """For a value that is the whole address: only one that leads somewhere safe, else `#`."""
    if CLEAN_ADDRESS.fullmatch(value):
        return value
    return html_escapes.escape(as_plain_url(value) or "#", quote=True)


def as_plain_url(value: str) -> str:
    """For a value that is the whole address in the text part; empty when it leads nowhere safe."""
    if CLEAN_ADDRESS.fullmatch(value):
        return value
    value = value.strip()
    return quote(value, safe=":/?#[]@!$&'()*+,;=%-._~") if _ADDRESS.match(value) else ""


def in_style(value: str) -> str:
    """For a style attribute: what colours and lengths are made of."""
    return re.sub(r"[^\w#%., -]", "", value)


def as_text(value: str) -> str:
    """For the text part."""
    return value


def as_token(value: str) -> str:
    """For what we made of letters, digits, `-` and `_`: it is the same wherever it stands."""
    return value
