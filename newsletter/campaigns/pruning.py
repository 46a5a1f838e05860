"""Delete the deliveries of campaigns that ended long ago: a row per reader, which is most of a database.

What stays: the campaign, its batches, who was rejected or skipped, every event, and thus all figures. What goes: the
knowledge who had it. So nothing of the campaign is sent any more, and its issue becomes no other campaign, which could
not leave out who has it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, exists, func, select

from newsletter.campaigns import ledger
from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import ended_before, mark_pruned
from newsletter.campaigns.delivery_states import EXCEPTIONS
from newsletter.database.tables import batch, campaign, delivery, delivery_exception

PAGE = 10_000
"""Deliveries that are deleted in one transaction."""
_IS_OPEN = exists().where(
    batch.c.campaign_id == campaign.c.id, batch.c.state.not_in([BatchState.SETTLED, BatchState.CANCELLED])
)
_IS_UNKNOWN = (
    exists()
    .select_from(EXCEPTIONS)
    .where(delivery_exception.c.campaign_id == campaign.c.id, delivery_exception.c.state == "unknown")
)


def prunable(connection: Connection, before: datetime) -> list[int]:
    """Return the ids of the campaigns that ended before that time and have deliveries, none of them unknown."""
    has_some = exists().where(delivery.c.campaign_id == campaign.c.id)
    rows = select(campaign.c.id).where(ended_before(before), has_some, ~_IS_OPEN, ~_IS_UNKNOWN)
    return list(connection.scalars(rows.order_by(campaign.c.id)))


def count_deliveries(connection: Connection, campaign_id: int) -> int:
    """Return how many deliveries the campaign has."""
    return connection.scalar(select(func.count()).where(delivery.c.campaign_id == campaign_id)) or 0


def begin_pruning(connection: Connection, campaign_id: int, before: datetime, now: datetime) -> bool:
    """Mark the campaign, so that nothing of it is sent any more; return whether it is still over."""
    if not mark_pruned(connection, campaign_id, before, now):
        return False
    ledger.forget_retries(connection, campaign_id)
    return True


def prune_page(connection: Connection, campaign_id: int) -> int:
    """Delete some deliveries of a marked campaign; return how many. Call until it is 0."""
    return ledger.delete_page(connection, campaign_id, PAGE)
