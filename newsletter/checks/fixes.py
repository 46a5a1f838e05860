"""Safe fixes: make the edits that problems carry in the file; everything else stays byte for byte.

A fix changes no words that readers see. A second run changes nothing.
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import Edit, NewsletterError, Problem

_ENDING = re.compile(r"(\r\n|\r|\n)")
_MARK = "\ufeff"
"""The byte order mark that some editors put before the first line; it is kept, and no column counts it."""


@dataclass(frozen=True, kw_only=True)
class Fix:
    """A file before and after its safe fixes."""

    path: Path
    shown: str
    before: str
    after: str
    count: int
    """The number of edits made."""

    @property
    def diff(self) -> str:
        """The changes as `diff -u` writes them; empty when there are none."""
        before, after = (_ended(text.splitlines(keepends=True)) for text in (self.before, self.after))
        return "".join(difflib.unified_diff(before, after, f"a/{self.shown}", f"b/{self.shown}"))


def fix(path: Path, shown: str, problems: Iterable[Problem]) -> Fix:
    """Return the file with every edit of its problems made; `write` puts it on the disk."""
    before = path.read_bytes().decode("utf-8")
    edits = list(_apart(edit for problem in problems if problem.path == shown for edit in problem.edits))
    return Fix(path=path, shown=shown, before=before, after=edited(before, edits), count=len(edits))


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with these edits, which do not overlap; line endings stay as they are."""
    mark = _MARK if text.startswith(_MARK) else ""
    parts = _ENDING.split(text.removeprefix(_MARK))
    # From the last edit to the first, so that the columns of earlier ones stay right.
    for edit in sorted(edits, key=lambda edit: (edit.line, edit.column), reverse=True):
        line = parts[2 * edit.line - 2]
        start = edit.column - 1
        parts[2 * edit.line - 2] = line[:start] + edit.text + line[start + edit.width :]
    return mark + "".join(parts)


def _apart(edits: Iterable[Edit]) -> Iterator[Edit]:
    """Yield each edit once, without those that overlap an earlier one; the next run makes them."""
    end = (0, 0)
    for edit in sorted(set(edits), key=lambda edit: (edit.line, edit.column, edit.width)):
        if (edit.line, edit.column) >= end:
            end = (edit.line, edit.column + max(edit.width, 1))
            yield edit


def write(made: Fix) -> None:
    """Put the fixed text in the file's place, whole or not at all. Raises NewsletterError."""
    target = made.path.resolve()
    try:
        # The new file takes the old one's place whole: neither an editor nor a crash sees half of one.
        handle, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(made.after.encode("utf-8"))
            Path(part).chmod(target.stat().st_mode)
            Path(part).replace(target)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NewsletterError(f"cannot write: {error.strerror}", place=made.shown) from error


def _ended(lines: list[str]) -> list[str]:
    """Return the lines with the note of `diff` behind a last line that has no line ending."""
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += "\n\\ No newline at end of file\n"
    return lines
