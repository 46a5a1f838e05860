"""Read and write suppressions as CSV: `email`, and `reason`, `detail` and `at` where they are known.

An export is an import's input. Erased readers are not exported: nothing but a hash of their address is kept, which
means something in this publication alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedIOBase
from typing import TextIO

from newsletter.addresses import parse_address
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.subscribers import suppressions
from newsletter.subscribers.csv import CsvFile, CsvWriter, Record, unguard
from newsletter.subscribers.suppressions import Reason, ReportedSuppression

COLUMNS = ("email", "reason", "detail", "at")
MAX_ROWS = 2_000
"""Rows written in one transaction."""
_REASONS = {str(reason): reason for reason in Reason if reason is not Reason.ERASED}


@dataclass(kw_only=True)
class SuppressionReport:
    """The counts of an import; `new`, `known` and the refusals add up to `rows`."""

    rows: int = 0
    new: int = 0
    known: int = 0
    refusals: list[tuple[int, str]] = field(default_factory=list)
    """Row and reason of each row that was not taken."""


def export_suppressions(database: Database, stream: TextIO) -> tuple[int, int]:
    """Write all suppressions; return how many, and how many of erased readers were left out."""
    out, written, erased = CsvWriter(stream), 0, 0
    out.write(COLUMNS)
    with database.read() as connection:
        for page in suppressions.pages(connection):
            named = [each for each in page if each.email]
            for each in named:
                out.write((each.email, each.reason, each.detail, each.at))
            written, erased = written + len(named), erased + len(page) - len(named)
    return written, erased


def import_suppressions(database: Database, file: BufferedIOBase, name: str, now: datetime) -> SuppressionReport:
    """Suppress every address of a file; a row without a reason counts as suppressed by hand.

    An address that is suppressed for a graver reason keeps it. Raises NewsletterError when no column is `email`.
    """
    try:
        rows = CsvFile(file, fits=lambda names: "email" in names)
        if "email" not in rows.header:
            raise ValueError(f'no column is named "email"; columns: {", ".join(rows.titles)[:200]}')
    except ValueError as error:
        hint = f"Nothing was imported. The first row names the columns: {', '.join(COLUMNS)}."
        raise NewsletterError(str(error), place=f"{name}:1", hint=hint) from error
    report = SuppressionReport()
    entries: list[ReportedSuppression] = []
    for record in rows:
        report.rows += 1
        try:
            entries.append(_entry(rows.header, record, name, now))
        except ValueError as error:
            report.refusals.append((record.row, str(error)))
        if len(entries) == MAX_ROWS:
            _write(database, entries, report)
            entries = []
    _write(database, entries, report)
    return report


def _entry(header: Sequence[str], record: Record, name: str, now: datetime) -> ReportedSuppression:
    if record.problem:
        raise ValueError(record.problem)
    cells = {column: unguard(cell).strip() for column, cell in zip(header, record.cells, strict=True)}
    reason = cells.get("reason", "").lower() or str(Reason.BY_HAND)
    if reason not in _REASONS:
        raise ValueError(f'"{reason}" is no reason; write one of {", ".join(_REASONS)}')
    return ReportedSuppression(
        address=parse_address(cells["email"]),
        reason=_REASONS[reason],
        detail=cells.get("detail", "") or f"imported from {name}",
        at=_moment(cells.get("at", ""), now),
    )


def _moment(text: str, now: datetime) -> datetime:
    if not text:
        return now
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f'"{text}" is not a time; write 2025-01-17T12:00:00Z') from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _write(database: Database, entries: Sequence[ReportedSuppression], report: SuppressionReport) -> None:
    if entries:
        with database.begin() as connection:
            new = suppressions.suppress_reported(connection, entries)
        report.new += new
        report.known += len(entries) - new
