"""Which pictures outside `images/` readers may load: those that something we sent, or an amended page, names.

An email that went out keeps its pictures for ever, wherever they stand; a draft's are nobody's business. Frozen
messages never change, so each is read once.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterable
from unicodedata import normalize
from urllib.parse import quote, unquote

from sqlalchemy import Connection, select
from starlette.concurrency import run_in_threadpool

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.database.tables import archive_change, campaign, transactional_message
from newsletter.issues.images import is_remote, picture_url

REFRESH_SECONDS = 1.0
"""Seconds between two queries: as long as a picture of an issue that starts may be missing."""
_PATH = re.compile(r"/images/([\w.~/%-]+)", re.ASCII)
"""The path in a picture's address, whose other characters `picture_url` quotes."""


class SentPictures:
    """The paths below `/images/` that sent issues, sent welcomes and the settings name."""

    def __init__(self, publication: PublicationSettings, database: Database) -> None:
        self._publication = publication
        self._database = database
        self._by_campaign: dict[int, frozenset[str]] = {}
        self._by_change: dict[int, frozenset[str]] = {}
        self._paths: frozenset[str] = frozenset()
        self._welcomes: tuple[str, ...] = ()
        self._refreshed_at = -REFRESH_SECONDS

    async def names(self, path: str) -> bool:
        """Tell whether something sent names the picture at a path. Raises NewsletterError without the database."""
        return await run_in_threadpool(self._names, path)

    def _names(self, path: str) -> bool:
        # An address that was allowed once stays allowed: a sent issue cannot be taken back.
        if path in self._paths or path in self._logos():
            return True
        if time.monotonic() - self._refreshed_at >= REFRESH_SECONDS:
            with self._database.read() as connection:
                self._refresh(connection)
            self._refreshed_at = time.monotonic()
        return path in self._paths or any(self._welcome_names(slug, path) for slug in self._welcomes)

    def _refresh(self, connection: Connection) -> None:
        started = connection.execute(select(campaign.c.id).where(campaign.c.started_at.is_not(None))).scalars().all()
        for campaign_id in sorted(set(started) - self._by_campaign.keys()):
            columns = (campaign.c.message, campaign.c.page)
            frozen = connection.execute(select(*columns).where(campaign.c.id == campaign_id)).one()
            texts = (zlib.decompress(packed).decode() for packed in frozen)
            self._by_campaign[campaign_id] = _named_in(texts)
        amended = connection.execute(select(archive_change.c.id).where(archive_change.c.page.is_not(None))).scalars()
        for change_id in sorted(set(amended) - self._by_change.keys()):
            page = connection.execute(select(archive_change.c.page).where(archive_change.c.id == change_id))
            self._by_change[change_id] = _named_in([zlib.decompress(page.scalar_one()).decode()])
        self._paths = frozenset().union(*self._by_campaign.values(), *self._by_change.values())
        is_sent = (transactional_message.c.kind == "welcome") & transactional_message.c.first_handed_at.is_not(None)
        slugs = select(transactional_message.c.message).distinct().where(is_sent)
        self._welcomes = tuple(connection.execute(slugs).scalars())

    def _welcome_names(self, slug: str, path: str) -> bool:
        """Tell whether a welcome's file names a picture: welcomes are not frozen, their files are what is sent."""
        files = (file for file in self._publication.issues.glob("*.md") if file.stem in (slug, file.stem[:11] + slug))
        texts = (file.read_text(encoding="utf-8", errors="replace") for file in files)
        # The author may have written the path as an address, or with accents put together (UAX 15).
        return any(form in text for text in texts for form in {path, quote(path), normalize("NFC", path)})

    def _logos(self) -> list[str]:
        theme = self._publication.config.theme
        logos = (logo for logo in (theme.logo, theme.logo_dark) if logo and not is_remote(logo))
        return [unquote(picture_url(self._publication.root, "", logo).removeprefix("/images/")) for logo in logos]


def _named_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the paths below `/images/` that the texts name."""
    return frozenset(unquote(address) for text in texts for address in _PATH.findall(text))
