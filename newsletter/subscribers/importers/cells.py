"""Parse the cells of files of readers: tags, full names, statuses on lists, JSON objects, invisible characters."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from newsletter.characters import with_marks
from newsletter.errors import suggestion
from newsletter.subscribers.importers.answers import said, status_suggestion
from newsletter.subscribers.writes import EVERYWHERE, Status

_INVISIBLE = (
    "\u00ad\u034f\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""Characters that nobody sees at the edge of a cell, which copying from pages and documents leaves there."""
_EDGES = "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace()) + _INVISIBLE
_NOWHERE = dict.fromkeys(map(ord, _INVISIBLE))
_TITLES = frozenset(("jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "mba", "msc", "bsc", "dds", "cpa", "rn", "jd"))
"""What stands behind the comma of `Lovelace, PhD`, without dots."""


def clean(cell: str) -> str:
    """Return the cell without white space and invisible characters around it."""
    return cell.strip() if cell.isascii() else cell.strip(_EDGES)


def clean_address(cell: str) -> str:
    """Return an address without invisible characters; it has none inside either."""
    return cell if cell.isascii() else cell.translate(_NOWHERE).strip()


def parse_tags(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the tags of cells such as `pro, early bird`, sorted, each once. Raises ValueError.

    A tag may stand in quotes (`"VIP","Blog readers"`), and a cell may be a JSON list (`["vip", "press"]`).
    """
    tags = {clean(tag) for text in texts for tag in _split(text.strip())} - {""}
    if bad := next((tag for tag in tags if with_marks(tag) != tag), ""):
        raise ValueError(f"the tag {bad!r} has a control character")
    return tuple(sorted(tags))


def join_tags(tags: Iterable[str]) -> str:
    """Return the cell that `parse_tags` reads as these tags."""
    return ",".join(_quoted(tag) if '"' in tag or "," in tag or tag.startswith("[") else tag for tag in tags)


def _quoted(tag: str) -> str:
    return '"' + tag.replace('"', '""') + '"'


def _split(text: str) -> list[str]:
    if text.startswith("[") and text.endswith("]"):
        return _of_json(text)
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise ValueError(f"the tags {text[:100]} cannot be read: a quote is not closed, or text follows it") from error


def _of_json(text: str) -> list[str]:
    try:
        entries = msgspec.json.decode(text, type=list[str | dict[str, object]])
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"the tags {text[:100]} are not a JSON list of texts") from error
    return [entry if isinstance(entry, str) else str(entry.get("name", "")) for entry in entries]


def parse_object(text: str) -> Mapping[str, str]:
    """Return the texts of a JSON object, by name; lists, objects and null are left out. Raises ValueError."""
    if not text or text in ("{}", "null", "[]"):
        return {}
    try:
        entries = msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"{text[:100]} is not a JSON object") from error
    simple = {name: value for name, value in entries.items() if isinstance(value, str | int | float | bool)}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value).strip() for name, value in simple.items()
    }


def field_name(text: str) -> str:
    """Return the name of a field made of any text, or nothing: `Emails opened (6mo)` is emails_opened_6mo."""
    name = re.sub(r"\W+", "_", text).strip("_").lower()
    return f"field_{name}" if name and not name.isidentifier() else name


def parse_statuses(known: Collection[str], default: str, lists: str, status: str = "") -> tuple[tuple[str, str], ...]:
    """Return pairs of list and Status from cells such as `daily, weekly:unsubscribed` and `active`.

    Without a list it is the default list, but a reader unsubscribed from no list in particular leaves all. Raises
    ValueError.
    """
    whole = parse_status(status) if status else Status.ACTIVE
    names = [name.strip() for name in lists.split(",") if name.strip()]
    if not names:
        return ((EVERYWHERE, whole), (default, whole)) if whole is Status.UNSUBSCRIBED else ((default, whole),)
    return tuple(_on_list(known, name, whole) for name in names)


def limited(statuses: tuple[tuple[str, str], ...], to: Status) -> tuple[tuple[str, str], ...]:
    """Return the statuses of a reader who may be no more than pending, or unsubscribed: then from every list."""
    if to is Status.UNSUBSCRIBED:
        return ((EVERYWHERE, to), *((name, to) for name, _ in statuses if name != EVERYWHERE))
    return tuple((name, to if status == Status.ACTIVE else status) for name, status in statuses)


def _on_list(known: Collection[str], text: str, whole: Status) -> tuple[str, Status]:
    name, colon, own = text.rpartition(":")
    if text in known or not colon:
        name, own = text, ""
    name = name.strip()
    if name not in known:
        raise ValueError(f'no list is named "{name}". {suggestion(name, known, "Lists")}')
    return name, parse_status(own.strip()) if own else whole


def parse_status(text: str) -> Status:
    """Return the status of a word such as `active` or `Subscribed`. Raises ValueError with what is allowed."""
    if answer := said(text):
        return answer.status
    near = status_suggestion(text)
    meant = f'Did you mean "{near}"? ' if near else ""
    raise ValueError(f'"{text}" is not a status. {meant}Statuses: {", ".join(sorted(Status))}.')


def split_name(name: str) -> tuple[str, str]:
    """Return first and family name: at the comma of `Lovelace, Ada`, else at the first space.

    A comma before a title (`Lovelace, PhD`) or after several names (`Ada Lovelace, Countess`) turns nothing round.
    """
    family, _, first = (part.strip() for part in name.partition(","))
    is_title = first.replace(".", "").casefold() in _TITLES
    if first and "," not in first and not is_title and _is_family_name(family):
        return first, family
    first, _, family = name.partition(" ")
    return first, family.strip()


def _is_family_name(text: str) -> bool:
    """Tell whether it is one name, after words such as `van der`."""
    words = text.split()
    return bool(words) and all(word.islower() for word in words[:-1])
