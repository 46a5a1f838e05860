"""What a person hears of an import: refused rows, a bar on a terminal, what to do next.

All of it goes to stderr, or to the file of refused rows. What is imported is not decided here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.errors import ConfigError
from newsletter.subscribers.csv import CsvWriter
from newsletter.subscribers.imports import Refusal, Report

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

AFTER = 1.0
"""Seconds; what takes less needs no bar."""
MOST_SHOWN = 20
"""Refused rows that are printed; the rest are counted."""


class ImportProgress:
    """Listens to one import; enter it before, leave it after."""

    def __init__(self, name: str, size: int, rejects: str | None) -> None:
        """`name` is the file's, `size` in bytes; `rejects` the path for refused rows."""
        self._name = name
        self._size = size
        self._rejects = rejects
        self._stack = ExitStack()
        self._writer: CsvWriter | None = None
        self._told = 0
        self._began = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ImportProgress:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def started(self, header: Sequence[str]) -> None:
        """Begin the file of refused rows; its first two columns are skipped when it is imported. Raises ConfigError."""
        if not self._rejects:
            return
        try:
            stream = self._stack.enter_context(open(self._rejects, "w", encoding="utf-8", newline=""))  # noqa: SIM115
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", place=self._rejects) from error
        self._writer = CsvWriter(stream)
        self._writer.write(["_row", "_reason", *header])

    def refused(self, refusal: Refusal) -> None:
        """Keep a refused row in the file, or tell of the first few."""
        self._told += 1
        if self._writer:
            self._writer.write([str(refusal.row), refusal.reason, *refusal.cells])
        elif self._told <= MOST_SHOWN:
            self._say(f"{self._name}:{refusal.row}: {refusal.reason}")

    def progress(self, rows: int, position: int) -> None:
        """Move the bar; it appears when importing takes longer than AFTER."""
        seconds = time.monotonic() - self._began
        if not sys.stderr.isatty() or seconds < AFTER:
            return
        if self._bar is None:
            self._show()
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=position, words=f"{rows:,} rows, {rows / seconds:,.0f}/s")

    def conclude(self, report: Report) -> None:
        """Say what to do about the rows that were not good."""
        if self._writer and report.refused:
            where = Path(self._rejects or "")
            them = "1 refused row is" if report.refused == 1 else f"{report.refused:,} refused rows are"
            click.echo(f"{them} in {where}: mend and import that file.", err=True)
        elif report.refused > MOST_SHOWN:
            click.echo(f"and {report.refused - MOST_SHOWN:,} more refused; --rejects FILE keeps them all", err=True)
        if kept := report.kept_unsubscribed:
            them = "1 reader who left was" if kept == 1 else f"{kept:,} readers who left were"
            click.echo(f"{them} not brought back; name those who asked with --resubscribe ADDRESS.", err=True)

    def _say(self, sentence: str) -> None:
        if self._bar:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            click.echo(sentence, err=True)

    def _show(self) -> None:
        from rich.console import Console  # rich: only where there is a terminal to draw on
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
        self._bar = self._stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
        self._task = self._bar.add_task("", total=self._size, words="")
