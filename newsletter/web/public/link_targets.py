"""Look up the addresses that a campaign's counted links lead to; read from the frozen message, and kept."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import NoResultFound
from starlette.concurrency import run_in_threadpool

from newsletter.campaigns.campaign import frozen_message
from newsletter.campaigns.tracking import targets
from newsletter.database.connection import Database
from newsletter.signed_links import Links

MAX_CAMPAIGNS = 200
"""Campaigns kept; the one that was read first makes room."""


class LinkTargets:
    """The counted links of one server's campaigns."""

    def __init__(self, database: Database, links: Links) -> None:
        self._database = database
        self._links = links
        self._by_campaign: dict[int, Mapping[int, str]] = {}

    async def of_campaign(self, campaign_id: int) -> Mapping[int, str]:
        """Return a campaign's addresses by the number of their link.

        Empty for a campaign that is not in this database, which may be another than the mail was sent from.
        """
        if campaign_id in self._by_campaign:
            return self._by_campaign[campaign_id]
        by_number = await run_in_threadpool(self._read, campaign_id)
        # A campaign that is missing now may be copied here later.
        if by_number:
            if len(self._by_campaign) >= MAX_CAMPAIGNS:
                del self._by_campaign[next(iter(self._by_campaign))]
            self._by_campaign[campaign_id] = by_number
        return by_number

    def _read(self, campaign_id: int) -> Mapping[int, str]:
        with self._database.read() as connection:
            try:
                message = frozen_message(connection, campaign_id)
            except NoResultFound:
                return {}
        return targets(message, self._links)
