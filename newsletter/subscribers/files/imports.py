"""Import readers from a CSV file of any size, or a platform's zip file of several, in constant memory.

Rows are written in transactions of a few thousand: an import that is stopped keeps the good rows before, and running
it again finishes it. `importers/` knows what the columns mean; `writes.py` decides what may happen to a reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedIOBase
from typing import NamedTuple

from newsletter.characters import with_marks
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.subscribers import consent
from newsletter.subscribers.csv import Record
from newsletter.subscribers.files.import_files import ImportFile, opened
from newsletter.subscribers.importers.answers import ConsentAnswer
from newsletter.subscribers.importers.entries import ImportedRow
from newsletter.subscribers.importers.options import ImportOptions
from newsletter.subscribers.suppressions import Reason, ReportedSuppression, suppress_reported
from newsletter.subscribers.writes import MOST_ENTRIES, Effect, EntryResult, enter

MOST_KEPT = 1_000
"""Refusals that a report keeps; all of them are counted, and passed to the listener."""
_LONGEST_SHOWN = 300
"""Characters of a cell that are printed."""
_REASONS = {
    ConsentAnswer.BOUNCED: Reason.BOUNCED,
    ConsentAnswer.COMPLAINED: Reason.COMPLAINED,
    # Most were blocked because they unsubscribed, and their owners may join again.
    ConsentAnswer.BLOCKED: Reason.UNSUBSCRIBED,
}
"""Why an address is suppressed, by what its row says."""
_ADDRESS = re.compile(r"[^\s\"'<>,;@]{1,64}@[^\s\"'<>,;@]{1,255}")


class RefusedRow(NamedTuple):
    """A row that was not imported."""

    row: int
    email: str
    reason: str
    file: ImportFile
    start: int
    """The place of the row's first byte in the file."""
    end: int

    def as_json(self) -> dict[str, object]:
        """Return the refusal for the report; the file is named if it was in a zip file."""
        named: dict[str, object] = {"file": self.file.name} if self.file.is_part else {}
        return named | {"row": self.row, "email": self.email, "reason": self.reason}

    def raw(self) -> Iterator[bytes]:
        """Yield the row as the file has it, byte for byte."""
        return self.file.bytes_of(self.start, self.end)


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
    unsubscribed: int = 0
    """Rows of readers who are not to be mailed, by a column or a file of another system."""
    suppressed: int = 0
    """Addresses that were suppressed, because they bounced, complained or were blocked there."""
    refusals: list[RefusedRow] = field(default_factory=list)
    """The first refusals, at most MOST_KEPT."""
    platform: str = ""
    """Whose export it is; empty for any other CSV file."""
    fields: list[str] = field(default_factory=list)
    """The fields of readers that columns became, in the order of the columns."""

    def as_json(self) -> dict[str, object]:
        """Return what `subscribers import --json` prints."""
        named = ("rows", "added", "updated", "unchanged", "refused", "kept_unsubscribed")
        counts: dict[str, object] = {name: getattr(self, name) for name in named}
        more = {name: getattr(self, name) for name in ("platform", "unsubscribed", "suppressed", "fields")}
        counts |= {name: value for name, value in more.items() if value}
        return counts | {"refusals": [refusal.as_json() for refusal in self.refusals]}


@dataclass(kw_only=True)
class ImportListener:
    """Functions that an import calls while it runs."""

    started: Callable[[ImportFile], None] = lambda file: None
    """Called with each file before its rows."""
    refused: Callable[[RefusedRow], None] = lambda refusal: None
    """Called for each row that is refused."""
    progress: Callable[[int, float], None] = lambda rows, share: None
    """Called after each transaction with the rows so far, and the share of all bytes that were read."""
    told: Callable[[str], None] = lambda text: None
    """Called with what a person should know of the file: whose it is, its encoding, what is left out."""


def import_csv(
    database: Database,
    publication: PublicationSettings,
    file: BufferedIOBase,
    name: str,
    *,
    now: datetime,
    resubscribe: Collection[str] = (),
    options: ImportOptions | None = None,
    listener: ImportListener | None = None,
    source: str = "import",
) -> ImportReport:
    """Import a seekable file; return the counts.

    `name` is the file's, for messages and for the evidence, which also has its SHA-256; `source` is the evidence's
    kind. `resubscribe` has the address keys of readers who left and may be brought back. Raises NewsletterError when
    the file cannot be read, or it is unclear who may be mailed; nothing is imported then.
    """
    listener = listener or ImportListener()
    with opened(publication, file, name, options or ImportOptions(), listener.told) as files:
        run = _ImportRun(database, now, resubscribe, listener, sum(part.size for part in files), source)
        for part in files:
            run.read(part)
        return run.report


def _shown(text: str) -> str:
    """Return the text cut short, without characters that a terminal would act on."""
    return with_marks(text[:_LONGEST_SHOWN])


class _ImportRun:
    """An import under way: the entries that wait for their transaction, and the counts."""

    def __init__(
        self,
        database: Database,
        now: datetime,
        resubscribe: Collection[str],
        listener: ImportListener,
        size: int,
        source: str,
    ) -> None:
        self.database = database
        self.now = now
        self.resubscribe = resubscribe
        self.listener = listener
        self.size = size
        self.source = source
        self.done = 0
        """Bytes of the files before the present one."""
        self.report = ImportReport()
        self.rows: list[ImportedRow] = []
        self.records: list[Record] = []

    def read(self, file: ImportFile) -> None:
        """Import the rows of one file."""
        self.file = file
        self.report.platform = self.report.platform or file.platform_name
        # In a transaction of its own: the evidence of every later one refers to it.
        with self.database.begin() as connection:
            self.source_id = consent.record_source(connection, self.source, file.evidence, self.now)
        self.listener.started(file)
        end = 0
        for record in file.records:
            self._take(record)
            end = record.end
            if len(self.rows) == MOST_ENTRIES:
                self._flush(end)
        self._flush(end)
        names = (*self.report.fields, *file.columns.field_names, *file.entries.object_fields)
        self.report.fields = list(dict.fromkeys(names))
        self.done += file.size

    def _take(self, record: Record) -> None:
        """Parse one record, and keep what it says for `_flush`; a bad record is refused at once."""
        try:
            if record.problem:
                raise ValueError(record.problem)
            row = self.file.entries.row(record.cells)
        except ValueError as error:
            self._refuse(record, self.file.entries.email_of(record.cells), str(error))
            return
        if row:
            self.rows.append(row)
            self.records.append(record)

    def _flush(self, position: int) -> None:
        """Write the rows taken since the last call, in one transaction."""
        if self.rows:
            barred = [self._barred(row) for row in self.rows if row.answer in _REASONS]
            with self.database.begin() as connection:
                entries = [row.entry for row in self.rows]
                results = enter(connection, entries, self.source_id, self.now, self.resubscribe)
                self.report.suppressed += suppress_reported(connection, barred)
            for record, row, result in zip(self.records, self.rows, results, strict=True):
                self._count(record, row, result)
            self.rows, self.records = [], []
        self.listener.progress(self.report.rows, (self.done + position) / max(self.size, 1))

    def _barred(self, row: ImportedRow) -> ReportedSuppression:
        detail = f"import of {self.file.name}: {row.deciding}"[:_LONGEST_SHOWN]
        return ReportedSuppression(address=row.entry.email, reason=_REASONS[row.answer], detail=detail, at=self.now)

    def _count(self, record: Record, row: ImportedRow, result: EntryResult) -> None:
        report, effect = self.report, result.effect
        if effect is Effect.REFUSED:
            if not row.answer.says_no:
                self._refuse(record, row.entry.email, result.reason)
                return
            effect = Effect.UNCHANGED  # suppressed, and not to be mailed: nothing is to do
        report.rows += 1
        report.added += effect is Effect.ADDED
        report.updated += effect is Effect.UPDATED
        report.unchanged += effect is Effect.UNCHANGED
        report.kept_unsubscribed += result.kept_unsubscribed
        report.unsubscribed += row.answer.says_no

    def _refuse(self, record: Record, email: str, reason: str) -> None:
        file = self.file
        if not email and (address := _ADDRESS.search(file.beginning_of(record))):
            email = address[0]
        refusal = RefusedRow(record.row, _shown(email), _shown(reason), file, record.start, record.end)
        self.report.rows += 1
        self.report.refused += 1
        if len(self.report.refusals) < MOST_KEPT:
            self.report.refusals.append(refusal)
        self.listener.refused(refusal)
