"""Settle unknown deliveries by events: whoever has a report of a message, the provider took it.

Reports come at any time: before the answer to the call, and after a dead sender's batch became unknown. So both ask:
whoever records events about those readers, and whoever makes a batch unknown about its readers' events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from newsletter.campaigns.campaign import frozen_message
from newsletter.campaigns.delivery_states import DELIVERIES, STATE
from newsletter.campaigns.resolution import accept, find_unknown
from newsletter.database.bulk import among
from newsletter.database.tables import delivery, event
from newsletter.providers.base import Outcome

REPORTED = "accepted: an event of the message was reported"
"""The detail of a delivery that an event settled."""


def accept_reported(connection: Connection, places: Iterable[tuple[int, int]], now: datetime) -> int:
    """Accept those of these deliveries (campaign, subscriber) that are unknown; return how many."""
    by_campaign: dict[int, set[int]] = defaultdict(set)
    for campaign_id, subscriber_id in places:
        by_campaign[campaign_id].add(subscriber_id)
    accepted = 0
    for campaign_id, ids in by_campaign.items():
        unknown = select(delivery.c.batch_no).select_from(DELIVERIES).distinct()
        mine = among(connection, delivery.c.subscriber_id, [*ids])
        batches = unknown.where(delivery.c.campaign_id == campaign_id, mine, STATE == Outcome.UNKNOWN)
        for no in connection.scalars(batches).all():
            accepted += _accept(connection, campaign_id, no, ids, now)
    return accepted


def accept_batch(connection: Connection, campaign_id: int, no: int, now: datetime) -> int:
    """Accept those of a batch's unknown deliveries of which an event is known; return how many."""
    return _accept_known(connection, campaign_id, no, now)


def accept_campaign(connection: Connection, campaign_id: int, now: datetime) -> int:
    """Accept those of a campaign's unknown deliveries of which an event is known; return how many."""
    return _accept_known(connection, campaign_id, None, now)


def _accept_known(connection: Connection, campaign_id: int, no: int | None, now: datetime) -> int:
    ids = {id for unknown in find_unknown(connection, campaign_id, no) for id in unknown.ids}
    if not ids:
        return 0
    mine = among(connection, event.c.subscriber_id, [*ids])
    # Columns of the index on readers: a campaign may have a million events.
    seen = select(event.c.subscriber_id).where(mine, event.c.campaign_id == campaign_id).distinct()
    reported_ids = {id for id in connection.scalars(seen) if id is not None}
    return _accept(connection, campaign_id, no, reported_ids, now) if reported_ids else 0


def _accept(connection: Connection, campaign_id: int, no: int | None, ids: Collection[int], now: datetime) -> int:
    accepted = 0
    for unknown in find_unknown(connection, campaign_id, no):
        mine = [id for id in unknown.ids if id in ids]
        if mine:
            accept(connection, unknown, mine, REPORTED, now)
            accepted += len(mine)
    return accepted


def link_numbers(connection: Connection, campaign_id: int) -> Mapping[str, int]:
    """Return the numbers of a campaign's links by address."""
    return {url: number for number, url in enumerate(frozen_message(connection, campaign_id).links)}
