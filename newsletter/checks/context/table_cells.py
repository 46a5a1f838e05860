"""Cells of Markdown tables in the line where their author wrote them.

Markdown takes away the backslash of a bar inside a cell, and equal cells stand in one row; so a cell is found by its
number, and a place in it by counting backslashes (github.github.com/gfm, "Tables (extension)").
"""

from __future__ import annotations

import re

_BAR = re.compile(r"(?<!\\)\|")
_BEFORE_FIRST = re.compile(r"(?:\s*(?:>|[-+*]|\d+[.)])(?=\s))*\s*\|")
"""What stands before the first cell of a row that begins with a bar: marks of quotations and lists."""


def column_in_cell(line: str, cell: int, content: str, at: int) -> int:
    """Return the column (from 1) of a character of a cell's content; 0 when the cell is not there.

    `cell` counts from 0, `line` is the whole line of the row, `content` the cell's as Markdown reads it.
    """
    bars = [-1, *(bar.start() for bar in _BAR.finditer(line)), len(line)]
    cell += _BEFORE_FIRST.match(line) is not None
    if cell + 1 >= len(bars):
        return 0
    raw = line[bars[cell] + 1 : bars[cell + 1]].rstrip()
    written = _escaped(content)
    # The first cell of a row without outer bars stands behind the marks of its list or quotation.
    if not raw.endswith(written):
        return 0
    return bars[cell] + 2 + len(raw) - len(written) + len(_escaped(content[:at]))


def _escaped(content: str) -> str:
    """Return a cell's content with the backslashes that Markdown took away."""
    return content.replace("|", "\\|")
