"""Report an import while it runs: refused rows, a progress bar on a terminal, and what to do next.

All of it goes to standard error, or to the file of refused rows. `subscribers.imports` decides what is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from newsletter.cli.terminal import ProgressBar
from newsletter.errors import ConfigError
from newsletter.printable import one_line
from newsletter.private_files import private_text
from newsletter.subscribers.csv import CsvWriter, unguard
from newsletter.subscribers.imports import ImportReport, Refusal

MOST_SHOWN = 20
"""Refused rows that are printed; the rest are counted."""


class ImportProgress:
    """The report of one import; enter it before the import, leave it after."""

    def __init__(self, name: str, size: int, rejects: str | None) -> None:
        """`name` is the file's, `size` in bytes; `rejects` the path for refused rows."""
        self._name = name
        self._size = size
        self._rejects = rejects
        self._stack = ExitStack()
        self._writer: CsvWriter | None = None
        self._refused = 0
        self._bar = self._stack.enter_context(ProgressBar())

    def __enter__(self) -> ImportProgress:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def started(self, header: Sequence[str]) -> None:
        """Begin the file of refused rows, whose first two columns are skipped when it is imported.

        Raises ConfigError when the file cannot be written.
        """
        if not self._rejects:
            return
        try:
            stream = self._stack.enter_context(private_text(Path(self._rejects)))
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", place=self._rejects) from error
        self._writer = CsvWriter(stream)
        self._writer.write(["_row", "_reason", *header])

    def refused(self, refusal: Refusal) -> None:
        """Write a refused row to the file of refused rows; without one, print the first few."""
        self._refused += 1
        if self._writer:
            self._writer.write([str(refusal.row), refusal.reason, *map(unguard, refusal.cells)])
        elif self._refused <= MOST_SHOWN:
            self._bar.say(one_line(f"{self._name}:{refusal.row}: {refusal.reason}"))

    def progress(self, rows: int, position: int) -> None:
        """Move the bar: rows so far, bytes of the file read so far."""
        rate = rows / max(self._bar.seconds, 0.001)
        self._bar.show(position, self._size, f"{rows:,} rows, {rate:,.0f}/s")

    def conclude(self, report: ImportReport) -> None:
        """Say what to do about the rows that were refused."""
        if self._writer and report.refused:
            where = Path(self._rejects or "")
            them = "1 refused row is" if report.refused == 1 else f"{report.refused:,} refused rows are"
            click.echo(f"{them} in {where}: mend and import that file.", err=True)
        elif report.refused > MOST_SHOWN:
            click.echo(f"and {report.refused - MOST_SHOWN:,} more refused; --rejects FILE keeps them all", err=True)
        if kept := report.kept_unsubscribed:
            them = "1 reader who left was" if kept == 1 else f"{kept:,} readers who left were"
            click.echo(f"{them} not brought back; name those who asked with --resubscribe ADDRESS.", err=True)
