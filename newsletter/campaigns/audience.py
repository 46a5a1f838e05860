"""Enqueue the audience: write the readers of a list as deliveries, in batches, a page at a time.

The rows are written by `ledger`; the moment that each reader's own clock shows is `schedule.moments`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection

from newsletter.campaigns import ledger, schedule
from newsletter.campaigns.campaign import Campaign, advance_cursor, get_campaign, lock_campaign
from newsletter.config import Publication
from newsletter.errors import ConfigError
from newsletter.subscribers import segments

PAGE = 4_000
"""Subscribers enqueued in one transaction."""


def enqueue(
    connection: Connection, publication: Publication, campaign_id: int, size: int, *, now: datetime, page: int = PAGE
) -> int:
    """Write the next `page` readers of the audience as deliveries, in batches of `size`; return how many.

    The campaign's cursor moves in the same transaction, so this may be killed anywhere and run again. Where
    each reader's own time counts, a batch holds readers of one moment, and waits for it.
    """
    campaign = lock_campaign(connection, campaign_id)
    if campaign.enqueued:
        return 0
    limit = max(page // size, 1) * size
    list_name, segment, after = campaign.list, campaign.segment, campaign.cursor
    ids = segments.members(connection, publication, list_name, segment, now=now, after=after, limit=limit)
    for due, wave in _waves(connection, publication, campaign, ids):
        ledger.add_batches(connection, campaign_id, wave, size, now, not_before=max(due, now) if due else None)
    cursor = ids[-1] if ids else campaign.cursor
    advance_cursor(connection, campaign_id, cursor=cursor, enqueued=len(ids) < limit)
    return len(ids)


def complete(connection: Connection, publication: Publication, campaign_id: int, *, now: datetime) -> None:
    """Enqueue the rest of an audience whose first readers are enqueued: of a campaign that ends now.

    Nobody else is enqueued when newsletter.toml has no such segment any more; the campaign can end all the same.
    """
    if not get_campaign(connection, campaign_id).cursor:
        return
    with suppress(ConfigError):
        while not get_campaign(connection, campaign_id).enqueued:
            enqueue(connection, publication, campaign_id, PAGE, now=now)


def _waves(
    connection: Connection, publication: Publication, campaign: Campaign, ids: Sequence[int]
) -> list[tuple[datetime | None, Sequence[int]]]:
    """Group readers by the moment at which their own clocks show the campaign's time; without one, in one group."""
    if not campaign.wall:
        return [(None, ids)] if ids else []
    moments = schedule.moments(connection, publication, campaign.wall, ids)
    return [(due, [*wave]) for due, wave in groupby(sorted(ids, key=lambda id: (moments[id], id)), moments.__getitem__)]
