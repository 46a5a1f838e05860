"""Read CSV files of any size record by record, and write CSV that spreadsheets open safely.

A record that cannot be read becomes a Record with a problem, and reading goes on with the next line: a bad line
never costs a good one. The meaning of the columns is known to `importers/` and `files/`.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BufferedIOBase
from typing import NamedTuple, TextIO

LONGEST_LINE = 1 << 20
"""Bytes; a longer line is refused without being held in memory, and so is a row of several lines."""
LONGEST_CELL = 131_072
"""Characters, the csv module's own limit; it also ends a quote that is never closed."""
MOST_COLUMNS = 1_000
DELIMITERS = ",;\t"  # spreadsheets write semicolons where the comma is the decimal sign
_BOM = b"\xef\xbb\xbf"
_RUN = r"'*[ \"]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(rf"^(?=(?:{_RUN}|'*[\t\r\n]))|(?<=[,;\t\r\n])(?={_RUN})")
"""The places of a cell where a spreadsheet could take what follows for a formula.

A spreadsheet that separates by semicolons or tabs splits our cells, and does not see the quotes around them: a cell
may begin behind each separator and each line end.
"""
_GUARDED = re.compile(_FORMULA.pattern.replace("(?=", "'(?="))
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?\s*', re.IGNORECASE)
_NEVER_CLOSED = "a quote is opened and never closed"
_PROBLEMS = {
    "larger than field limit": f"a cell is longer than {LONGEST_CELL:,} characters, or its quote is never closed",
    "unexpected end of data": _NEVER_CLOSED,
    "expected after": "text follows a closing quote; double the quotes inside a cell",
    "new-line character": "a bare carriage return stands in the row",
}


class Record(NamedTuple):
    """A record of a CSV file."""

    row: int
    """The row's number as spreadsheets count: the header is 1."""
    cells: Sequence[str]
    """As many as the header has, unless there is a problem."""
    problem: str = ""
    """Why it could not be read; empty for a good one."""
    start: int = 0
    """The place of its first byte in the file."""
    end: int = 0
    """The place after its last byte."""


class _BadLineError(Exception):
    """Raised for a line that is no text, or too long."""


class CsvFile:
    """A CSV file with its header read; iterate over it for the other records."""

    def __init__(
        self,
        file: BufferedIOBase,
        *,
        encoding: str = "utf-8",
        fits: Callable[[Sequence[str]], bool] = bool,
        columns: Sequence[str] = (),
    ) -> None:
        """Read the header. Raises ValueError when there is none, or it has too many columns.

        `fits` tells of the header's names whether they were split at the right sign. A file without a header has
        `columns`, its first ones; the others are nameless.
        """
        self._lines = _Lines(file, encoding)
        self._row = 0
        self.titles, self.delimiter = self._read_header(fits)
        """The columns as the file names them, and what separates them."""
        if columns:
            self._lines.retry("", everything=True)
            self._row = self._lines.taken
            self.titles = [*columns, *("" for _ in self.titles[len(columns) :])]
        self.raw_header = (self._lines.start, self._lines.end)
        """The places of the header's first byte and after its last; equal when there is none."""
        self.header = [column_name(title) for title in self.titles]
        """The columns' names: `First Name` is first_name."""

    def _read_header(self, fits: Callable[[Sequence[str]], bool]) -> tuple[list[str], str]:
        """Return the first record with content, split at the sign that fits best."""
        self._skip_blank_lines()
        problem, best, best_delimiter = "", list[str](), ","
        for delimiter in DELIMITERS:
            try:
                titles = next(self._reader(delimiter), [])
            except (csv.Error, _BadLineError) as error:
                problem = problem or _explain(error)
                self._lines.retry("", everything=True)
                continue
            if len(titles) > MOST_COLUMNS:
                raise ValueError(f"the header has {len(titles):,} columns; at most {MOST_COLUMNS:,}")
            if fits([column_name(title) for title in titles]):
                self._row = self._lines.taken
                return titles, delimiter
            if len(titles) > len(best):
                best, best_delimiter = titles, delimiter
            self._lines.retry("", everything=True)
        if problem and len(best) < 2:
            raise ValueError(
                problem if problem.startswith(("not ", "the line")) else f"the header cannot be read: {problem}"
            )
        next(self._reader(best_delimiter), [])
        self._row = self._lines.taken
        return best, best_delimiter

    def _skip_blank_lines(self) -> None:
        """Skip lines without content, and Excel's `sep=;`. Raises ValueError when no other is there."""
        lines = self._lines
        while True:
            lines.begin()
            try:
                line = next(lines)
            except StopIteration:
                raise ValueError("the file is empty") from None
            except _BadLineError as error:
                raise ValueError(str(error)) from error
            if line.strip(" ,;\t\r\n") and not _SEPARATOR_LINE.fullmatch(line):
                lines.retry("", everything=True)
                return

    def _reader(self, delimiter: str) -> Iterator[list[str]]:
        self._lines.begin()
        # strict: without it, text after a closing quote is taken into the cell, and the mistake goes unseen.
        return csv.reader(self._lines, delimiter=delimiter, strict=True, skipinitialspace=True)

    def __iter__(self) -> Iterator[Record]:
        lines, width = self._lines, len(self.titles)
        reader = self._reader(self.delimiter)
        while True:
            lines.begin()
            self._row += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _BadLineError) as error:
                problem = lines.retry(_explain(error))
                yield Record(self._row, (), problem, lines.start, lines.end)
                continue
            if len(cells) == width:
                yield Record(self._row, cells, "", lines.start, lines.end)
            elif any(cell.strip() for cell in cells):
                yield self._ragged(cells, width)

    def _ragged(self, cells: list[str], width: int) -> Record:
        """Return a record whose cells are fewer or more than the header's: empty cells at the end mean nothing."""
        lines = self._lines
        if len(cells) < width:
            return Record(self._row, cells + [""] * (width - len(cells)), "", lines.start, lines.end)
        if not any(cell.strip() for cell in cells[width:]):
            return Record(self._row, cells[:width], "", lines.start, lines.end)
        problem = lines.retry(f"has {len(cells):,} cells, the header has {width}")
        return Record(self._row, cells, problem, lines.start, lines.end)


class _Lines:
    """An iterator over the decoded lines of a file, of limited length, that can give back those of a bad record."""

    def __init__(self, file: BufferedIOBase, encoding: str) -> None:
        file.seek(0)
        head = file.read(1 << 16)
        file.seek(0)
        # Files of old Macs, and of Excel's `CSV (Macintosh)`, end lines with a carriage return alone.
        self._ending = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
        self._readline = _CarriageReturns(file).readline if self._ending == b"\r" else file.readline
        self._encoding = encoding
        self._again: deque[tuple[str | _BadLineError, int]] = deque()
        self._since: list[tuple[str | _BadLineError, int]] = []
        """The lines of the present record, each with its number of bytes."""
        self._size = 0
        self.start = self.end = 0
        """The places in the file of the present record's first byte and after its last."""
        self.taken = 0

    def begin(self) -> None:
        """Begin a record with the next line."""
        self._since.clear()
        self._size = 0
        self.start = self.end

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line, size = entry = self._again.popleft() if self._again else self._read()
        self._since.append(entry)
        self.taken += 1
        self.end += size
        self._size += size
        if isinstance(line, _BadLineError):
            raise line
        if self._size > LONGEST_LINE and len(self._since) > 1:
            raise _BadLineError(f"the row is longer than {LONGEST_LINE:,} bytes, or a quote is never closed")
        return line

    def retry(self, problem: str, *, everything: bool = False) -> str:
        """Give back all lines of this record but the first, or all, and return why the first cannot be read.

        An open quote may have swallowed good rows.
        """
        back = self._since[0 if everything else 1 :]
        if not everything and back and isinstance(back[-1][0], _BadLineError):
            problem = _NEVER_CLOSED
        self._again.extendleft(reversed(back))
        self.end -= sum(size for _line, size in back)
        self.taken -= len(back)
        del self._since[len(self._since) - len(back) :]
        return problem

    def _read(self) -> tuple[str | _BadLineError, int]:
        raw = self._readline(LONGEST_LINE)
        if not raw:
            raise StopIteration
        size = len(raw)
        if size == LONGEST_LINE and not raw.endswith(self._ending):
            while more := self._readline(LONGEST_LINE):
                size += len(more)
                if more.endswith(self._ending):
                    break
            return _BadLineError(f"the line is longer than {LONGEST_LINE:,} bytes"), size
        if not self.end and raw.startswith(_BOM):
            raw = raw[len(_BOM) :]
        try:
            return raw.decode(self._encoding), size
        except UnicodeDecodeError as error:
            return _BadLineError(self._not_text(error)), size

    def _not_text(self, error: UnicodeDecodeError) -> str:
        if self._encoding == "utf-8":
            return f"not UTF-8 (byte {error.start + 1} of the line); save the file as CSV UTF-8"
        return f"not {self._encoding} (byte {error.start + 1} of the line); save the file as CSV UTF-8"


class _CarriageReturns:
    """Reads a file whose lines end with a carriage return alone."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._block = b""
        self._at = 0

    def readline(self, most: int) -> bytes:
        """Return the next line with its end, or `most` bytes of it; empty at the end of the file."""
        parts, left = [], most
        while left:
            if self._at == len(self._block):
                self._block, self._at = self._file.read(1 << 16), 0
                if not self._block:
                    break
            end = self._block.find(b"\r", self._at, self._at + left) + 1
            stop = end or min(len(self._block), self._at + left)
            parts.append(self._block[self._at : stop])
            left -= stop - self._at
            self._at = stop
            if end:
                break
        return b"".join(parts)


def column_name(title: str) -> str:
    """Return a column's name from its title: `First Name` is first_name, and so is `First-name: *`."""
    visible = unguard(_INVISIBLE.sub("", title).strip()).rstrip(" \u00a0:*")
    return re.sub(r"[\s\u2010-\u2015-]+", "_", visible).lower()


def _explain(error: Exception) -> str:
    return next((problem for part, problem in _PROBLEMS.items() if part in str(error)), str(error))


def guard(cell: str) -> str:
    """Return the cell so that a spreadsheet takes it for text: `=1+1` gets an apostrophe in front, `a;=1` one inside.

    OWASP, CSV injection: cells that begin with = + - @ (also of full width), tab or a line end may be run, and a cell
    may be split at separators: https://owasp.org/www-community/attacks/CSV_Injection.
    """
    return _FORMULA.sub("'", cell)


def unguard(cell: str) -> str:
    """Return the cell that `guard` was given."""
    return _GUARDED.sub("", cell)


class CsvWriter:
    """Writes records that any spreadsheet may open safely."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._quoting = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(self, cells: Iterable[str]) -> None:
        """Write one record, every cell guarded."""
        guarded = [guard(cell) for cell in cells]
        # Before Python 3.13 the module leaves a carriage return without quotes, where it ends the row.
        writer = self._quoting if any("\r" in cell for cell in guarded) else self._writer
        writer.writerow(guarded)
