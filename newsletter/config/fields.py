"""What is known of a reader besides the address: which fields there are, and what they may hold.

Pure. The built-in fields are columns; the publication's own are typed by `[fields]` of
newsletter.toml, and text when not declared there. Who keeps them is `subscribers`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from newsletter.times import parse_zone

BUILT_IN = ("first_name", "last_name", "timezone", "language")
"""Columns of their own, besides `email`."""
RESERVED = ("email", "status", "lists", "tags", *BUILT_IN, "unsubscribe_url", "preferences_url", "web_url")
"""Names that mean something else."""

FieldValue = str | int | float | bool
Kinds = Mapping[str, str]
"""`[fields]`: text, number, date or boolean by name."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACES = re.compile(r"\s+")


def parse_built_in(name: str, text: str) -> str:
    """The value of a built-in field. Raises ValueError with what is allowed."""
    _check_text(name, text)
    if name == "timezone":
        return _zone(text)
    if name == "language" and not _LANGUAGE.fullmatch(text):
        raise ValueError(f'language "{text}" is not one; write it as en or pt-BR')
    return _SPACES.sub(" ", text)  # a name goes into a header, on one line


def parse_field(name: str, text: str, kinds: Kinds) -> FieldValue:
    """The value of an own field, as its kind wants it. Raises ValueError with what is allowed."""
    _check_text(name, text)
    return _PARSERS[kinds.get(name, "text")](name, text)


def check_name(name: str) -> None:
    """Refuse a name that a merge tag could not use. Raises ValueError."""
    if not name.isidentifier() or name.startswith("_"):
        raise ValueError(f'"{name}" cannot be a field: use letters, digits and _, and start with a letter')
    if name in RESERVED:
        raise ValueError(f'"{name}" cannot be a field: it has a meaning of its own')


def full_name(first_name: str, last_name: str, fields: Mapping[str, object]) -> str:
    """What a reader is called: an own field `name`, else first and last name; empty when unknown."""
    return str(fields.get("name") or f"{first_name} {last_name}".strip())


def _check_text(name: str, text: str) -> None:
    if not text.isprintable() and _CONTROL.search(text):
        raise ValueError(f"{name} has a control character")


@lru_cache(maxsize=1024)
def _zone(text: str) -> str:
    return str(parse_zone(text))


def _text(_name: str, text: str) -> str:
    return text


def _number(name: str, text: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f'{name} "{text}" is not a number')
    return float(text) if "." in text else int(text)


def _date(name: str, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f'{name} "{text}" is not a date; write it as 2025-01-17') from error


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(f'{name} "{text}" is neither true nor false')
    return _TRUTH[text.lower()]


_PARSERS = {"text": _text, "number": _number, "date": _date, "boolean": _boolean}
