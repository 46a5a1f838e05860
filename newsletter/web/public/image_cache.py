"""The gallery: the publication's pictures as a server shows them, the small ones kept in memory.

A file is shown if its first bytes are a picture's, its path leads to no place outside and no part
of it is hidden; whatever else is asked for, there is not. When a mail has gone out, everybody asks
for the same few pictures within minutes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from newsletter.issues.images import MEDIA_TYPES, PictureError, find_picture

FOLDER = "images"
"""What pictures' addresses leave out."""
MOST_BYTES = 1024 * 1024
"""Of a picture that is kept; a larger one is read each time."""
ROOM = 64 * 1024 * 1024
"""Bytes kept at most; the oldest makes room."""


@dataclass(frozen=True, kw_only=True)
class CachedImage:
    """A picture as it is on disk."""

    file: Path
    media_type: str
    etag: str
    modified: float
    """Seconds since the epoch."""
    body: bytes | None
    """None: too large to be kept."""


class ImageCache:
    """The pictures of one publication."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: dict[str, CachedImage] = {}
        self._bytes = 0

    def find(self, path: str) -> CachedImage | None:
        """The picture behind an address below `/images/`, as it is now; None for whatever is none of ours."""
        kept = self._kept.get(path)
        if kept and kept.etag == _etag(kept.file):
            return kept
        self._drop(path)
        found = locate(self._root, path)
        return self._keep(path, *found) if found else None

    def _keep(self, path: str, file: Path, kind: str) -> CachedImage | None:
        try:
            status = file.stat()
            body = file.read_bytes() if status.st_size <= MOST_BYTES else None
        except OSError:
            return None
        etag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        shown = CachedImage(file=file, media_type=MEDIA_TYPES[kind], etag=etag, modified=status.st_mtime, body=body)
        if body is not None:
            while self._kept and self._bytes + len(body) > ROOM:
                self._drop(next(iter(self._kept)))
            self._kept[path] = shown
            self._bytes += len(body)
        return shown

    def _drop(self, path: str) -> None:
        dropped = self._kept.pop(path, None)
        self._bytes -= len(dropped.body or b"") if dropped else 0


def _etag(file: Path) -> str:
    try:
        status = os.stat(file)
    except OSError:
        return ""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def locate(root: Path, path: str) -> tuple[Path, str] | None:
    """The file behind an address and the kind of picture it is."""
    parts = path.split("/")
    if any(part.startswith(".") or part == "" or "\\" in part or not part.isprintable() for part in parts):
        return None
    for place in (f"{FOLDER}/{path}", path):
        try:
            return (root / place).resolve(), find_picture(root, place).kind
        except (PictureError, OSError, ValueError):
            continue
    return None
