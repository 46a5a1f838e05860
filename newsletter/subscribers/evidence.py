"""Read what is stored of readers although it is damaged, and leave the keys of their own pages out of what is shown.

Evidence is never changed once it is written, so it is cleaned whenever it is read: that serves restored backups, too.
Earlier versions kept whole addresses of readers' pages, and texts with half of a surrogate pair, which no page and no
terminal can write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

UNREADABLE = "unreadable"
"""The name under which the text of details that are no JSON is shown."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SLASH = r"(?:/|%2F)"
_PERSONAL = re.compile(
    rf"({_SLASH}(?:confirm|preferences|unsubscribe)){_SLASH}[^\s\"'<>]+"
    rf"|({_SLASH}[co]){_SLASH}[\w-]{{24,}}[^\s\"'<>]*",
    re.IGNORECASE,
)
"""A reader's own page, or a counted link, from its route on: the token, and whatever follows it."""


def read_object(text: str) -> dict[str, Any]:
    """Return a stored JSON object, in characters that exist; `{"unreadable": text}` when it is none."""
    details = _decoded(text)
    return details if isinstance(details, dict) else {UNREADABLE: text}


def read_details(text: str) -> dict[str, Any]:
    """Return the details of evidence as `read_object` does, without the tokens of readers' pages."""
    details: dict[str, Any] = _each_text(read_object(text), without_tokens)
    return details


def read_list(text: str) -> list[Any]:
    """Return a stored JSON list, in characters that exist; empty when it is none."""
    values = _decoded(text)
    return values if isinstance(values, list) else []


def without_tokens(text: str) -> str:
    """Return a text with the addresses of readers' own pages cut off after their route."""
    return _PERSONAL.sub(lambda match: match[1] or match[2], text)


def _writable(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value of JSON with each of its texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _each_text(part, change) for name, part in value.items()}
    return [_each_text(part, change) for part in value] if isinstance(value, list) else value


def _decoded(text: str) -> Any:
    """Return what the text says, in characters that exist; None when it is no JSON."""
    try:
        return msgspec.json.decode(text)  # refuses half of a surrogate pair
    except (msgspec.DecodeError, UnicodeEncodeError):
        pass
    # Python's own reader takes half of a surrogate pair, and numbers that JSON does not have.
    try:
        return _each_text(json.loads(text), _writable)
    except (ValueError, RecursionError):
        return None
