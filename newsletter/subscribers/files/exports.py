"""Export every reader as CSV, in the columns that `imports.py` reads.

Importing an export changes nothing; a property test proves it. A cell that a spreadsheet would run as a formula
gets an apostrophe in front, which an import removes.
"""

from __future__ import annotations

from typing import TextIO

from newsletter.config import PublicationSettings
from newsletter.config.fields import READER_COLUMNS
from newsletter.database.connection import Database
from newsletter.subscribers.csv import CsvWriter
from newsletter.subscribers.importers.cells import join_tags
from newsletter.subscribers.segments import field_names
from newsletter.subscribers.subscriber import Subscriber, subscriber_pages


def export_csv(database: Database, publication: PublicationSettings, stream: TextIO) -> int:
    """Write all readers of all statuses, in the order they joined; return how many."""
    out = CsvWriter(stream)
    count = 0
    with database.read() as connection:
        # Fields that are not declared (any more) are exported, too: an export loses nothing.
        declared = list(publication.config.fields)
        names = declared + [name for name in field_names(connection) if name not in declared]
        columns = [*READER_COLUMNS, *names]
        out.write(columns)
        for page in subscriber_pages(connection, with_consent=False):
            for reader in page:
                cells = _cells(reader)
                out.write([cells.get(column, "") for column in columns])
            count += len(page)
    return count


def _cells(reader: Subscriber) -> dict[str, str]:
    """Return the cells of one reader by column; unknown values have none."""
    consent = {"status": str(reader.status), "lists": _lists(reader), "tags": join_tags(reader.tags)}
    return {name: _text(value) for name, value in reader.fields.items()} | {"email": reader.email} | consent


def _lists(reader: Subscriber) -> str:
    """Return the cell of the lists; a status other than the reader's follows its list: `daily,weekly:unsubscribed`."""
    whole = reader.status
    return ",".join(name if status == whole else f"{name}:{status}" for name, status in reader.lists.items())


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
