"""The publication's images as a server shows them; the small ones are kept in memory.

A file is shown only if it is in `images/` or something sent names it, and its name and first bytes are those of the
same kind of image. No other file is opened (issues/images.py says why). When a campaign has gone out, all readers ask
for the same few images within minutes.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from newsletter.issues.images import MEDIA_TYPES, PictureError, find_picture, locate_picture

FOLDER = "images"
"""The folder that image addresses leave out."""
MAX_IMAGE_BYTES = 1024 * 1024
"""Bytes of the largest image that is kept; a larger one is read each time."""
MAX_CACHE_BYTES = 64 * 1024 * 1024
"""Bytes kept in all; the oldest image makes room."""


@dataclass(frozen=True, kw_only=True)
class CachedImage:
    """An image as it is on disk."""

    file: Path
    media_type: str
    etag: str
    modified: float
    """Seconds since the epoch."""
    body: bytes | None
    """The file's bytes; None for an image that is too large to keep."""


class ImageCache:
    """The images of one publication."""

    def __init__(
        self,
        root: Path,
        is_sent: Callable[[str], Awaitable[bool]],
        pushed: Callable[[str], Awaitable[CachedImage | None]] | None = None,
    ) -> None:
        """`is_sent` tells whether something sent names the image at a path below `/images/`.

        `pushed` returns the image that came with an issue from a repository: it is what the issue was built with.
        """
        self._root = root
        self._is_sent = is_sent
        self._pushed = pushed
        self._images: dict[str, CachedImage] = {}
        self._bytes = 0

    async def find(self, path: str) -> CachedImage | None:
        """Return the image behind a path below `/images/`, as it is now; None when it is no image of ours."""
        if self._pushed is not None and (pushed := await self._pushed(path)):
            return pushed
        image = self._images.get(path)
        # A look at the file for each request is cheap, and shows a replaced image at once.
        if image and image.etag == _etag(image.file):
            return image
        self._drop(path)
        for candidate in _candidates(self._root, path):
            if (candidate.is_shared or await self._is_sent(path)) and (kind := _kind(self._root, candidate)):
                return self._read(path, candidate.file, kind)
        return None

    def _read(self, path: str, file: Path, kind: str) -> CachedImage | None:
        try:
            status = file.stat()
            body = file.read_bytes() if status.st_size <= MAX_IMAGE_BYTES else None
        except OSError:  # removed or made unreadable meanwhile: to a reader it is not there
            return None
        etag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        image = CachedImage(file=file, media_type=MEDIA_TYPES[kind], etag=etag, modified=status.st_mtime, body=body)
        if body is not None:
            while self._images and self._bytes + len(body) > MAX_CACHE_BYTES:
                self._drop(next(iter(self._images)))
            self._images[path] = image
            self._bytes += len(body)
        return image

    def _drop(self, path: str) -> None:
        dropped = self._images.pop(path, None)
        self._bytes -= len(dropped.body or b"") if dropped else 0


def _etag(file: Path) -> str:
    try:
        status = os.stat(file)
    except OSError:
        return ""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def locate_image(root: Path, path: str) -> tuple[Path, str] | None:
    """Return the file behind an image's address and the kind of image it is; None when there is no such image.

    Takes images of any folder, for pages whose author named them.
    """
    for candidate in _candidates(root, path):
        if kind := _kind(root, candidate):
            return candidate.file, kind
    return None


class _Candidate(NamedTuple):
    """A file that may be meant by an address, judged by its place and name; it has not been opened."""

    file: Path
    place: str
    """The path inside the publication that was looked up."""
    is_shared: bool
    """Whether the file itself, after symbolic links, is in `images/`."""


def _candidates(root: Path, path: str) -> Iterator[_Candidate]:
    parts = path.split("/")
    # `..` and hidden files are refused before the file system is asked.
    if any(part.startswith(".") or part == "" or "\\" in part or not part.isprintable() for part in parts):
        return
    shared = (root / FOLDER).resolve()
    # Addresses leave `images/` out; images in other folders keep their folder.
    for place in (f"{FOLDER}/{path}", path):
        try:
            file = locate_picture(root, place)
        except (PictureError, OSError, ValueError):
            continue
        # A link from `images/` to the publication's folder would open all of it.
        yield _Candidate(file, place, shared != root.resolve() and file.is_relative_to(shared))


def _kind(root: Path, candidate: _Candidate) -> str:
    """Return the kind of image that a file is, by its content; empty when it is none."""
    try:
        return find_picture(root, candidate.place).kind
    except (PictureError, OSError, ValueError):
        return ""
