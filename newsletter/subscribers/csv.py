"""Read CSV files of any size record by record, and write CSV that spreadsheets open safely.

A record that cannot be read becomes a Record with a problem, and reading goes on with the next line: a bad line
never costs a good one. The meaning of the columns is known to `imports.py` and `exports.py`.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedIOBase
from typing import NamedTuple, TextIO

LONGEST_LINE = 1 << 20
"""Bytes; a longer line is refused without being held in memory."""
LONGEST_CELL = 131_072
"""Characters, the csv module's own limit; it also ends a quote that is never closed."""
DELIMITERS = ",;\t"  # spreadsheets write semicolons where the comma is the decimal sign
_BOM = b"\xef\xbb\xbf"
_RUN = r"'*[ \"]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(rf"^(?=(?:{_RUN}|'*[\t\r\n]))|(?<=[,;\t\r\n])(?={_RUN})")
"""The places of a cell where a spreadsheet could take what follows for a formula.

A spreadsheet that separates by semicolons or tabs splits our cells, and does not see the quotes around them: a cell
may begin behind each separator and each line end.
"""
_GUARDED = re.compile(_FORMULA.pattern.replace("(?=", "'(?="))
_PROBLEMS = {
    "larger than field limit": f"a cell is longer than {LONGEST_CELL:,} characters, or its quote is never closed",
    "unexpected end of data": "a quote is opened and never closed",
    "expected after": "text follows a closing quote; double the quotes inside a cell",
    "new-line character": "a bare carriage return stands in the row",
}


class Record(NamedTuple):
    """A record of a CSV file."""

    row: int
    """The row's number as spreadsheets count: the header is 1."""
    cells: Sequence[str]
    problem: str = ""
    """Why it could not be read; empty for a good one."""


class _BadLineError(Exception):
    """Raised for a line that is no text, or too long."""


class CsvFile:
    """A CSV file in UTF-8, with its header read; iterate over it for the other records."""

    def __init__(self, file: BufferedIOBase, *, must_have: str) -> None:
        """Read the header. Raises ValueError when there is none, or no column of that name."""
        self._lines = _Lines(file)
        self._row = 0
        self.header, self.delimiter = self._read_header(must_have)

    def _read_header(self, must_have: str) -> tuple[list[str], str]:
        """Return the first line with content, split by the delimiter that finds the wanted column."""
        try:
            first = next((line for line in self._lines if line.strip(" ,;\t\r\n")), "")
        except _BadLineError as error:
            raise ValueError(str(error)) from error
        if not first:
            raise ValueError("the file is empty")
        self._row = self._lines.taken
        for delimiter in DELIMITERS:
            header = _split(first, delimiter)
            if must_have in header:
                return header, delimiter
        header = max((_split(first, delimiter) for delimiter in DELIMITERS), key=len)
        raise ValueError(f'no column is named "{must_have}"; columns: {", ".join(header)[:200]}')

    def __iter__(self) -> Iterator[Record]:
        lines, width = self._lines, len(self.header)
        # strict: without it, text after a closing quote is taken into the cell, and the mistake goes unseen.
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        while True:
            lines.since.clear()
            self._row += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _BadLineError) as error:
                yield Record(self._row, (), lines.retry(_explain(error)))
                continue
            if len(cells) == width:
                yield Record(self._row, cells)
            elif any(cell.strip() for cell in cells):
                yield Record(self._row, cells, lines.retry(f"has {len(cells)} cells, the header has {width}"))


class _Lines:
    """An iterator over the decoded lines of a file, of limited length, that can give back those of a bad record."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.since: list[str] = []
        """The lines of the present record."""
        self.taken = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        self.since.append(line)
        return line

    def retry(self, problem: str) -> str:
        """Give back all lines of this record but the first, and return `problem`.

        An open quote may have swallowed good rows.
        """
        self._again.extendleft(reversed(self.since[1:]))
        return problem

    def _read(self) -> str:
        raw = self._file.readline(LONGEST_LINE)
        if not raw:
            raise StopIteration
        self.taken += 1
        if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            while (more := self._file.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
                pass
            raise _BadLineError(f"the line is longer than {LONGEST_LINE:,} bytes")
        return _decode(raw.removeprefix(_BOM) if self.taken == 1 else raw)


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _BadLineError("this is UTF-16; save the file as CSV UTF-8") from error
        raise _BadLineError(f"not UTF-8 (byte {error.start + 1} of the line); save the file as CSV UTF-8") from error


def _split(line: str, delimiter: str) -> list[str]:
    """Return a header's column names: `First Name` is first_name. Raises ValueError when it cannot be read."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"the header cannot be read: {_explain(error)}") from error
    return [re.sub(r"[\s-]+", "_", unguard(cell.strip())).lower() for cell in cells]


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
