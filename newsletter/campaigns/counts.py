"""What became of a campaign's deliveries: counted, listed, and put as `status --json` has it.

Reads the ledger and never writes it. Every delivery is in exactly one state, so the
counts add up to the audience.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, and_, case, exists, func, select

from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.database.tables import batch, campaign, delivery, delivery_exception, subscriber
from newsletter.times import stamp

STATES = ("queued", "handed", "accepted", "rejected", "unknown", "skipped")
"""A delivery's, in the order they are shown."""
MINUTE = timedelta(minutes=1)
LATELY = timedelta(seconds=10)
OF_BATCH = {
    BatchState.QUEUED: "queued",
    BatchState.CLAIMED: "queued",
    BatchState.HANDED: "handed",
    BatchState.SETTLED: "accepted",
    BatchState.UNKNOWN: "unknown",
    BatchState.CANCELLED: "skipped",
}
_DOUBTFUL = and_(batch.c.state.in_((BatchState.QUEUED, BatchState.CLAIMED)), batch.c.first_handed_at.is_not(None))
_STATE = case((_DOUBTFUL, BatchState.HANDED.value), else_=batch.c.state)
"""A batch that waits to be handed over once more, under its key, counts as handed: it may have been sent."""


@dataclass(frozen=True, kw_only=True)
class Exceptional:
    """A delivery that went otherwise than its batch, and why."""

    subscriber_id: int
    email: str
    """Empty when the reader has been erased since."""
    detail: str


def delivery_counts(connection: Connection, campaign_id: int) -> dict[str, int]:
    """How many deliveries are in each of STATES. A row per batch is read, and the exceptions; not every delivery."""
    found = dict.fromkeys(STATES, 0)
    sizes = select(_STATE, func.sum(batch.c.size)).where(batch.c.campaign_id == campaign_id)
    for state, size in connection.execute(sizes.group_by(_STATE)):
        found[OF_BATCH[state]] += size
    for of_batch, state, number in connection.execute(_exceptions(campaign_id)):
        found[OF_BATCH[BatchState(of_batch)]] -= number
        found[state] += number
    return found


def _exceptions(campaign_id: int) -> Select[str, str, int]:
    same = and_(batch.c.campaign_id == delivery_exception.c.campaign_id, batch.c.no == delivery_exception.c.batch_no)
    return (
        select(_STATE, delivery_exception.c.state, func.count())
        .join_from(delivery_exception, batch, same)
        .where(delivery_exception.c.campaign_id == campaign_id)
        .group_by(_STATE, delivery_exception.c.state)
    )


def in_a_call(connection: Connection, campaign_id: int) -> int:
    """How many are in a call to the provider; what else counts as handed waits until its call is made again."""
    calls = (batch.c.campaign_id == campaign_id) & (batch.c.state == BatchState.HANDED)
    same = and_(batch.c.campaign_id == delivery_exception.c.campaign_id, batch.c.no == delivery_exception.c.batch_no)
    size = connection.execute(select(func.sum(batch.c.size)).where(calls)).scalar() or 0
    known = select(func.count()).join_from(delivery_exception, batch, same).where(calls)
    return int(size) - connection.execute(known).scalar_one()


def is_in_the_air(connection: Connection, campaign_id: int, now: datetime) -> bool:
    """Whether a call is under way whose answer is still to come; one of a dead sender's has none."""
    alive = (batch.c.state == BatchState.HANDED) & (batch.c.lease_until >= stamp(now))
    return bool(connection.execute(select(exists().where(batch.c.campaign_id == campaign_id, alive))).scalar())


def named(connection: Connection, campaign_id: int, state: str, limit: int) -> list[Exceptional]:
    """The first `limit` deliveries that are `rejected`, `skipped` or `unknown`, with the reason where there is one."""
    if state == "unknown":
        return _unknown(connection, campaign_id, limit)
    return _exceptional(connection, campaign_id, state, limit)


def _exceptional(connection: Connection, campaign_id: int, state: str, limit: int) -> list[Exceptional]:
    found = (
        select(delivery_exception.c.subscriber_id, subscriber.c.email, delivery_exception.c.detail)
        .join_from(delivery_exception, subscriber, subscriber.c.id == delivery_exception.c.subscriber_id, isouter=True)
        .where(delivery_exception.c.campaign_id == campaign_id, delivery_exception.c.state == state)
        .order_by(delivery_exception.c.subscriber_id)
        .limit(limit)
    )
    rows = connection.execute(found)
    return [Exceptional(subscriber_id=id, email=email or "", detail=detail) for id, email, detail in rows]


def _unknown(connection: Connection, campaign_id: int, limit: int) -> list[Exceptional]:
    """Those of unknown batches, then those unknown by themselves."""
    apart = and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    )
    of_batch = and_(batch.c.campaign_id == delivery.c.campaign_id, batch.c.no == delivery.c.batch_no)
    found = (
        select(delivery.c.subscriber_id, subscriber.c.email, batch.c.doubt)
        .join_from(delivery, batch, of_batch)
        .outerjoin(delivery_exception, apart)
        .outerjoin(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .where(batch.c.campaign_id == campaign_id, batch.c.state == BatchState.UNKNOWN)
        .where(delivery_exception.c.state.is_(None))
        .order_by(delivery.c.batch_no, delivery.c.subscriber_id)
        .limit(limit)
    )
    rows = connection.execute(found)
    whole = [Exceptional(subscriber_id=id, email=email or "", detail=doubt) for id, email, doubt in rows]
    return (whole + _exceptional(connection, campaign_id, "unknown", limit))[:limit]


def through(connection: Connection, campaign_id: int) -> dict[str, int]:
    """How many deliveries each provider was handed, in the order in which they took over."""
    taken = batch.c.state.in_((BatchState.HANDED, BatchState.SETTLED, BatchState.UNKNOWN)) & (batch.c.provider != "")
    of_campaign = select(batch.c.provider, func.sum(batch.c.size)).where(batch.c.campaign_id == campaign_id, taken)
    counted = of_campaign.group_by(batch.c.provider)
    return {name: int(number) for name, number in connection.execute(counted.order_by(func.min(batch.c.handed_at)))}


def status(campaign: Campaign, deliveries: Mapping[str, int]) -> dict[str, object]:
    """`status --json`: the audience is the sum of the deliveries."""
    return {
        "campaign": campaign.id,
        "issue": campaign.issue,
        "state": str(campaign.state),
        "audience": sum(deliveries.values()),
        "deliveries": dict(deliveries),
    }


def pace(connection: Connection, campaign: Campaign, now: datetime) -> float:
    """Messages per second, by the batches that were settled in the last minute."""
    if not campaign.started_at:
        return 0.0
    since = max(campaign.date, now - MINUTE)
    settled = (batch.c.campaign_id == campaign.id) & (batch.c.settled_at >= stamp(since))
    number = connection.execute(select(func.sum(batch.c.size)).where(settled)).scalar() or 0
    return float(number) / max((now - since).total_seconds(), 1.0)


def speed(connection: Connection, provider: str, now: datetime) -> float:
    """Messages a second that went through a provider lately, whatever campaign they are of that is being sent."""
    since = stamp(now - LATELY)
    columns = func.sum(batch.c.size), func.min(batch.c.handed_at)
    present = batch.c.campaign_id.in_(select(campaign.c.id).where(campaign.c.state == CampaignState.SENDING))
    lately = select(*columns).where(present, batch.c.provider == provider, batch.c.settled_at >= since)
    number, first = connection.execute(lately).one()
    seconds = (now - max(datetime.fromisoformat(first), now - LATELY)).total_seconds() if number else 0.0
    return float(number or 0) / max(seconds, 1.0)
