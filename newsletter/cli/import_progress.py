"""Report an import while it runs: refused rows, a progress bar on a terminal, and what to do next.

All of it goes to standard error, or to the file of refused rows. `subscribers.imports` decides what is imported.
"""

from __future__ import annotations

import csv
import io
import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click

from newsletter.cli.terminal import ProgressBar
from newsletter.errors import ConfigError
from newsletter.printable import one_line
from newsletter.private_files import open_private
from newsletter.subscribers.csv import guard
from newsletter.subscribers.files.import_files import ImportFile
from newsletter.subscribers.files.imports import ImportReport, RefusedRow

MOST_SHOWN = 20
"""Refused rows that are printed; the rest are counted."""
MOST_FIELDS = 20
"""Fields that are named; `--json` has all."""
_BOM = b"\xef\xbb\xbf"
_UNDECODABLE = re.compile(r"not [\w-]+ \(byte \d+ of the line\)")
_SHARES = 1_000
"""The steps of the bar."""


class ImportProgress:
    """The report of one import; enter it before the import, leave it after."""

    def __init__(self, name: str, rejects: str | None) -> None:
        """`name` is the file's; `rejects` the path for refused rows."""
        self._name = name
        self._rejects = rejects
        self._stack = ExitStack()
        self._writer: _RejectsWriter | None = None
        self._written: list[Path] = []
        self._refused = 0
        self._shown = 0
        self._undecodable = 0
        """Refused rows that are not in the file's encoding: the first is printed, the others are counted."""
        self._guessed = ""
        """The title of an encoding that was guessed."""
        self._bar = self._stack.enter_context(ProgressBar())

    def __enter__(self) -> ImportProgress:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def say(self, text: str) -> None:
        """Print what a person should know of the file."""
        self._bar.say(text)

    def started(self, file: ImportFile) -> None:
        """Begin the file of refused rows; for a file of a zip file, only when one is refused.

        Raises ConfigError when the file cannot be written.
        """
        self._writer = None
        if file.text.is_guess:
            self._guessed = file.text.title
        if self._rejects and not file.is_part:
            self._open(file)

    def _open(self, file: ImportFile) -> _RejectsWriter:
        path = _rejects_path(Path(self._rejects or ""), file)
        try:
            stream = self._stack.enter_context(open(open_private(path, os.O_WRONLY | os.O_TRUNC), "wb"))  # noqa: SIM115
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", place=str(path)) from error
        self._writer = _RejectsWriter(stream, file)
        self._written.append(path)
        return self._writer

    def refused(self, refusal: RefusedRow) -> None:
        """Write a refused row to the file of refused rows; without one, print the first few."""
        self._refused += 1
        if self._rejects:
            writer = self._writer or self._open(refusal.file)
            writer.write(refusal)
        elif self._is_news(refusal) and self._shown < MOST_SHOWN:
            self._shown += 1
            name = f"{self._name}/{refusal.file.name}" if refusal.file.is_part else self._name
            self._bar.say(one_line(f"{name}:{refusal.row}: {refusal.reason}"))

    def _is_news(self, refusal: RefusedRow) -> bool:
        """Tell whether a row is refused for another reason than that it is not in the encoding, like a row before."""
        is_undecodable = bool(_UNDECODABLE.match(refusal.reason))
        self._undecodable += is_undecodable
        return not is_undecodable or self._undecodable == 1

    def progress(self, rows: int, share: float) -> None:
        """Move the bar: rows so far, the share of all bytes read so far."""
        rate = rows / max(self._bar.seconds, 0.001)
        self._bar.show(int(share * _SHARES), _SHARES, f"{rows:,} rows, {rate:,.0f}/s")

    def conclude(self, report: ImportReport) -> None:
        """Say what became fields, who is not to be mailed, and what to do about the rows that were refused."""
        if report.fields:
            more = f" and {len(report.fields) - MOST_FIELDS:,} more" if len(report.fields) > MOST_FIELDS else ""
            click.echo(f"Columns kept as fields: {', '.join(report.fields[:MOST_FIELDS])}{more}.", err=True)
        if report.unsubscribed:
            barred = f"; {report.suppressed:,} suppressed (bounced, complained or blocked)" if report.suppressed else ""
            them = "1 reader is" if report.unsubscribed == 1 else f"{report.unsubscribed:,} readers are"
            click.echo(f"{them} not to be mailed, by the file, and unsubscribed here{barred}", err=True)
        if self._written and report.refused:
            where = ", ".join(str(path) for path in self._written)
            them = "1 refused row is" if report.refused == 1 else f"{report.refused:,} refused rows are"
            what = "mend and import that file" if len(self._written) == 1 else "mend and import those files"
            click.echo(f"{them} in {where}: {what}.", err=True)
        else:
            self._conclude_refused(report)
        if self._guessed:
            again = "If letters came out wrong, import it again with the name of its encoding: --encoding NAME"
            click.echo(f"{self._guessed} is a guess. {again}", err=True)
        if kept := report.kept_unsubscribed:
            them = "1 reader who left was" if kept == 1 else f"{kept:,} readers who left were"
            click.echo(f"{them} not brought back; name those who asked with --resubscribe ADDRESS.", err=True)

    def _conclude_refused(self, report: ImportReport) -> None:
        """Count the refused rows that were not printed, those of another encoding by themselves."""
        left = report.refused - self._shown
        if (alike := self._undecodable - 1) > 0:
            left -= alike
            rows = "1 more row is" if alike == 1 else f"{alike:,} more rows are"
            says = "name the file's own encoding, such as --encoding windows-1252"
            click.echo(f"and {rows} not UTF-8: save the file as CSV UTF-8, or {says}", err=True)
        if left > 0:
            click.echo(f"and {left:,} more refused; --rejects FILE keeps them all", err=True)


def _rejects_path(path: Path, file: ImportFile) -> Path:
    """Return where a file's refused rows go: each file of a zip file has its own, named after both."""
    if not file.is_part:
        return path
    part = re.sub(r"[^\w.-]+", "_", Path(file.name).stem)
    return path.with_name(f"{path.stem}.{part}{path.suffix or '.csv'}")


class _RejectsWriter:
    """Writes refused rows byte for byte as they stand, after their number and the reason.

    Both columns begin with `_`, and are skipped when the file is imported.
    """

    def __init__(self, stream: BinaryIO, file: ImportFile) -> None:
        self._stream = stream
        self._delimiter = file.records.delimiter
        self._encoding = file.text.encoding
        header = (
            file.raw_header() or self._line(*file.records.titles).encode(self._encoding, "backslashreplace") + b"\n"
        )
        self._ending = b"\r" if header.endswith(b"\r") else b"\r\n" if header.endswith(b"\r\n") else b"\n"
        if header.startswith(_BOM):
            stream.write(_BOM)
        self._write("_row", "_reason", header.removeprefix(_BOM))

    def write(self, refusal: RefusedRow) -> None:
        """Write one row."""
        self._write(str(refusal.row), guard(refusal.reason), b"")
        last = b""
        for last in refusal.raw():
            self._stream.write(last)
        if not last.endswith(self._ending[-1:]):
            self._stream.write(self._ending)

    def _write(self, row: str, reason: str, rest: bytes) -> None:
        line = self._line(row, reason).encode(self._encoding, "backslashreplace")
        self._stream.write(line + self._delimiter.encode() + rest)
        if rest and not rest.endswith(self._ending[-1:]):
            self._stream.write(self._ending)

    def _line(self, *cells: str) -> str:
        line = io.StringIO()
        csv.writer(line, delimiter=self._delimiter, lineterminator="").writerow(cells)
        return line.getvalue()
