"""Read and save the file of an issue that is edited in the browser: a save replaces only the text it was based on.

Finds no mistakes and builds nothing. No file outside `issues/` is read or written, whatever its name and
wherever a symbolic link leads.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.issues.issue import MOST_BYTES, issue_files, issue_text, shown_path, slug_of

_BOM = b"\xef\xbb\xbf"
_SAVING = Lock()
"""Held from comparing to writing: the second of two saves at once sees what the first has written."""


@dataclass(frozen=True, kw_only=True)
class IssueFile:
    """A file's text, and what is needed to write it with the author's line ends."""

    path: Path
    text: str
    """Lines end in `\\n`, whatever they end in on disk."""
    digest: str
    """The SHA-256 of the bytes on disk; empty when there is no file."""
    lines: tuple[str, ...] = ()
    """The lines as they are on disk, with their ends."""
    has_mark: bool = False
    """True when the file begins with a byte order mark."""

    def encoded(self, text: str) -> bytes:
        """Return the bytes of a new text with this file's line ends and byte order mark.

        Raises NewsletterError for a text that no issue may have.
        """
        try:
            body = self._with_ends(text.replace("\r\n", "\n").replace("\r", "\n")).encode()
        except UnicodeEncodeError as error:
            raise NewsletterError("the text holds half a character; nothing was saved") from error
        raw = _BOM * self.has_mark + body
        if len(raw) > MOST_BYTES:
            size = f"{len(raw) / MOST_BYTES:.1f} MiB"
            raise NewsletterError(f"the text has {size}; an issue has at most 1 MiB", hint="Nothing was saved.")
        if b"\0" in raw:
            raise NewsletterError("the text holds a NUL character", hint="Nothing was saved.")
        return raw

    def _with_ends(self, text: str) -> str:
        """Return a text whose changed lines end as most lines of the file do, and the others as they did."""
        new, old, line_end = _lines(text), [_unified(line) for line in self.lines], self._line_end
        if new == old:
            return "".join(self.lines)
        if any(line.endswith("\r") for line in self.lines):  # before a `\n` it would be another line's end
            return text.replace("\n", line_end)
        shorter = min(len(new), len(old))
        above = next((at for at in range(shorter) if new[at] != old[at]), shorter)
        room = range(1, shorter - above + 1)
        below = next((at - 1 for at in room if new[-at] != old[-at]), shorter - above)
        changed = [line.replace("\n", line_end) for line in new[above : len(new) - below]]
        return "".join((*self.lines[:above], *changed, *self.lines[len(old) - below :]))

    @property
    def _line_end(self) -> str:
        ends = Counter(line[len(line.rstrip("\r\n")) :] for line in self.lines)
        return max(("\n", "\r\n", "\r"), key=lambda end: ends[end])


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The result of saving: the file that is on disk now, and whether it was written."""

    issue_file: IssueFile
    is_written: bool
    """False when somebody else had changed the file, and nothing was written."""


def find_issue_file(publication: PublicationSettings, slug: str) -> Path:
    """Return the file of the issue with this slug. Raises NewsletterError when there is none."""
    path = next((path for path in issue_files(publication) if slug_of(path) == slug), None)
    if path is None:
        raise NewsletterError(f'no issue named "{slug}"', hint="It may have been renamed or removed.")
    return _inside(publication, path)


def read_issue_file(publication: PublicationSettings, path: Path) -> IssueFile:
    """Return the file's text; of a file that is gone an empty text without a digest. Raises NewsletterError."""
    path = _inside(publication, path)
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return IssueFile(path=path, text="", digest="")
    except OSError as error:
        raise NewsletterError(error.strerror or "cannot be read", place=shown_path(publication, path)) from error
    is_empty = not raw.removeprefix(_BOM).strip()
    text = "" if is_empty else issue_text(raw, shown_path(publication, path), size)
    return IssueFile(
        path=path,
        text=text,
        digest=hashlib.sha256(raw).hexdigest(),
        lines=tuple(_lines("" if is_empty else raw.decode("utf-8-sig"))),
        has_mark=raw.startswith(_BOM),
    )


def save(publication: PublicationSettings, path: Path, text: str, digest: str) -> Saved:
    """Write `text` if the file still has `digest`, and return the file as it is now in either case.

    A write is whole or does not happen; line ends, byte order mark and permissions stay. Raises NewsletterError.
    """
    with _SAVING:
        now = read_issue_file(publication, path)
        if now.digest != digest:
            return Saved(issue_file=now, is_written=False)
        _replace(now.path, now.encoded(text), shown_path(publication, now.path))
        return Saved(issue_file=read_issue_file(publication, now.path), is_written=True)


def _lines(text: str) -> list[str]:
    """Split a text into lines that keep their ends: `\\n`, `\\r\\n` or `\\r`."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def _unified(line: str) -> str:
    return line.replace("\r\n", "\n").replace("\r", "\n")


def _inside(publication: PublicationSettings, path: Path) -> Path:
    """Return the real file behind a path. Raises NewsletterError unless it is an issue file inside `issues/`."""
    real, folder = path.resolve(), publication.issues.resolve()
    is_issue = real.suffix == ".md" and not real.name.startswith(".")
    if not is_issue or not real.is_relative_to(folder) or (real.exists() and not real.is_file()):
        raise NewsletterError("this is no issue file inside issues/", place=path.name)
    return real


def _replace(path: Path, raw: bytes, shown: str) -> None:
    """Write a file beside the old one and give it its name once it is whole and on disk. Raises NewsletterError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        # Renaming over a read-only file would succeed where the folder is writable.
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        # A leading dot keeps issue_files() from listing the unfinished file.
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
                file.flush()
                # On disk before the name changes: a crash leaves the old file or the new one, never a part.
                os.fsync(file.fileno())
            Path(part).chmod(mode)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NewsletterError(f"cannot be saved: {error.strerror}", place=shown, hint="Nothing was changed.") from error
