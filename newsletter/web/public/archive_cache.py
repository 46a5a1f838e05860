"""What a server knows of the archive, and the responses it has made of it.

The database is asked once a second at most, and only while readers ask. The responses are thrown away when the
archive changes. If the database does not answer, the last known archive is shown.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from starlette.concurrency import run_in_threadpool

from newsletter.campaigns import archive
from newsletter.campaigns.archive import ArchiveEntry, newest
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.messages.types import About
from newsletter.rendering.translations import Language
from newsletter.web.error_log import masked
from newsletter.web.public.archive_pages import Neighbours, list_items
from newsletter.web.public.cached_response import CachedResponse
from newsletter.web.public.pages import Pages

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
"""Seconds between two queries: as long as a sent issue may be missing from the archive."""
LATEST = 5
"""Issues on the front page."""
MAX_RESPONSES = 500
"""Responses kept; the oldest makes room."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The archive at one moment, and the responses made of it."""

    entries: tuple[ArchiveEntry, ...]
    """The issues that have a page, the newest first."""
    withdrawn: tuple[ArchiveEntry, ...] = ()
    """The issues whose page was taken away."""
    responses: dict[object, CachedResponse] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def abouts(self) -> tuple[About, ...]:
        """Every issue, the newest first."""
        return tuple(entry.about for entry in self.entries)

    @cached_property
    def index_by_slug(self) -> dict[str, int]:
        """The index of each issue's entry, by slug."""
        return {entry.slug: index for index, entry in enumerate(self.entries)}

    @cached_property
    def withdrawn_by_slug(self) -> dict[str, ArchiveEntry]:
        """The issues whose page was taken away, by slug."""
        return {entry.slug: entry for entry in self.withdrawn}

    @cached_property
    def in_feed(self) -> list[ArchiveEntry]:
        """All issues, the newest first: feed readers are told of those that were withdrawn, too."""
        return sorted((*self.entries, *self.withdrawn), key=newest, reverse=True)

    def neighbours(self, index: int) -> Neighbours:
        """Return the issues before and after an entry."""
        newer = self.abouts[index - 1] if index else None
        return Neighbours(newer=newer, older=self.abouts[index + 1] if index + 1 < len(self.abouts) else None)


class ArchiveCache:
    """The archive of one server: the newest snapshot of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshot: Snapshot | None = None
        self._refreshed_at = -REFRESH_SECONDS
        self._refreshing = asyncio.Lock()
        self._rendering = asyncio.Lock()

    async def snapshot(self) -> Snapshot:
        """Return the archive, at most REFRESH_SECONDS old. Raises NewsletterError when the database never answered."""
        if self._snapshot and time.monotonic() - self._refreshed_at < REFRESH_SECONDS:
            return self._snapshot
        async with self._refreshing:
            # Another request may have refreshed it while this one waited.
            if time.monotonic() - self._refreshed_at >= REFRESH_SECONDS or self._snapshot is None:
                await self._refresh()
        assert self._snapshot
        return self._snapshot

    async def response(self, snapshot: Snapshot, key: object, make: Callable[[], CachedResponse]) -> CachedResponse:
        """Return the snapshot's response of this key; `make` is called for the first request that needs it."""
        if (response := snapshot.responses.get(key)) is not None:
            return response
        async with self._rendering:  # of many requests at once, one renders and the others wait
            # Another request may have made it while this one waited.
            if key not in snapshot.responses:
                if len(snapshot.responses) >= MAX_RESPONSES:
                    del snapshot.responses[next(iter(snapshot.responses))]
                # In a thread: making a response reads the database.
                snapshot.responses[key] = await run_in_threadpool(make)
        return snapshot.responses[key]

    async def latest(self, pages: Pages, language: Language) -> list[dict[str, object]]:
        """Return the newest issues as the front page lists them."""
        return list_items(pages, language, (await self.snapshot()).abouts[:LATEST], pages.path)

    def page(self, entry: ArchiveEntry) -> str:
        """Return the HTML of an issue's page as it was approved or amended; reads the database."""
        with self._database.read() as connection:
            return archive.page(connection, entry)

    async def _refresh(self) -> None:
        try:
            entries = await run_in_threadpool(self._entries)
        except NewsletterError as error:
            if self._snapshot is None:
                raise
            logger.error("the archive cannot be read; the last known one is shown", exc_info=masked(error))
        else:
            # An unchanged archive keeps its responses.
            snapshot = Snapshot(
                entries=tuple(entry for entry in entries if not entry.is_withdrawn),
                withdrawn=tuple(entry for entry in entries if entry.is_withdrawn),
            )
            if self._snapshot != snapshot:
                self._snapshot = snapshot
        # After a failure, too: a broken database is not asked more often.
        self._refreshed_at = time.monotonic()

    def _entries(self) -> tuple[ArchiveEntry, ...]:
        with self._database.read() as connection:
            return tuple(archive.entries(connection))
