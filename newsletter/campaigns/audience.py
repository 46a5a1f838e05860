"""The audience, enqueued: who is on the list becomes deliveries, in batches, a page at a time.

Makes the rows of `delivery` and `batch`; how a batch moves on is `deliveries`, and whose time it waits for `waves`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, func, insert, literal, select

from newsletter.campaigns import schedule
from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import Campaign, advance_cursor, get_campaign
from newsletter.config import Publication
from newsletter.database.bulk import listed
from newsletter.database.tables import batch, delivery
from newsletter.errors import ConfigError
from newsletter.subscribers import segments
from newsletter.times import stamp

PAGE = 4_000
"""Subscribers enqueued in one transaction."""


def enqueue(
    connection: Connection, publication: Publication, campaign_id: int, size: int, *, now: datetime, page: int = PAGE
) -> int:
    """Write the next `page` of the audience as deliveries, in batches of `size`; how many.

    The cursor moves in the same transaction: it may be killed, and run again, anywhere. Where
    each reader's own time counts, a batch holds readers of one moment, and waits for it.
    """
    found = get_campaign(connection, campaign_id)
    limit = max(page // size, 1) * size
    to, part, after = found.list, found.segment, found.cursor
    ids = segments.members(connection, publication, to, part, now=now, after=after, limit=limit)
    for due, wave in _waves(connection, publication, found, ids):
        write_batches(connection, campaign_id, wave, size, now, not_before=max(due, now) if due else None)
    cursor = ids[-1] if ids else found.cursor
    advance_cursor(connection, campaign_id, cursor=cursor, enqueued=len(ids) < limit)
    return len(ids)


def complete(connection: Connection, publication: Publication, campaign_id: int, *, now: datetime) -> None:
    """Write everyone else down, if anybody is: of a campaign that ends now, who never will have it.

    A segment that newsletter.toml has no more says nothing about the others, and keeps no campaign from ending.
    """
    if not get_campaign(connection, campaign_id).cursor:
        return
    with suppress(ConfigError):
        while not get_campaign(connection, campaign_id).enqueued:
            enqueue(connection, publication, campaign_id, PAGE, now=now)


def _waves(
    connection: Connection, publication: Publication, found: Campaign, ids: Sequence[int]
) -> list[tuple[datetime | None, Sequence[int]]]:
    """The readers by the moment at which their own clocks show the campaign's time; all at once without one."""
    if not found.wall:
        return [(None, ids)] if ids else []
    moments = schedule.moments(connection, publication, found.wall, ids)
    return [(due, [*wave]) for due, wave in groupby(sorted(ids, key=lambda id: (moments[id], id)), moments.__getitem__)]


def write_batches(
    connection: Connection,
    campaign_id: int,
    ids: Sequence[int],
    size: int,
    now: datetime,
    *,
    not_before: datetime | None = None,
) -> None:
    """Queue these subscribers in batches of `size`; they have no delivery of this campaign yet."""
    last = select(func.max(batch.c.no)).where(batch.c.campaign_id == campaign_id)
    first = (connection.execute(last).scalar() or 0) + 1
    common = {"campaign_id": campaign_id, "state": BatchState.QUEUED, "enqueued_at": stamp(now)}
    common["not_before"] = stamp(not_before) if not_before else None
    sizes = (min(size, len(ids) - start) for start in range(0, len(ids), size))
    connection.execute(insert(batch), [{**common, "no": no, "size": n} for no, n in enumerate(sizes, start=first)])
    place, id = listed(connection, ids)
    rows = select(literal(campaign_id), id, place // size + first)
    connection.execute(insert(delivery).from_select(["campaign_id", "subscriber_id", "batch_no"], rows))
