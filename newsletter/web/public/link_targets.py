"""Where a campaign's counted links lead, by their number; read from the frozen message, and kept."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import NoResultFound
from starlette.concurrency import run_in_threadpool

from newsletter.campaigns.campaign import frozen_message
from newsletter.campaigns.tracking import targets
from newsletter.database.connection import Database
from newsletter.signed_links import Links

MOST = 200
"""Campaigns kept; the one that was asked for first makes room."""


class Targets:
    """Of one server."""

    def __init__(self, database: Database, links: Links) -> None:
        self._database = database
        self._links = links
        self._known: dict[int, Mapping[int, str]] = {}

    async def of(self, campaign_id: int) -> Mapping[int, str]:
        """Addresses by number; none for a campaign that is not here (a database that is not the mail's)."""
        if campaign_id in self._known:
            return self._known[campaign_id]
        found = await run_in_threadpool(self._read, campaign_id)
        if found:
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[campaign_id] = found
        return found

    def _read(self, campaign_id: int) -> Mapping[int, str]:
        with self._database.read() as connection:
            try:
                message = frozen_message(connection, campaign_id)
            except NoResultFound:
                return {}
        return targets(message, self._links)
