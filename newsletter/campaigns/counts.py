"""Count a campaign's deliveries, list them, and measure how fast they go. Read only.

Every delivery is in exactly one state, so the counts add up to the audience.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select

from newsletter.campaigns.batch_states import IN_HAND, OPEN, BatchState
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.delivery_states import DELIVERIES, EXCEPTIONS, STATE_OF_BATCH, STATES
from newsletter.database.tables import batch, campaign, delivery, delivery_exception, subscriber
from newsletter.times import stamp

MINUTE = timedelta(minutes=1)
LATELY = timedelta(seconds=10)
"""The time over which the speed of a provider is measured."""


@dataclass(frozen=True, kw_only=True)
class ListedDelivery:
    """A delivery that a list names: the reader's, and why it is in its state."""

    subscriber_id: int
    email: str
    """Empty when the reader has been erased since."""
    detail: str


# Made once: every request about a campaign asks them.
_SIZES = (
    select(STATE_OF_BATCH, func.sum(batch.c.size))
    .where(batch.c.campaign_id == bindparam("campaign"))
    .group_by(STATE_OF_BATCH)
)
_EXCEPTIONAL = (
    select(STATE_OF_BATCH, delivery_exception.c.state, func.count())
    .select_from(EXCEPTIONS)
    .where(delivery_exception.c.campaign_id == bindparam("campaign"))
    .group_by(STATE_OF_BATCH, delivery_exception.c.state)
)


def delivery_counts(connection: Connection, campaign_id: int) -> dict[str, int]:
    """Return how many deliveries are in each of STATES: the audience is their sum.

    Reads a row per batch and per exception, not per delivery.
    """
    counted = dict.fromkeys(STATES, 0)
    for state, size in connection.execute(_SIZES, {"campaign": campaign_id}):
        counted[state] += size
    for state_of_batch, state, number in connection.execute(_EXCEPTIONAL, {"campaign": campaign_id}):
        counted[state_of_batch] -= number
        counted[state] += number
    return counted


def in_a_call(connection: Connection, campaign_id: int) -> int:
    """Return how many deliveries are in a call; others that count as handed wait until their call is made again."""
    calls = (batch.c.campaign_id == campaign_id) & (batch.c.state == BatchState.HANDED)
    size = connection.execute(select(func.sum(batch.c.size)).where(calls)).scalar() or 0
    known = select(func.count()).select_from(EXCEPTIONS).where(calls)
    return int(size) - connection.execute(known).scalar_one()


def is_done(connection: Connection, campaign_id: int) -> bool:
    """Tell whether everyone is enqueued and no batch is left to be sent."""
    is_open = exists().where(batch.c.campaign_id == campaign_id, batch.c.state.in_(OPEN))
    done = select(and_(campaign.c.enqueued, ~is_open)).where(campaign.c.id == campaign_id)
    return bool(connection.execute(done).scalar())


def has_unsent(connection: Connection, campaign_id: int) -> bool:
    """Tell whether somebody is not enqueued yet, or waits in a batch that is in no call."""
    waits = exists().where(
        batch.c.campaign_id == campaign_id, batch.c.state.in_((BatchState.QUEUED, BatchState.CLAIMED))
    )
    unsent = select(or_(~campaign.c.enqueued, waits)).where(campaign.c.id == campaign_id)
    return bool(connection.execute(unsent).scalar())


def next_due(connection: Connection, campaign_id: int) -> datetime | None:
    """Return when the next queued batch may be sent, which may be past; None when none is queued or one is in hand."""
    of_campaign = batch.c.campaign_id == campaign_id
    if connection.execute(select(exists().where(of_campaign, batch.c.state.in_(IN_HAND)))).scalar():
        return None
    first = select(func.min(func.coalesce(batch.c.not_before, ""))).where(
        of_campaign, batch.c.state == BatchState.QUEUED
    )
    due = connection.execute(first).scalar()
    return None if due is None else datetime.fromisoformat(due) if due else datetime.min.replace(tzinfo=UTC)


def is_in_the_air(connection: Connection, campaign_id: int, now: datetime) -> bool:
    """Tell whether a call is under way whose answer is still to come; a dead sender's call has none."""
    is_alive = (batch.c.state == BatchState.HANDED) & (batch.c.lease_until >= stamp(now))
    return bool(connection.execute(select(exists().where(batch.c.campaign_id == campaign_id, is_alive))).scalar())


def named(connection: Connection, campaign_id: int, state: str, limit: int) -> list[ListedDelivery]:
    """Return the first `limit` deliveries that are `rejected`, `skipped` or `unknown`, with the reason if known."""
    if state == "unknown":
        return _unknown(connection, campaign_id, limit)
    return _exceptional(connection, campaign_id, state, limit)


def _exceptional(connection: Connection, campaign_id: int, state: str, limit: int) -> list[ListedDelivery]:
    rows = (
        select(delivery_exception.c.subscriber_id, subscriber.c.email, delivery_exception.c.detail)
        .join_from(delivery_exception, subscriber, subscriber.c.id == delivery_exception.c.subscriber_id, isouter=True)
        .where(delivery_exception.c.campaign_id == campaign_id, delivery_exception.c.state == state)
        .order_by(delivery_exception.c.subscriber_id)
        .limit(limit)
    )
    return [_listed(*row) for row in connection.execute(rows)]


def _unknown(connection: Connection, campaign_id: int, limit: int) -> list[ListedDelivery]:
    """Return the deliveries of unknown batches, then those that are unknown by themselves."""
    rows = (
        select(delivery.c.subscriber_id, subscriber.c.email, batch.c.unknown_reason)
        .select_from(DELIVERIES.outerjoin(subscriber, subscriber.c.id == delivery.c.subscriber_id))
        .where(batch.c.campaign_id == campaign_id, batch.c.state == BatchState.UNKNOWN)
        .where(delivery_exception.c.state.is_(None))
        .order_by(delivery.c.batch_no, delivery.c.subscriber_id)
        .limit(limit)
    )
    whole = [_listed(*row) for row in connection.execute(rows)]
    return (whole + _exceptional(connection, campaign_id, "unknown", limit))[:limit]


def _listed(subscriber_id: int, email: str | None, detail: str) -> ListedDelivery:
    return ListedDelivery(subscriber_id=subscriber_id, email=email or "", detail=detail)


def through(connection: Connection, campaign_id: int) -> dict[str, int]:
    """Return how many deliveries each provider was handed, in the order in which they took over."""
    taken = batch.c.state.in_((BatchState.HANDED, BatchState.SETTLED, BatchState.UNKNOWN)) & (batch.c.provider != "")
    of_campaign = select(batch.c.provider, func.sum(batch.c.size)).where(batch.c.campaign_id == campaign_id, taken)
    counted = of_campaign.group_by(batch.c.provider)
    return {name: int(number) for name, number in connection.execute(counted.order_by(func.min(batch.c.handed_at)))}


def status(campaign: Campaign, deliveries: Mapping[str, int]) -> dict[str, object]:
    """Return what `status --json` prints; the audience is the sum of the deliveries."""
    return {
        "campaign": campaign.id,
        "issue": campaign.issue,
        "state": str(campaign.state),
        "audience": sum(deliveries.values()),
        "deliveries": dict(deliveries),
    }


def pace(connection: Connection, campaign: Campaign, now: datetime) -> float:
    """Return the messages a second of a campaign, by the batches that were settled in the last minute."""
    if not campaign.started_at:
        return 0.0
    since = max(campaign.date, now - MINUTE)
    settled = (batch.c.campaign_id == campaign.id) & (batch.c.settled_at >= stamp(since))
    number = connection.execute(select(func.sum(batch.c.size)).where(settled)).scalar() or 0
    return float(number) / max((now - since).total_seconds(), 1.0)


def speed(connection: Connection, provider: str, now: datetime) -> float:
    """Return the messages a second that went through a provider lately, of all campaigns that are sending."""
    since = stamp(now - LATELY)
    columns = func.sum(batch.c.size), func.min(batch.c.handed_at)
    is_sending = batch.c.campaign_id.in_(select(campaign.c.id).where(campaign.c.state == CampaignState.SENDING))
    lately = select(*columns).where(is_sending, batch.c.provider == provider, batch.c.settled_at >= since)
    number, first = connection.execute(lately).one()
    seconds = (now - max(datetime.fromisoformat(first), now - LATELY)).total_seconds() if number else 0.0
    return float(number or 0) / max(seconds, 1.0)
