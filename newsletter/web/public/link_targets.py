"""Look up the addresses that a campaign's counted links lead to; read from the frozen message, and kept."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import NoResultFound
from starlette.concurrency import run_in_threadpool

from newsletter.campaigns.campaign import frozen_message, get_campaign
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
        self._by_campaign: dict[int, tuple[str, Mapping[int, str]]] = {}
        """Each campaign's key, and its addresses."""

    async def of_campaign(self, campaign_id: int, campaign_key: str) -> Mapping[int, str]:
        """Return a campaign's addresses by the number of their link; `campaign_key` is what a token holds of its key.

        Empty for a campaign that is not in this database, which may be another than the mail was sent from, or older.
        """
        key, by_number = self._by_campaign.get(campaign_id) or await self._load(campaign_id)
        return by_number if key.startswith(campaign_key) else {}

    async def _load(self, campaign_id: int) -> tuple[str, Mapping[int, str]]:
        key, by_number = await run_in_threadpool(self._read, campaign_id)
        # A campaign that is missing now may be copied here later.
        if by_number:
            if len(self._by_campaign) >= MAX_CAMPAIGNS:
                del self._by_campaign[next(iter(self._by_campaign))]
            self._by_campaign[campaign_id] = key, by_number
        return key, by_number

    def _read(self, campaign_id: int) -> tuple[str, Mapping[int, str]]:
        with self._database.read() as connection:
            try:
                message = frozen_message(connection, campaign_id)
                key = get_campaign(connection, campaign_id).key
            except NoResultFound:
                return "", {}
        return key, targets(message, self._links)
