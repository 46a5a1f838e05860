"""Import readers from a CSV file of any size, in constant memory.

Rows are written in transactions of a few thousand: an import that is stopped keeps the good rows before, and running
it again finishes it. This module knows what the columns mean; `writes.py` decides what may happen to a reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedIOBase
from typing import NamedTuple

from newsletter.addresses import parse_address
from newsletter.config import Publication
from newsletter.config.fields import BUILT_IN, READER_COLUMNS, check_name, parse_built_in, parse_field
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError, suggestion
from newsletter.subscribers import consent
from newsletter.subscribers.csv import CsvFile, Record, unguard
from newsletter.subscribers.writes import EVERYWHERE, MOST_ENTRIES, Effect, EntryResult, Status, SubscriberEntry, enter

MOST_KEPT = 1_000
"""Refusals that a report keeps; all of them are counted, and passed to the listener."""
_MOST_CACHED = 10_000
"""Parsed cells that are kept: files have the same few lists and tags in every row."""
_LONGEST_SHOWN = 300
"""Characters of a cell that are printed."""


class Refusal(NamedTuple):
    """A row that was not imported."""

    row: int
    email: str
    reason: str
    cells: Sequence[str]
    """The cells as the file has them."""


@dataclass(kw_only=True)
class ImportReport:
    """The counts of an import; added, updated, unchanged and refused add up to rows."""

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    kept_unsubscribed: int = 0
    """Rows of readers who left and were not brought back; they are counted above as well."""
    refusals: list[Refusal] = field(default_factory=list)
    """The first refusals, at most MOST_KEPT."""

    def as_json(self) -> dict[str, object]:
        """Return what `subscribers import --json` prints."""
        named = {"rows", "added", "updated", "unchanged", "refused", "kept_unsubscribed"}
        counts: dict[str, object] = {name: value for name, value in vars(self).items() if name in named}
        return counts | {"refusals": [{"row": r.row, "email": r.email, "reason": r.reason} for r in self.refusals]}


@dataclass(kw_only=True)
class ImportListener:
    """Functions that an import calls while it runs."""

    started: Callable[[Sequence[str]], None] = lambda header: None
    """Called with the header once it is known to be good."""
    refused: Callable[[Refusal], None] = lambda refusal: None
    """Called for each row that is refused."""
    progress: Callable[[int, int], None] = lambda rows, position: None
    """Called after each transaction with the rows and the bytes read so far."""


def import_csv(
    database: Database,
    publication: Publication,
    file: BufferedIOBase,
    name: str,
    *,
    now: datetime,
    resubscribe: Collection[str] = (),
    listener: ImportListener | None = None,
) -> ImportReport:
    """Import a seekable file; return the counts.

    `name` is the file's, for messages and for the evidence, which also has its SHA-256. `resubscribe` has the address
    keys of readers who left and may be brought back. Raises NewsletterError when the file cannot be read at all.
    """
    listener = listener or ImportListener()
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    rows, columns = _open(publication, file, name)
    listener.started(rows.header)
    # In a transaction of its own: the evidence of every later one refers to it.
    with database.begin() as connection:
        source_id = consent.record_source(connection, "import", {"file": name, "sha256": digest}, now)
    run = _ImportRun(database, source_id, now, resubscribe, listener)
    for record in rows:
        run.take(record, columns)
        if len(run.entries) == MOST_ENTRIES:
            run.flush(file.tell())
    run.flush(file.tell())
    return run.report


def _open(publication: Publication, file: BufferedIOBase, name: str) -> tuple[CsvFile, _FileColumns]:
    try:
        rows = CsvFile(file, must_have="email")
        return rows, _FileColumns(publication, rows.header)
    except ValueError as error:
        named = ", ".join(READER_COLUMNS)
        hint = f"Nothing was imported. The first row names the columns: {named}, or fields of your own."
        raise NewsletterError(str(error), place=f"{name}:1", hint=hint) from error


def _shown(text: str) -> str:
    """Return the text cut short, without characters that a terminal would act on."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[:_LONGEST_SHOWN])


class _ImportRun:
    """An import under way: the entries that wait for their transaction, and the counts."""

    def __init__(
        self, database: Database, source_id: int, now: datetime, resubscribe: Collection[str], listener: ImportListener
    ) -> None:
        self.database = database
        self.source_id = source_id
        self.now = now
        self.resubscribe = resubscribe
        self.listener = listener
        self.report = ImportReport()
        self.entries: list[SubscriberEntry] = []
        self.records: list[Record] = []

    def take(self, record: Record, columns: _FileColumns) -> None:
        """Parse one record, and keep its entry for `flush`; a bad record is refused at once."""
        try:
            if record.problem:
                raise ValueError(record.problem)
            entry = columns.entry(record.cells)
        except ValueError as error:
            self._refuse(record, columns.email_of(record.cells), str(error))
            return
        if entry:
            self.entries.append(entry)
            self.records.append(record)

    def flush(self, position: int) -> None:
        """Write the entries taken since the last call, in one transaction."""
        if self.entries:
            with self.database.begin() as connection:
                results = enter(connection, self.entries, self.source_id, self.now, self.resubscribe)
            for record, entry, result in zip(self.records, self.entries, results, strict=True):
                self._count(record, entry, result)
            self.entries, self.records = [], []
        self.listener.progress(self.report.rows, position)

    def _count(self, record: Record, entry: SubscriberEntry, result: EntryResult) -> None:
        report = self.report
        if result.effect is Effect.REFUSED:
            self._refuse(record, entry.email, result.reason)
            return
        report.rows += 1
        report.added += result.effect is Effect.ADDED
        report.updated += result.effect is Effect.UPDATED
        report.unchanged += result.effect is Effect.UNCHANGED
        report.kept_unsubscribed += result.kept_unsubscribed

    def _refuse(self, record: Record, email: str, reason: str) -> None:
        refusal = Refusal(record.row, _shown(email), _shown(reason), record.cells)
        self.report.rows += 1
        self.report.refused += 1
        if len(self.report.refusals) < MOST_KEPT:
            self.report.refusals.append(refusal._replace(cells=()))  # a row may be a megabyte
        self.listener.refused(refusal)


class _FileColumns:
    """The columns of a file by name; turns a row's cells into an entry."""

    def __init__(self, publication: Publication, header: list[str]) -> None:
        """Raises ValueError for columns that are double or cannot be fields."""
        self._lists = publication.config.lists
        self._default = publication.default_list
        self._kinds = publication.config.fields
        spelled = {name.lower(): name for name in self._kinds}
        header = [spelled.get(name, name) for name in header]
        if double := next((name for name in header if name and header.count(name) > 1), ""):
            raise ValueError(f'two columns are named "{double}"')
        # A file of refused rows (--rejects) begins with _row and _reason, and may be imported as it is.
        self._at = {name: header.index(name) for name in header if name and not name.startswith("_")}
        self._email = self._at["email"]
        self._fields = [(name, at) for name, at in self._at.items() if name not in READER_COLUMNS]
        for name, _at in self._fields:
            check_name(name)
        self._built_in = [(name, self._at[name]) for name in BUILT_IN if name in self._at]
        self._statuses_of: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
        self._tags_of: dict[str, tuple[str, ...]] = {"": ()}

    def email_of(self, cells: Sequence[str]) -> str:
        """Return the cell of the column `email`, for reports."""
        return cells[self._email].strip() if len(cells) > self._email else ""

    def entry(self, cells: Sequence[str]) -> SubscriberEntry | None:
        """Return the entry of a row, or None when every cell is empty. Raises ValueError with what is wrong."""
        cells = [unguard(cell.strip()) for cell in cells]
        email = cells[self._email]
        if not email:
            if not any(cells):
                return None
            raise ValueError("no address")
        return SubscriberEntry(
            email=parse_address(email),
            statuses=self._statuses(self._cell(cells, "lists"), self._cell(cells, "status")),
            columns={name: parse_built_in(name, cells[at]) for name, at in self._built_in if cells[at]},
            fields={name: parse_field(name, cells[at], self._kinds) for name, at in self._fields if cells[at]},
            tags=self._tags(self._cell(cells, "tags")),
        )

    def _cell(self, cells: list[str], column: str) -> str:
        at = self._at.get(column)
        return "" if at is None else cells[at]

    def _tags(self, cell: str) -> tuple[str, ...]:
        tags = self._tags_of.get(cell)
        if tags is None:
            tags = self._tags_of[cell] = parse_tags([cell])
            if len(self._tags_of) > _MOST_CACHED:
                self._tags_of = {"": ()}
        return tags

    def _statuses(self, lists: str, status: str) -> tuple[tuple[str, str], ...]:
        statuses = self._statuses_of.get((lists, status))
        if statuses is None:
            statuses = self._statuses_of[lists, status] = parse_statuses(self._lists, self._default, lists, status)
            if len(self._statuses_of) > _MOST_CACHED:
                self._statuses_of = {}
        return statuses


def parse_tags(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the tags of cells such as `pro, early bird`, sorted, each once. Raises ValueError."""
    tags = {tag.strip() for text in texts for tag in text.split(",")} - {""}
    if bad := next((tag for tag in tags if not tag.isprintable()), ""):
        raise ValueError(f"the tag {bad!r} has a control character")
    return tuple(sorted(tags))


def parse_statuses(known: Collection[str], default: str, lists: str, status: str = "") -> tuple[tuple[str, str], ...]:
    """Return pairs of list and Status from cells such as `daily, weekly:unsubscribed` and `active`.

    Without a list it is the default list, but a reader unsubscribed from no list in particular leaves all. Raises
    ValueError.
    """
    whole = _status(status) if status else Status.ACTIVE
    names = [name.strip() for name in lists.split(",") if name.strip()]
    if not names:
        return ((EVERYWHERE, whole), (default, whole)) if whole is Status.UNSUBSCRIBED else ((default, whole),)
    return tuple(_on_list(known, name, whole) for name in names)


def _on_list(known: Collection[str], text: str, whole: Status) -> tuple[str, Status]:
    name, colon, own = text.rpartition(":")
    if text in known or not colon:
        name, own = text, ""
    name = name.strip()
    if name not in known:
        raise ValueError(f'no list is named "{name}". {suggestion(name, known, "Lists")}')
    return name, _status(own.strip()) if own else whole


def _status(text: str) -> Status:
    try:
        return Status(text.lower())
    except ValueError as error:
        raise ValueError(f'"{text}" is not a status. {suggestion(text.lower(), Status, "Statuses")}') from error
