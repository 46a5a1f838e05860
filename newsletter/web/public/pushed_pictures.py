"""The pictures that came with issues from a repository; the small ones are kept in memory.

They are in the database, by their hashes, so that every server of a publication has them.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from newsletter.campaigns import pushes
from newsletter.database.connection import Database
from newsletter.issues.images import MEDIA_TYPES
from newsletter.web.public.image_cache import MAX_CACHE_BYTES, CachedImage

REFRESH_SECONDS = 1.0
"""Seconds between two queries for the paths: as long as a new picture may be missing."""


class PushedPictures:
    """The pictures of one publication that were handed over."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hashes: dict[str, tuple[str, datetime]] = {}
        """Hash and time of the newest picture of each path."""
        self._images: dict[str, CachedImage] = {}
        """By path; an image's ETag is its hash."""
        self._bytes = 0
        self._refreshed_at = -REFRESH_SECONDS

    async def find(self, path: str) -> CachedImage | None:
        """Return the picture at a path below `/images/`; None when none was handed over under it."""
        if time.monotonic() - self._refreshed_at >= REFRESH_SECONDS:
            await run_in_threadpool(self._refresh)
        if path not in self._hashes:
            return None
        cached = self._images.get(path)
        if cached and cached.etag == self._hashes[path][0]:
            return cached
        return await run_in_threadpool(self._read, path)

    def _refresh(self) -> None:
        with self._database.read() as connection:
            self._hashes = pushes.newest_pictures(connection)
        self._refreshed_at = time.monotonic()

    def _read(self, path: str) -> CachedImage | None:
        with self._database.read() as connection:
            stored = pushes.find_picture(connection, path)
        if stored is None:
            return None
        image = CachedImage(
            file=Path(path),
            media_type=MEDIA_TYPES[stored.kind],
            etag=stored.sha256,
            modified=self._hashes[path][1].timestamp(),
            body=stored.body,
        )
        while self._images and self._bytes + len(stored.body) > MAX_CACHE_BYTES:
            dropped = self._images.pop(next(iter(self._images)))
            self._bytes -= len(dropped.body or b"")
        self._images[path] = image
        self._bytes += len(stored.body)
        return image
