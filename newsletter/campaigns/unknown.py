"""Unknown deliveries: nobody can say whether these messages went out. What is unknown, and what is made of it.

Resolves by what a provider's search shows, by a person's word, or by the publication's policy; who
asks is `reconcile`. No delivery is ever made queued again here but by a person's or the policy's wish.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from msgspec import structs
from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, or_, select, update

from newsletter.campaigns import retries
from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import CampaignState
from newsletter.database.tables import batch, campaign, delivery, delivery_exception, delivery_note
from newsletter.providers.base import Answer, Outcome
from newsletter.times import stamp

Policy = Literal["hold", "resend", "assume-sent"]
"""`[send] on_unknown`."""
TAKEN = "unknown, taken as sent"
"""What is told of those who count as having it."""
BATCH = 500
"""Recipients in a batch of those who are sent it again; larger ones are cut by the provider's own limit."""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """The unknown deliveries of one batch."""

    campaign_id: int
    no: int
    provider: str
    """Who may have taken them."""
    handed_at: datetime
    """When they first may have been."""
    since: str
    """When it became unknown what became of them, as the ledger has it."""
    doubt: str
    """Why it did."""
    ids: tuple[int, ...]
    """Subscribers."""
    is_whole: bool
    """The batch itself is unknown: the same call may be made again where the provider knows its key."""


def decided(answer: Answer, policy: Policy) -> Answer:
    """The answer with its unknown outcomes as the policy takes them."""
    outcome = {"hold": Outcome.UNKNOWN, "resend": Outcome.BUSY, "assume-sent": Outcome.ACCEPTED}[policy]
    return _with(answer, outcome)


def waiting(answer: Answer) -> Answer:
    """The answer with its unknown outcomes as of a busy provider: how long to wait for the next try is the same."""
    return _with(answer, Outcome.BUSY)


def _with(answer: Answer, outcome: Outcome) -> Answer:
    if Outcome.UNKNOWN not in answer.outcomes:
        return answer
    results = (structs.replace(r, outcome=outcome) if r.outcome is Outcome.UNKNOWN else r for r in answer.results)
    return replace(answer, results=tuple(results))


def find(connection: Connection, campaign_id: int, no: int | None = None) -> list[Unknown]:
    """By batch, in their order; with `no`, of this one only."""
    apart = and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    )
    of_batch = and_(batch.c.campaign_id == delivery.c.campaign_id, batch.c.no == delivery.c.batch_no)
    state = func.coalesce(delivery_exception.c.state, batch.c.state)
    doubtful = or_(batch.c.state == BatchState.UNKNOWN, _has_exceptions())
    rows = connection.execute(
        select(batch, delivery.c.subscriber_id)
        .join_from(delivery, batch, of_batch)
        .outerjoin(delivery_exception, apart)
        .where(delivery.c.campaign_id == campaign_id, doubtful, state == Outcome.UNKNOWN)
        .where(*([batch.c.no == no] if no is not None else []))
        .order_by(batch.c.no, delivery.c.subscriber_id)
    )
    found: dict[int, Unknown] = {}
    for row in rows:
        before = found[row.no].ids if row.no in found else ()
        found[row.no] = Unknown(
            campaign_id=campaign_id,
            no=row.no,
            provider=row.provider,
            handed_at=datetime.fromisoformat(row.first_handed_at or row.handed_at or row.settled_at),
            since=row.settled_at or row.handed_at or row.first_handed_at,
            doubt=row.doubt,
            ids=(*before, row.subscriber_id),
            is_whole=row.state == BatchState.UNKNOWN,
        )
    return [*found.values()]


def _has_exceptions() -> ColumnElement[bool]:
    apart = delivery_exception.alias()
    unknown = and_(apart.c.batch_no == batch.c.no, apart.c.state == Outcome.UNKNOWN)
    return exists().where(apart.c.campaign_id == batch.c.campaign_id, unknown)


def accept(connection: Connection, found: Unknown, ids: Collection[int], why: str, now: datetime) -> None:
    """These were sent after all."""
    _resolve(connection, found, ids, Outcome.ACCEPTED, why, now, retryable=False)


def refuse(connection: Connection, found: Unknown, ids: Collection[int], why: str, now: datetime) -> None:
    """These were certainly not sent: rejected, and `retry` sends them."""
    _resolve(connection, found, ids, Outcome.REJECTED, why, now, retryable=True)


def _resolve(
    connection: Connection,
    found: Unknown,
    ids: Collection[int],
    outcome: Outcome,
    why: str,
    now: datetime,
    *,
    retryable: bool,
) -> None:
    _spell_out(connection, found, now)
    for id in ids:
        of_reader = and_(
            delivery_exception.c.campaign_id == found.campaign_id, delivery_exception.c.subscriber_id == id
        )
        this = and_(of_reader, delivery_exception.c.state == Outcome.UNKNOWN)
        values = {"state": outcome, "detail": why, "retryable": retryable, "at": stamp(now)}
        connection.execute(update(delivery_exception).where(this).values(values))


def _spell_out(connection: Connection, found: Unknown, now: datetime) -> None:
    """An unknown batch becomes a settled one whose members are unknown one by one."""
    this = and_(batch.c.campaign_id == found.campaign_id, batch.c.no == found.no, batch.c.state == BatchState.UNKNOWN)
    values = {"state": BatchState.SETTLED, "settled_at": stamp(now)}
    if connection.execute(update(batch).where(this).values(values)).rowcount == 0:
        return
    known = select(delivery_exception.c.subscriber_id).where(
        delivery_exception.c.campaign_id == found.campaign_id, delivery_exception.c.batch_no == found.no
    )
    there = {*connection.execute(known).scalars()}
    common = {"campaign_id": found.campaign_id, "batch_no": found.no, "state": Outcome.UNKNOWN, "at": found.since}
    its = {**common, "retryable": False, "detail": found.doubt}
    rows = [{**its, "subscriber_id": id} for id in found.ids if id not in there]
    if rows:
        connection.execute(insert(delivery_exception), rows)


def repeat(connection: Connection, found: Unknown) -> None:
    """Queue a whole unknown batch again as it was: the same call, under its key."""
    this = and_(batch.c.campaign_id == found.campaign_id, batch.c.no == found.no, batch.c.state == BatchState.UNKNOWN)
    connection.execute(update(batch).where(this).values(state=BatchState.QUEUED, not_before=None, settled_at=None))


def resolve(connection: Connection, campaign_id: int, policy: Policy, now: datetime) -> int:
    """Take all unknown deliveries of a campaign as `policy` says; how many. What is to be sent again is queued."""
    found = find(connection, campaign_id)
    for one in found:
        if policy == "assume-sent":
            accept(connection, one, one.ids, TAKEN, now)
        elif policy == "resend":
            _spell_out(connection, one, now)
    if policy == "resend":
        retries.queue_unknown(connection, campaign_id, BATCH, now)
    return sum(len(one.ids) for one in found)


def decide(
    connection: Connection, campaign_id: int, no: int, policy: Policy, *, now: datetime, wait: float = 0
) -> None:
    """Take what became unknown of one batch as `policy` says, after it was written down; whoever is sent it waits.

    Of a cancelled campaign nobody is sent anything: they stay unknown.
    """
    found = find(connection, campaign_id, no) if policy != "hold" else []
    for one in found:
        if policy == "assume-sent":
            accept(connection, one, one.ids, TAKEN, now)
        elif _is_open(connection, campaign_id):
            _send_again(connection, one, now, wait)


def _is_open(connection: Connection, campaign_id: int) -> bool:
    state = connection.execute(select(campaign.c.state).where(campaign.c.id == campaign_id)).scalar_one()
    return state in (CampaignState.SENDING, CampaignState.PAUSED)


def _send_again(connection: Connection, one: Unknown, now: datetime, wait: float) -> None:
    """In batches of their own, under new keys, not before `wait` seconds have gone by."""
    of_campaign = batch.c.campaign_id == one.campaign_id
    last = connection.execute(select(func.max(batch.c.no)).where(of_campaign)).scalar_one()
    _spell_out(connection, one, now)
    retries.queue_unknown(connection, one.campaign_id, BATCH, now, one.no)
    if wait:
        later = stamp(now + timedelta(seconds=wait))
        connection.execute(update(batch).where(of_campaign, batch.c.no > last).values(not_before=later))


def decisions(connection: Connection, campaign_id: int) -> tuple[int, int]:
    """How many of a campaign were taken as sent, and how many were sent again and may be there twice."""
    apart, note = delivery_exception.c, delivery_note.c
    taken = select(func.count()).where(
        apart.campaign_id == campaign_id, apart.state == Outcome.ACCEPTED, apart.detail == TAKEN
    )
    again = select(func.count(note.subscriber_id.distinct())).where(
        note.campaign_id == campaign_id, note.what == retries.DOUBTFUL
    )
    return connection.execute(taken).scalar_one(), connection.execute(again).scalar_one()


def apply(connection: Connection, policy: Policy, now: datetime) -> frozenset[int]:
    """Take the unknown deliveries of every campaign that is being sent as `policy` says; which campaigns those are."""
    if policy == "hold":
        return frozenset()
    sending = select(campaign.c.id).where(campaign.c.state == CampaignState.SENDING)
    found = frozenset(connection.execute(sending).scalars())
    for campaign_id in sorted(found):
        resolve(connection, campaign_id, policy, now)
    return found
