"""The ledger: one row per campaign and subscriber, and every change to it.

`audience` makes batches, and no other module moves those that a sender holds; `takeovers` moves those that lost
theirs, and what is said of single deliveries afterwards `marks`, `unknowns` and `retries` write, and nobody else. A
batch is claimed before its provider is called, `handed` before the first byte leaves, and settled after;
one that was handed and never settled is unknown, and only a provider that knows
its key, or a person, may say more. A delivery's state is its batch's, unless an exception
says otherwise. Who still gets a message is `recipients`; counting is `accounts`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Text,
    Update,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from newsletter.campaigns.batch_states import ARROWS, IN_HAND, OPEN, BatchState, after_answer
from newsletter.campaigns.campaign import CampaignState, get_campaign
from newsletter.database.tables import batch, campaign, delivery_exception
from newsletter.errors import NewsletterError
from newsletter.providers.base import Answer, Outcome, Result
from newsletter.times import stamp

LEASE = timedelta(minutes=5)
"""Longer than a call may take; what SQLite's file lock does not need, other databases do."""


class LostError(NewsletterError):
    """The batch is no longer this sender's: another took it over, or the campaign is not sending."""


class ChangedError(NewsletterError):
    """What would be handed over is not what was handed over under the same key."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A batch that one sender holds; every later step names the attempt, which is its fence."""

    campaign_id: int
    no: int
    attempt: int
    generation: int
    """Goes up when it is known that nothing was sent; with it the key changes."""
    first_handed_at: str | None
    """Set: these recipients may have been handed over already, so the same ones go again, under the same key."""
    provider: str
    """Who was handed it first, if anybody."""
    payload_hash: str
    """Of what was handed over first, where the provider knows keys."""

    @property
    def key(self) -> str:
        """Names the call, the same for every attempt of one generation; the campaign's own key goes before it."""
        return f"{self.no}-{self.generation}"


def claim(
    connection: Connection, campaign_id: int, *, owner: str, now: datetime, provider: str | None = None
) -> Claim | None:
    """Take the next batch that may be sent now, or None. Nothing is claimed of a campaign that is not sending.

    With `provider`, a batch that another one may have taken is not this one's.
    """
    asked = {"its": campaign_id, "now": stamp(now), "through": provider or ""}
    taken = connection.execute(_claiming(), {**asked, "by": owner, "until": stamp(now + LEASE)})
    row = taken.one_or_none()
    return Claim(**row._asdict()) if row else None


@cache
def _claiming() -> ReturningUpdate[Any]:
    """Made once: SQLAlchemy takes longer to put it together than SQLite to run it."""
    now, through = bindparam("now", type_=Text), bindparam("through", type_=Text)
    waiting = and_(batch.c.campaign_id == bindparam("its", type_=Integer), batch.c.state == BatchState.QUEUED)
    due = or_(batch.c.not_before.is_(None), batch.c.not_before <= now)
    ours = or_(through == "", batch.c.first_handed_at.is_(None), batch.c.provider == through)
    next_no = select(batch.c.no).where(waiting, due, ours).order_by(batch.c.no).limit(1).scalar_subquery()
    values = {"state": BatchState.CLAIMED, "attempt": batch.c.attempt + 1}
    held = {"owner": bindparam("by", type_=Text), "lease_until": bindparam("until", type_=Text)}
    return (
        update(batch)
        .where(waiting, batch.c.no == next_no, _sending(bindparam("its", type_=Integer)))
        .values({**values, **held})
        .returning(*(batch.c[name] for name in Claim.__dataclass_fields__))
    )


def skip(connection: Connection, held: Claim, reasons: Mapping[int, str], now: datetime) -> None:
    """Leave out these subscribers of a claimed batch, each for its reason. Raises LostError.

    Of a batch that may have been handed over before nobody can say "skipped": they are unknown.
    """
    _write(connection, held, BatchState.CLAIMED, {"lease_until": stamp(now + LEASE)})
    state = "unknown" if held.first_handed_at else "skipped"
    _except(connection, held, {id: (state, False, reason) for id, reason in reasons.items()}, now)


def hand(connection: Connection, held: Claim, *, provider: str, now: datetime, payload_hash: str = "") -> None:
    """Say that the first byte may leave; commit before it does.

    Raises LostError when the batch is another's by now, or the campaign is not sending any more, and
    ChangedError when its key stands for another payload.
    """
    if held.first_handed_at and held.payload_hash not in ("", payload_hash):
        raise ChangedError(f"batch {held.no} is not what was handed over under its key")
    values: dict[str, object] = {
        "state": BatchState.HANDED,
        "handed_at": stamp(now),
        "first_handed_at": held.first_handed_at or stamp(now),
        "provider": provider,
        "payload_hash": payload_hash,
        "lease_until": stamp(now + LEASE),
        "started": None,
        "finished": None,
    }
    _step(connection, held, "hand", BatchState.CLAIMED, values)


def release(connection: Connection, held: Claim) -> None:
    """Give a claimed batch back: nothing left. A batch that is not ours any more is left alone."""
    ours = and_(_ours(held), batch.c.state == BatchState.CLAIMED)
    connection.execute(update(batch).where(ours).values(state=BatchState.QUEUED, owner="", lease_until=None))


def put_back(connection: Connection, held: Claim, *, now: datetime, wait: float, doubt: str = "") -> None:
    """After a call whose outcome only the key can tell: the same batch again, to the byte, in `wait` seconds.

    Of a cancelled campaign there is no other call: it is unknown. Raises LostError.
    """
    state = BatchState.UNKNOWN if _is_cancelled(connection, held) else BatchState.QUEUED
    values = {"state": state, "owner": "", "lease_until": None, "not_before": _after(now, wait)}
    _step(connection, held, "settle", BatchState.HANDED, values | ({"doubt": doubt} if doubt else {}))


def give_up(connection: Connection, held: Claim, now: datetime) -> None:
    """Of a claimed batch that may have been handed over and cannot be again: it is unknown. Raises LostError."""
    values = {"state": BatchState.UNKNOWN, "settled_at": stamp(now), "owner": "", "lease_until": None}
    _step(connection, held, "give up", BatchState.CLAIMED, values)


def mark(connection: Connection, held: Claim, started: bytes, finished: bytes, now: datetime) -> None:
    """Keep the marks of a handed batch (`marks`); its sender is alive, so the lease begins anew. Raises LostError."""
    marks = {"started": started, "finished": finished, "lease_until": stamp(now + LEASE)}
    _write(connection, held, BatchState.HANDED, marks)


def note(connection: Connection, held: Claim, results: Mapping[int, Result], now: datetime) -> None:
    """Write down these outcomes, which are not the batch's."""
    _except(connection, held, {id: (r.outcome, r.retryable, r.reason) for id, r in results.items()}, now)


def settle(
    connection: Connection,
    held: Claim,
    ids: Sequence[int],
    answer: Answer,
    *,
    now: datetime,
    wait: float = 0,
    noted: Set[int] = frozenset(),
) -> None:
    """Write what the provider said to each of `ids`, in their order; those it did not take wait `wait` seconds.

    A batch is queued again when any of its messages was certainly not sent; what became
    of the others is kept as exceptions, but for those `noted` before. Raises LostError.
    """
    results = dict(zip(ids, answer.results, strict=True))
    over = Outcome.BUSY in answer.outcomes and _is_cancelled(connection, held)
    before = bool(held.first_handed_at)
    state = after_answer(answer, cancelled=over, handed_before=before)
    usual = {BatchState.SETTLED: Outcome.ACCEPTED, BatchState.UNKNOWN: Outcome.UNKNOWN}.get(state, Outcome.BUSY)
    values: dict[str, object] = {"state": state, "owner": "", "lease_until": None}
    if state is not BatchState.QUEUED:
        values |= {"settled_at": stamp(now)}
    else:
        values |= {"not_before": _after(now, wait)}
        if not before:  # else an earlier call may have been taken: only the same key keeps a reader from two copies
            values |= {"generation": held.generation + 1, "first_handed_at": None}
    if state is BatchState.UNKNOWN and answer.doubt:  # once, not a row per reader
        values |= {"doubt": answer.doubt}
    values["provider_ids"] = _with_ids(connection, held, results)
    _step(connection, held, "settle", BatchState.HANDED, values)
    unusual = {id: one for id, one in results.items() if one.outcome is not usual and id not in noted}
    note(connection, held, unusual, now)


def _is_cancelled(connection: Connection, held: Claim) -> bool:
    return get_campaign(connection, held.campaign_id).state is CampaignState.CANCELLED


def _after(now: datetime, seconds: float) -> str | None:
    return stamp(now + timedelta(seconds=seconds)) if seconds else None


def close_empty(connection: Connection, held: Claim, now: datetime) -> None:
    """Settle a claimed batch of which nobody is left to be mailed."""
    values = {"state": BatchState.SETTLED, "settled_at": stamp(now), "owner": ""}
    _step(connection, held, "close", BatchState.CLAIMED, values)


def is_done(connection: Connection, campaign_id: int) -> bool:
    """Whether everyone is enqueued and no batch is left to be sent."""
    left = exists().where(batch.c.campaign_id == campaign_id, batch.c.state.in_(OPEN))
    done = select(and_(campaign.c.enqueued, ~left)).where(campaign.c.id == campaign_id)
    return bool(connection.execute(done).scalar())


def next_due(connection: Connection, campaign_id: int) -> datetime | None:
    """When the next queued batch may be sent, the past meaning now; None when none is queued or one is in hand."""
    of_campaign = batch.c.campaign_id == campaign_id
    if connection.execute(select(exists().where(of_campaign, batch.c.state.in_(IN_HAND)))).scalar():
        return None
    first = select(func.min(func.coalesce(batch.c.not_before, ""))).where(
        of_campaign, batch.c.state == BatchState.QUEUED
    )
    due = connection.execute(first).scalar()
    return None if due is None else datetime.fromisoformat(due) if due else datetime.min.replace(tzinfo=UTC)


def _sending(campaign_id: ColumnElement[int]) -> ColumnElement[bool]:
    return exists().where(campaign.c.id == campaign_id, campaign.c.state == CampaignState.SENDING)


def _ours(held: Claim) -> ColumnElement[bool]:
    fence = batch.c.attempt == held.attempt
    return and_(batch.c.campaign_id == held.campaign_id, batch.c.no == held.no, fence)


def _step(connection: Connection, held: Claim, verb: str, state: BatchState, values: Mapping[str, object]) -> None:
    """Take the arrow `verb` with our batch, which must be in `state`. Raises LostError."""
    assert values["state"] in ARROWS[verb][state]
    _write(connection, held, state, values, while_sending=verb == "hand")


def _write(
    connection: Connection,
    held: Claim,
    state: BatchState,
    values: Mapping[str, object],
    *,
    while_sending: bool = False,
) -> None:
    ours = {"its": held.campaign_id, "number": held.no, "fence": held.attempt, "was": state}
    changes = {f"to_{name}": value for name, value in values.items()}
    if connection.execute(_writing(tuple(values), while_sending), {**ours, **changes}).rowcount != 1:
        raise LostError(f"batch {held.no} of campaign {held.campaign_id} is no longer this sender's")


@cache
def _writing(columns: tuple[str, ...], while_sending: bool) -> Update:
    """Made once, as `_claiming`; `while_sending`: only of a campaign that is."""
    its, number = bindparam("its", type_=Integer), bindparam("number", type_=Integer)
    ours = and_(batch.c.campaign_id == its, batch.c.no == number, batch.c.attempt == bindparam("fence", type_=Integer))
    found = update(batch).where(ours, batch.c.state == bindparam("was", type_=Text))
    if while_sending:
        found = found.where(_sending(its))
    return found.values({name: bindparam(f"to_{name}", type_=batch.c[name].type) for name in columns})


def _except(connection: Connection, held: Claim, states: Mapping[int, tuple[str, bool, str]], now: datetime) -> None:
    rows = [
        {
            "campaign_id": held.campaign_id,
            "subscriber_id": id,
            "batch_no": held.no,
            "state": str(state),
            "retryable": retryable,
            "detail": detail,
            "at": stamp(now),
        }
        for id, (state, retryable, detail) in states.items()
        if state != Outcome.BUSY
    ]
    if rows:
        connection.execute(insert(delivery_exception), rows)


def _with_ids(connection: Connection, held: Claim, results: Mapping[int, Result]) -> bytes | None:
    """The provider's ids of the whole batch, those of an earlier attempt among them."""
    new = {id: result.provider_id for id, result in results.items() if result.provider_id}
    this = (batch.c.campaign_id == held.campaign_id) & (batch.c.no == held.no)
    old = connection.execute(select(batch.c.provider_ids).where(this)).scalar() if held.attempt > 1 else None
    if not new:
        return old
    return zlib.compress(msgspec.json.encode((_decode_ids(zlib.decompress(old)) if old else {}) | new), 1)


_decode_ids = msgspec.json.Decoder(dict[int, str]).decode
