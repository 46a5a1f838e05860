"""The shelf: what a server knows of the archive, and the answers it has made of it.

The database is asked once a second at most, and only while readers ask; what was made is thrown
away when the archive changes. If the database does not answer, what is known is shown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from starlette.concurrency import run_in_threadpool

from newsletter.campaigns import archive
from newsletter.campaigns.archive import ArchiveEntry
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.messages.types import About
from newsletter.rendering.translations import Language
from newsletter.web.public.archive_pages import Neighbours, listed
from newsletter.web.public.cached_response import Ready
from newsletter.web.public.pages import Pages

LOOK = 1.0
"""Seconds between two looks: as long as an issue may be missing from the archive."""
LATEST = 5
"""Issues on the front page."""
MOST_READY = 500
"""Answers kept; the oldest makes room."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The archive at one moment."""

    entries: tuple[ArchiveEntry, ...]
    made: dict[object, Ready] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def abouts(self) -> tuple[About, ...]:
        """Every issue, the newest first."""
        return tuple(entry.about for entry in self.entries)

    @cached_property
    def by_slug(self) -> dict[str, int]:
        """Where each issue is among the entries."""
        return {entry.slug: index for index, entry in enumerate(self.entries)}

    def near(self, index: int) -> Neighbours:
        """What stands beside an entry."""
        newer = self.abouts[index - 1] if index else None
        return Neighbours(newer=newer, older=self.abouts[index + 1] if index + 1 < len(self.abouts) else None)


class ArchiveCache:
    """The archive of one server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._catalogue: Snapshot | None = None
        self._looked = -LOOK
        self._looking = asyncio.Lock()
        self._making = asyncio.Lock()

    async def catalogue(self) -> Snapshot:
        """What is in the archive. Raises NewsletterError when the database never answered."""
        if self._catalogue and time.monotonic() - self._looked < LOOK:
            return self._catalogue
        async with self._looking:
            if time.monotonic() - self._looked >= LOOK or self._catalogue is None:
                await self._look()
        assert self._catalogue
        return self._catalogue

    async def ready(self, catalogue: Snapshot, key: object, make: Callable[[], Ready]) -> Ready:
        """The answer of this name, made when it is first asked for; of many who ask at once, one waits for it."""
        if (found := catalogue.made.get(key)) is not None:
            return found
        async with self._making:
            if key not in catalogue.made:
                if len(catalogue.made) >= MOST_READY:
                    del catalogue.made[next(iter(catalogue.made))]
                catalogue.made[key] = await run_in_threadpool(make)
        return catalogue.made[key]

    async def latest(self, pages: Pages, language: Language) -> list[dict[str, object]]:
        """The newest issues, for the front page."""
        return listed(pages, language, (await self.catalogue()).abouts[:LATEST], pages.path)

    def page(self, entry: ArchiveEntry) -> str:
        """The frozen page of an issue; asks the database."""
        with self._database.read() as connection:
            return archive.page(connection, entry)

    async def _look(self) -> None:
        try:
            entries = await run_in_threadpool(self._entries)
        except NewsletterError:
            if self._catalogue is None:
                raise
        else:
            if self._catalogue is None or entries != self._catalogue.entries:
                self._catalogue = Snapshot(entries=entries)
        self._looked = time.monotonic()

    def _entries(self) -> tuple[ArchiveEntry, ...]:
        with self._database.read() as connection:
            return tuple(archive.entries(connection))
