"""Define what is known of a reader: the columns that every publication has, and its own fields.

READER_COLUMNS is the one list of columns for imports, exports, sign-ups, recipients and the command line. Add a
column: its line there, its column in `database/tables.py` and a migration, its line in `docs/readers.md`. A
publication's own fields are typed by `[fields]` of newsletter.toml, and text when not declared there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from newsletter.times import parse_zone

FieldValue = str | int | float | bool
Kinds = Mapping[str, str]
"""`[fields]`: text, number, date or boolean by name."""

_LANGUAGE = re.compile(
    r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*"
)  # RFC 5646 section 2.2.1: longer ones are registered to none
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SPACES = re.compile(r"\s+")


def _one_line(text: str) -> str:
    return _SPACES.sub(" ", text)  # a name goes into a header, on one line


@lru_cache(maxsize=1024)
def _zone(text: str) -> str:
    return str(parse_zone(text))


def _language(text: str) -> str:
    tag = text.partition(".")[0].replace("_", "-")  # `fr_CA.UTF-8`, as Unix writes it
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError(f'language "{text}" is not one; write it as en or pt-BR')
    return tag


@dataclass(frozen=True, kw_only=True)
class ReaderColumn:
    """A column of every reader: in CSV files, in the database, and as an option of `subscribers add`."""

    kind: Literal["address", "field", "consent", "tags"] = "field"
    """A field is a text column of the database; the others have tables or a form of their own."""
    parse: Callable[[str], str] = _one_line
    """Returns a field's value from text. Raises ValueError with what is allowed."""
    in_merge_tags: bool = False
    """Whether issues may print it without declaring it."""
    metavar: str = "TEXT"
    help: str = ""
    """The help of the option of `subscribers add`."""


READER_COLUMNS: Mapping[str, ReaderColumn] = {
    "email": ReaderColumn(kind="address", in_merge_tags=True),
    "first_name": ReaderColumn(in_merge_tags=True, metavar="NAME", help="The reader's first name"),
    "last_name": ReaderColumn(in_merge_tags=True, metavar="NAME", help="The reader's family name"),
    "status": ReaderColumn(kind="consent"),
    "lists": ReaderColumn(kind="consent"),
    "tags": ReaderColumn(kind="tags"),
    "timezone": ReaderColumn(parse=_zone, metavar="ZONE", help="The reader's time zone, as Europe/Berlin"),
    "language": ReaderColumn(parse=_language, metavar="CODE", help="The reader's language, as en or pt-BR"),
}
"""A reader's columns by name, in the order in which files have them."""
BUILT_IN = tuple(name for name, column in READER_COLUMNS.items() if column.kind == "field")
"""The built-in fields: text columns of the table `subscriber`."""
RESERVED = (*READER_COLUMNS, "unsubscribe_url", "preferences_url", "web_url")
"""Names that no field of a publication may have."""


def parse_built_in(name: str, text: str) -> str:
    """Return the value of a built-in field. Raises ValueError with what is allowed."""
    _check_text(name, text)
    return READER_COLUMNS[name].parse(text)


def parse_field(name: str, text: str, kinds: Kinds) -> FieldValue:
    """Return the value of a publication's own field, as its kind wants it. Raises ValueError with what is allowed."""
    _check_text(name, text)
    return _PARSERS[kinds.get(name, "text")](name, text)


def check_name(name: str) -> None:
    """Refuse a name that a merge tag could not use. Raises ValueError."""
    if not name.isidentifier() or name.startswith("_"):
        raise ValueError(f'"{name}" cannot be a field: use letters, digits and _, and start with a letter')
    if name in RESERVED:
        raise ValueError(f'"{name}" cannot be a field: it has a meaning of its own')


def full_name(first_name: str, last_name: str, fields: Mapping[str, object]) -> str:
    """Return a reader's full name: an own field `name`, else first and last name; empty when unknown."""
    return str(fields.get("name") or f"{first_name} {last_name}".strip())


def _check_text(name: str, text: str) -> None:
    if text.isprintable():
        return
    if _CONTROL.search(text):
        raise ValueError(f"{name} has a control character")
    if _SURROGATE.search(text):
        raise ValueError(f"{name} has a character that does not exist: half of a surrogate pair")


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
