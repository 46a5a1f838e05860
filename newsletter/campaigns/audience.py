"""Enqueue the audience: write the readers of a list as deliveries, in batches, a page at a time.

A correction's audience is the readers of an earlier campaign, as far as they still get the list's mail. The rows are
written by `ledger`; the moment that each reader's own clock shows is `schedule.moments`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, Connection, literal, select

from newsletter.campaigns import ledger, schedule
from newsletter.campaigns.campaign import Campaign, advance_cursor, get_campaign, lock_campaign
from newsletter.campaigns.delivery_states import DELIVERIES, STATE
from newsletter.config import PublicationSettings
from newsletter.database.tables import delivery, subscription
from newsletter.errors import ConfigError
from newsletter.subscribers import segments

PAGE = 4_000
"""Subscribers enqueued in one transaction."""
_GOT = ("accepted", "unknown", "handed")


def enqueue(
    connection: Connection,
    publication: PublicationSettings,
    campaign_id: int,
    size: int,
    *,
    now: datetime,
    page: int = PAGE,
) -> int:
    """Write the next `page` readers of the audience as deliveries, in batches of `size`; return how many.

    The campaign's cursor moves in the same transaction, so this may be killed anywhere and run again. Where
    each reader's own time counts, a batch holds readers of one moment, and waits for it.
    """
    campaign = lock_campaign(connection, campaign_id)
    if campaign.enqueued:
        return 0
    limit = max(page // size, 1) * size
    list_name, segment, among = campaign.list, campaign.segment, got(campaign.readers_of)
    ids = segments.members(
        connection, publication, list_name, segment, now=now, after=campaign.cursor, limit=limit, among=among
    )
    for due, wave in _waves(connection, publication, campaign, ids):
        ledger.add_batches(connection, campaign_id, wave, size, now, not_before=max(due, now) if due else None)
    cursor = ids[-1] if ids else campaign.cursor
    advance_cursor(connection, campaign_id, cursor=cursor, enqueued=len(ids) < limit)
    return len(ids)


def got(campaign_id: int) -> ColumnElement[bool] | None:
    """Return the condition on a row of `subscription` that its reader got a campaign, or may have got it.

    That is: the delivery was accepted, and may have been delivered, or it was handed over and its outcome is unknown.
    None for campaign 0, which stands for no condition.
    """
    if not campaign_id:
        return None
    theirs = (delivery.c.campaign_id == campaign_id) & (delivery.c.subscriber_id == subscription.c.subscriber_id)
    rows = select(literal(1)).select_from(DELIVERIES).where(theirs, STATE.in_(_GOT))
    return rows.correlate(subscription).exists()


def complete(connection: Connection, publication: PublicationSettings, campaign_id: int, *, now: datetime) -> None:
    """Enqueue the rest of an audience whose first readers are enqueued: of a campaign that ends now.

    Nobody else is enqueued when newsletter.toml has no such segment any more; the campaign can end all the same.
    """
    if not get_campaign(connection, campaign_id).cursor:
        return
    with suppress(ConfigError):
        while not get_campaign(connection, campaign_id).enqueued:
            enqueue(connection, publication, campaign_id, PAGE, now=now)


def _waves(
    connection: Connection, publication: PublicationSettings, campaign: Campaign, ids: Sequence[int]
) -> list[tuple[datetime | None, Sequence[int]]]:
    """Group readers by the moment at which their own clocks show the campaign's time; without one, in one group."""
    if not campaign.wall:
        return [(None, ids)] if ids else []
    moments = schedule.moments(connection, publication, campaign.wall, ids)
    return [(due, [*wave]) for due, wave in groupby(sorted(ids, key=lambda id: (moments[id], id)), moments.__getitem__)]
