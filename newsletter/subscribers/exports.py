"""Exports: every reader as CSV, in the columns that `imports` reads back.

What is exported and imported again changes nothing; a property test holds that. A cell that a
spreadsheet would run gets an apostrophe in front, which an import takes off.
"""

from __future__ import annotations

from typing import TextIO

from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.subscribers.csv import CsvWriter
from newsletter.subscribers.imports import COLUMNS
from newsletter.subscribers.segments import field_names
from newsletter.subscribers.subscriber import Subscriber, subscriber_pages


def export_csv(database: Database, publication: Publication, stream: TextIO) -> int:
    """Write all readers of all statuses, in the order they joined; returns how many."""
    out = CsvWriter(stream)
    count = 0
    with database.read() as connection:
        declared = list(publication.config.fields)
        names = declared + [name for name in field_names(connection) if name not in declared]
        out.write([*COLUMNS, *names])
        for page in subscriber_pages(connection, with_consent=False):
            for one in page:
                out.write(_cells(one, names))
            count += len(page)
    return count


def _cells(reader: Subscriber, names: list[str]) -> list[str]:
    first_name, last_name, timezone, language, *own = (
        _text(reader.fields.get(name, "")) for name in ("first_name", "last_name", "timezone", "language", *names)
    )
    tags = ",".join(reader.tags)
    return [reader.email, first_name, last_name, reader.status, _lists(reader), tags, timezone, language, *own]


def _lists(reader: Subscriber) -> str:
    """The lists; one with another status than the whole says so: `daily,weekly:unsubscribed`."""
    whole = reader.status
    return ",".join(name if status == whole else f"{name}:{status}" for name, status in reader.lists.items())


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
