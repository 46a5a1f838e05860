"""Resolve unknown deliveries, and queue rejected ones once more.

An unknown delivery is resolved by what a provider's search shows (`sending.reconcile` asks), by a person, or by
`[send] on_unknown`. Only a person or that policy sends it again: in new batches, under new keys. Retries are
rejected deliveries whose reason may have gone away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from newsletter.campaigns import ledger
from newsletter.campaigns.batch_states import IN_HAND, BatchState
from newsletter.campaigns.campaign import CampaignState, get_campaign
from newsletter.campaigns.delivery_states import DELIVERIES, EXCEPTIONS, STATE
from newsletter.campaigns.ledger import BatchScope, DeliveryException
from newsletter.database.tables import batch, campaign, delivery, delivery_exception, delivery_note
from newsletter.providers import refusals
from newsletter.providers.base import Outcome
from newsletter.times import stamp

Policy = Literal["hold", "resend", "assume-sent"]
"""The values of `[send] on_unknown`."""
ASSUMED = "unknown, taken as sent"
"""The detail of an accepted delivery that was assumed to be sent."""
SENT_AGAIN = "queued again, whether it was sent or not"
"""The note of a delivery that was unknown and is sent again: the reader may have it twice."""
RETRIED = "queued again by a retry"
"""The note of a rejected delivery that is sent again."""
TAKEN_BACK = "queued again: the provider refuses everybody, for a reason that is not the reader's"
"""The note of a rejected delivery that goes back into the queue, since the provider took nothing."""
BATCH = 500
"""Recipients in a batch of those who are sent it again; the provider's own limit cuts larger ones."""

MOST_NAMED = 10_000
"""Subscribers named in one statement; SQLite takes 32,766 values."""

_IS_UNKNOWN = delivery_exception.c.state == Outcome.UNKNOWN
_IS_RETRYABLE = and_(delivery_exception.c.state == Outcome.REJECTED, delivery_exception.c.retryable)


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """The unknown deliveries of one batch."""

    campaign_id: int
    no: int
    provider: str
    """The provider that may have taken them."""
    handed_at: datetime
    """When they first may have been taken."""
    since: str
    """When their outcome became unknown: a stamp, as the ledger has it."""
    reason: str
    """Why their outcome is unknown."""
    ids: tuple[int, ...]
    """Subscribers."""
    is_whole: bool
    """Whether the batch itself is unknown: then the same call may be made again where the provider knows its key."""


def find_unknown(connection: Connection, campaign_id: int, no: int | None = None) -> list[Unknown]:
    """Return the unknown deliveries of a campaign by batch, in the batches' order; with `no`, of that batch only."""
    rows = connection.execute(
        select(batch, delivery.c.subscriber_id)
        .select_from(DELIVERIES)
        .where(delivery.c.campaign_id == campaign_id, STATE == Outcome.UNKNOWN)
        # This alone keeps it from reading every delivery of the campaign.
        .where(or_(batch.c.state == BatchState.UNKNOWN, _has_unknown_exceptions()))
        .where(*([batch.c.no == no] if no is not None else []))
        .order_by(batch.c.no, delivery.c.subscriber_id)
    )
    groups = ([*group] for _, group in groupby(rows, key=lambda row: row.no))
    return [
        Unknown(
            campaign_id=campaign_id,
            no=first.no,
            provider=first.provider,
            handed_at=datetime.fromisoformat(first.first_handed_at or first.handed_at or first.settled_at),
            since=first.settled_at or first.handed_at or first.first_handed_at,
            reason=first.unknown_reason,
            ids=tuple(row.subscriber_id for row in (first, *others)),
            is_whole=first.state == BatchState.UNKNOWN,
        )
        for first, *others in groups
    ]


def _has_unknown_exceptions() -> ColumnElement[bool]:
    own = delivery_exception.alias()
    of_batch = and_(own.c.campaign_id == batch.c.campaign_id, own.c.batch_no == batch.c.no)
    return exists().where(of_batch, own.c.state == Outcome.UNKNOWN)


def accept(connection: Connection, unknown: Unknown, ids: Collection[int], why: str, now: datetime) -> None:
    """Record that these of its subscribers were sent the message after all."""
    _resolve(connection, unknown, ids, {"state": Outcome.ACCEPTED, "detail": why, "retryable": False}, now)


def refuse(connection: Connection, unknown: Unknown, ids: Collection[int], why: str, now: datetime) -> None:
    """Record that these of its subscribers were certainly not sent the message: rejected, and `retry` sends it."""
    _resolve(connection, unknown, ids, {"state": Outcome.REJECTED, "detail": why, "retryable": True}, now)


def repeat_call(connection: Connection, unknown: Unknown) -> None:
    """Queue a whole unknown batch as it was: the same call is made again, under its key."""
    _move_batch(connection, unknown, BatchState.QUEUED, {"not_before": None, "settled_at": None})


def resolve_campaign(connection: Connection, campaign_id: int, policy: Policy, now: datetime) -> int:
    """Resolve all unknown deliveries of a campaign as `policy` says; return how many they were."""
    unknowns = find_unknown(connection, campaign_id)
    for unknown in unknowns:
        if policy == "assume-sent":
            accept(connection, unknown, unknown.ids, ASSUMED, now)
        elif policy == "resend":
            _split_up(connection, unknown, now)
    if policy == "resend":
        ledger.requeue(connection, campaign_id, _IS_UNKNOWN, BATCH, now, note=SENT_AGAIN)
    return sum(len(unknown.ids) for unknown in unknowns)


def resolve_batch(
    connection: Connection, campaign_id: int, no: int, policy: Policy, *, now: datetime, wait: float = 0
) -> None:
    """Resolve the unknown deliveries of a settled batch as `policy` says; a resend waits for `wait` seconds.

    A campaign that has ended sends nobody anything: they stay unknown.
    """
    for unknown in find_unknown(connection, campaign_id, no) if policy != "hold" else []:
        if policy == "assume-sent":
            accept(connection, unknown, unknown.ids, ASSUMED, now)
        elif get_campaign(connection, campaign_id).state in (CampaignState.SENDING, CampaignState.PAUSED):
            _split_up(connection, unknown, now)
            which = and_(_IS_UNKNOWN, delivery_exception.c.batch_no == no)
            later = now + timedelta(seconds=wait) if wait else None
            ledger.requeue(connection, campaign_id, which, BATCH, now, note=SENT_AGAIN, not_before=later)


def resolve_sending(connection: Connection, policy: Policy, now: datetime) -> frozenset[int]:
    """Resolve the unknown deliveries of all campaigns that are sending as `policy` says; return those campaigns."""
    if policy == "hold":
        return frozenset()
    sending = select(campaign.c.id).where(campaign.c.state == CampaignState.SENDING)
    ids = frozenset(connection.execute(sending).scalars())
    for campaign_id in sorted(ids):
        resolve_campaign(connection, campaign_id, policy, now)
    return ids


def count_resolved(connection: Connection, campaign_id: int) -> tuple[int, int]:
    """Return how many of a campaign were assumed to be sent, and how many were sent again and may have it twice."""
    own, note = delivery_exception.c, delivery_note.c
    assumed = select(func.count()).where(
        own.campaign_id == campaign_id, own.state == Outcome.ACCEPTED, own.detail == ASSUMED
    )
    again = select(func.count(note.subscriber_id.distinct())).where(
        note.campaign_id == campaign_id, note.what == SENT_AGAIN
    )
    return connection.execute(assumed).scalar_one(), connection.execute(again).scalar_one()


def count_retryable(connection: Connection, campaign_id: int) -> int:
    """Return how many were rejected for a reason that may have gone away."""
    of_campaign = delivery_exception.c.campaign_id == campaign_id
    return int(connection.execute(select(func.count()).where(of_campaign, _IS_RETRYABLE)).scalar_one())


def retry(connection: Connection, campaign_id: int, size: int, now: datetime) -> int:
    """Queue the retryable deliveries of a campaign in new batches of `size`; return how many."""
    return ledger.requeue(connection, campaign_id, _IS_RETRYABLE, size, now, note=RETRIED)


def take_back(connection: Connection, campaign_id: int, cause: str, since: datetime, size: int, now: datetime) -> int:
    """Queue again what was refused since then for an equal cause, which is not about readers; return how many.

    A refusal proves that nothing was sent. Batches that a sender works on keep theirs until it settles them, and a
    campaign that has ended sends nobody anything.
    """
    if get_campaign(connection, campaign_id).state not in (CampaignState.SENDING, CampaignState.PAUSED):
        return 0
    own = delivery_exception.c
    lately = and_(own.campaign_id == campaign_id, own.at >= stamp(since), _IS_RETRYABLE, batch.c.state.not_in(IN_HAND))
    rows = connection.execute(select(own.subscriber_id, own.detail).select_from(EXCEPTIONS).where(lately))
    ids = [id for id, detail in rows if refusals.cause(detail) == cause]
    starts = range(0, len(ids), MOST_NAMED)
    return sum(
        ledger.requeue(
            connection, campaign_id, own.subscriber_id.in_(ids[start : start + MOST_NAMED]), size, now, note=TAKEN_BACK
        )
        for start in starts
    )


def _resolve(
    connection: Connection, unknown: Unknown, ids: Collection[int], new: Mapping[str, object], now: datetime
) -> None:
    _split_up(connection, unknown, now)
    ledger.change_unknown(connection, unknown.campaign_id, ids, {**new, "at": stamp(now)})


def _split_up(connection: Connection, unknown: Unknown, now: datetime) -> None:
    """Turn an unknown batch into a settled one whose deliveries are unknown one by one."""
    if not _move_batch(connection, unknown, BatchState.SETTLED, {"settled_at": stamp(now)}):
        return
    own = (delivery_exception.c.campaign_id == unknown.campaign_id) & (delivery_exception.c.batch_no == unknown.no)
    known = {*connection.execute(select(delivery_exception.c.subscriber_id).where(own)).scalars()}
    exceptions = (DeliveryException(id, str(Outcome.UNKNOWN), unknown.reason) for id in unknown.ids if id not in known)
    ledger.add_exceptions(connection, unknown.campaign_id, unknown.no, exceptions, unknown.since)


def _move_batch(connection: Connection, unknown: Unknown, after: BatchState, changes: Mapping[str, object]) -> bool:
    """Move an unknown batch to `after`; False when it is not unknown as a whole."""
    parameters: dict[str, object] = {"the_campaign": unknown.campaign_id, "the_batch": unknown.no}
    before = BatchState.UNKNOWN
    return bool(ledger.transition(connection, "resolve", before, after, BatchScope.BATCH, parameters, changes))
