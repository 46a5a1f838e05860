"""Find where each title of a header stands in its file, so that a message can name the place as editors open it."""

from __future__ import annotations

import re
from bisect import bisect_right
from io import BufferedIOBase
from typing import NamedTuple

_LINE_END = re.compile(r"\r\n|\r|\n")
_BOM = "\ufeff"


class TitlePlace(NamedTuple):
    """The place of a title's first character, both from 1; the column in characters."""

    line: int = 1
    column: int = 1


def title_places(file: BufferedIOBase, encoding: str, delimiter: str, header: tuple[int, int]) -> list[TitlePlace]:
    """Return the place of each title; `header` has the places of the header's first byte and after its last.

    The file goes on where it was.
    """
    here = file.tell()
    file.seek(0)
    raw = file.read(header[1])
    file.seek(here)
    before, text = (part.decode(encoding, "replace") for part in (raw[: header[0]], raw[header[0] :]))
    first = 1 + len(_LINE_END.findall(before))
    begins = [0 if before else _after_mark(text), *(match.end() for match in _LINE_END.finditer(text))]
    places = []
    for at in _starts(text, delimiter):
        line = bisect_right(begins, at) - 1
        places.append(TitlePlace(first + line, at - begins[line] + 1))
    return places


def _after_mark(text: str) -> int:
    """Return where a text begins: after a byte order mark."""
    return len(_BOM) if text.startswith(_BOM) else 0


def _starts(text: str, delimiter: str) -> list[int]:
    """Return where each cell of a record begins; a cell in quotes begins with its quote.

    The rules are those of Python's csv module with `skipinitialspace`: a quote counts where a cell begins.
    """
    cell = re.compile(rf' *+(?P<start>)(?:"(?:[^"]|"")*+"?)?[^{re.escape(delimiter)}\r\n]*+')
    starts, at = [], _after_mark(text)
    while True:
        match = cell.match(text, at)
        assert match is not None
        starts.append(match.start("start"))
        if not text.startswith(delimiter, match.end()):
            return starts
        at = match.end() + len(delimiter)
