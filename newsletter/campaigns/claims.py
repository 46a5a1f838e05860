"""Take a batch from claim to settle, as the sender that works on it.

A batch is claimed before its provider is called, `handed` before the first byte leaves, and settled after the answer.
Every step names the claim's attempt, so that a sender whose batch was taken over changes nothing. One that was handed
and never settled is unknown, and only a provider that knows its key, or a person, can say more.
Batches without a sender: abandoned_batches.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, select

from newsletter.campaigns import ledger
from newsletter.campaigns.batch_states import BatchState, after_answer
from newsletter.campaigns.campaign import CampaignState, get_campaign
from newsletter.campaigns.ledger import LEASE, BatchScope, DeliveryException
from newsletter.database.tables import batch, delivery
from newsletter.errors import NewsletterError
from newsletter.providers.base import Answer, Outcome, Result
from newsletter.times import stamp


class LostClaimError(NewsletterError):
    """A batch is no longer this sender's: another took it over, or its campaign is not sending any more."""


class ChangedPayloadError(NewsletterError):
    """A payload differs from the one that was handed over under the same key before."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A batch that one sender works on, and the number of its attempt, which is its fence."""

    campaign_id: int
    no: int
    attempt: int
    generation: int
    """Goes up when it is known that nothing was sent; the key changes with it."""
    first_handed_at: str | None
    """Set when an earlier call may have sent these messages: then the same call is made, under the same key."""
    provider: str
    """The provider that it was handed first; empty when there was none."""
    payload_hash: str
    """The digest of what was handed over first, where the provider knows keys."""
    lease: timedelta = LEASE
    """How long it stays this sender's after each sign of life."""

    @property
    def key(self) -> str:
        """The batch's part of the key of its call; every attempt of one generation has the same."""
        return f"{self.no}-{self.generation}"


_COLUMNS = tuple(name for name in Claim.__dataclass_fields__ if name != "lease")


def claim(
    connection: Connection,
    campaign_id: int,
    *,
    owner: str,
    now: datetime,
    provider: str | None = None,
    lease: timedelta = LEASE,
    no: int | None = None,
) -> Claim | None:
    """Claim the next batch that may be sent now; None when there is none, or the campaign is not sending.

    With `provider`, batches that another one may have taken are passed over; with `no`, only that batch will do.
    """
    row = ledger.claim_next(
        connection,
        campaign_id,
        owner=owner,
        provider=provider or "",
        now=now,
        columns=_COLUMNS,
        lease=lease,
        no=no,
    )
    return Claim(**row._asdict(), lease=lease) if row else None


def skip(
    connection: Connection,
    claim: Claim,
    reasons: Mapping[int, str],
    now: datetime,
    *,
    state_of_batch: BatchState = BatchState.CLAIMED,
) -> None:
    """Leave out these subscribers of a batch, each for its reason. Raises LostClaimError.

    The batch is claimed, or handed and their messages have not begun. If it may have been handed over before, they
    may have the message: they are unknown, not skipped.
    """
    _change(connection, claim, state_of_batch, {"lease_until": stamp(now + claim.lease)})
    state = "unknown" if claim.first_handed_at else "skipped"
    exceptions = (DeliveryException(id, state, reason) for id, reason in reasons.items())
    ledger.add_exceptions(connection, claim.campaign_id, claim.no, exceptions, stamp(now))


def close_empty(connection: Connection, claim: Claim, now: datetime) -> None:
    """Settle a claimed batch of which nobody is left to be mailed. Raises LostClaimError."""
    _move(connection, claim, "close", BatchState.CLAIMED, BatchState.SETTLED, {"settled_at": stamp(now)})


def hand(
    connection: Connection,
    claim: Claim,
    *,
    provider: str,
    now: datetime,
    payload_hash: str = "",
    is_by_message: bool = False,
) -> None:
    """Write that the first byte may leave; commit before it does.

    `is_by_message`: messages leave one by one, and none before `save_progress` said that it begins, so that a kill
    between the two leaves nobody unknown. Raises LostClaimError when the batch is another's by now or its campaign is
    not sending, and ChangedPayloadError when its key stands for another payload.
    """
    if claim.first_handed_at and claim.payload_hash not in ("", payload_hash):
        raise ChangedPayloadError(f"batch {claim.no} is not what was handed over under its key")
    changes: dict[str, object] = {
        "handed_at": stamp(now),
        "first_handed_at": claim.first_handed_at or stamp(now),
        "provider": provider,
        "payload_hash": payload_hash,
        "lease_until": stamp(now + claim.lease),
        "started": b"" if is_by_message else None,
        "finished": None,
    }
    scope = BatchScope.CLAIM_WHILE_SENDING
    _move(connection, claim, "hand", BatchState.CLAIMED, BatchState.HANDED, changes, scope)


def renew(
    connection: Connection, campaign_id: int | None, *, owner: str, now: datetime, lease: timedelta = LEASE
) -> None:
    """Renew the leases of all batches that this sender has in hand, of one campaign or of all (None).

    It waits for their answers.
    """
    ledger.renew_leases(connection, campaign_id, owner, now + lease)


def release(connection: Connection, claim: Claim, *, not_before: datetime | None = None) -> None:
    """Queue a claimed batch again, of which nothing left; a batch in another state or of another sender stays.

    With `not_before` it waits until then: the provider's rate or quota has no room before.
    """
    parameters = _parameters(claim)
    later = {"not_before": stamp(not_before)} if not_before else None
    ledger.transition(connection, "release", BatchState.CLAIMED, BatchState.QUEUED, BatchScope.CLAIM, parameters, later)


def give_up(connection: Connection, claim: Claim, now: datetime) -> None:
    """Call a claimed batch unknown: it may have been handed over before, and cannot be again. Raises LostClaimError."""
    _move(connection, claim, "give up", BatchState.CLAIMED, BatchState.UNKNOWN, {"settled_at": stamp(now)})


def save_progress(connection: Connection, claim: Claim, started: bytes, finished: bytes, now: datetime) -> None:
    """Keep the progress bits of a handed batch, and renew its lease. Raises LostClaimError.

    Bit n stands for the nth subscriber of `members`.
    """
    bits = {"started": started, "finished": finished, "lease_until": stamp(now + claim.lease)}
    _change(connection, claim, BatchState.HANDED, bits)


def record_exceptions(connection: Connection, claim: Claim, results: Mapping[int, Result], now: datetime) -> None:
    """Write outcomes, by subscriber, that are not the batch's; a busy recipient has none."""
    exceptions = (
        DeliveryException(id, str(result.outcome), result.reason, result.retryable)
        for id, result in results.items()
        if result.outcome is not Outcome.BUSY
    )
    ledger.add_exceptions(connection, claim.campaign_id, claim.no, exceptions, stamp(now))


def settle(
    connection: Connection,
    claim: Claim,
    ids: Sequence[int],
    answer: Answer,
    *,
    now: datetime,
    wait: float = 0,
    recorded: Set[int] = frozenset(),
) -> None:
    """Write the provider's answer to a handed batch; `ids` are its subscribers, in the order of the results.

    The batch is queued again, for `wait` seconds from now, when any of its messages was certainly not sent; the
    outcomes of the others are kept as exceptions, except those `recorded` before. Raises LostClaimError.
    """
    results = dict(zip(ids, answer.results, strict=True))
    is_cancelled = Outcome.BUSY in answer.outcomes and _is_cancelled(connection, claim)
    was_handed = bool(claim.first_handed_at)
    state = after_answer(answer, cancelled=is_cancelled, handed_before=was_handed)
    usual = {BatchState.SETTLED: Outcome.ACCEPTED, BatchState.UNKNOWN: Outcome.UNKNOWN}.get(state, Outcome.BUSY)
    changes: dict[str, object] = {"provider_ids": _with_ids(connection, claim, results)}
    if state is not BatchState.QUEUED:
        changes |= {"settled_at": stamp(now)}
    else:
        changes |= {"not_before": _later(now, wait)}
        if not was_handed:  # else an earlier call may have been taken: only the same key prevents a second copy
            changes |= {"generation": claim.generation + 1, "first_handed_at": None}
    if state is BatchState.UNKNOWN and answer.unknown_reason:  # once, not a row per reader
        changes |= {"unknown_reason": answer.unknown_reason}
    _move(connection, claim, "settle", BatchState.HANDED, state, changes)
    exceptions = {id: result for id, result in results.items() if result.outcome is not usual and id not in recorded}
    record_exceptions(connection, claim, exceptions, now)


def settle_for_repeat(connection: Connection, claim: Claim, *, now: datetime, wait: float, reason: str = "") -> None:
    """Queue a handed batch for the same call, byte for byte, in `wait` seconds: only its key can tell the outcome.

    `reason` says why the outcome is unknown. A cancelled campaign makes no other call: its batch is unknown.
    Raises LostClaimError.
    """
    state = BatchState.UNKNOWN if _is_cancelled(connection, claim) else BatchState.QUEUED
    changes = {"not_before": _later(now, wait)} | ({"unknown_reason": reason} if reason else {})
    _move(connection, claim, "settle", BatchState.HANDED, state, changes)


def members(connection: Connection, campaign_id: int, no: int) -> list[int]:
    """Return all subscribers of a batch, ascending, whatever became of them."""
    this = (delivery.c.campaign_id == campaign_id) & (delivery.c.batch_no == no)
    ids = select(delivery.c.subscriber_id).where(this).order_by(delivery.c.subscriber_id)
    return [*connection.execute(ids).scalars()]


def _is_cancelled(connection: Connection, claim: Claim) -> bool:
    return get_campaign(connection, claim.campaign_id).state is CampaignState.CANCELLED


def _later(now: datetime, seconds: float) -> str | None:
    return stamp(now + timedelta(seconds=seconds)) if seconds else None


def _move(
    connection: Connection,
    claim: Claim,
    verb: str,
    before: BatchState,
    after: BatchState,
    changes: Mapping[str, object],
    scope: BatchScope = BatchScope.CLAIM,
) -> None:
    """Take an arrow with the claimed batch. Raises LostClaimError when the claim is not valid any more."""
    _require_one(claim, ledger.transition(connection, verb, before, after, scope, _parameters(claim), changes))


def _change(connection: Connection, claim: Claim, state: BatchState, changes: Mapping[str, object]) -> None:
    _require_one(claim, ledger.change_batch(connection, state, _parameters(claim), changes))


def _require_one(claim: Claim, changed: int) -> None:
    if changed != 1:
        raise LostClaimError(f"batch {claim.no} of campaign {claim.campaign_id} is no longer this sender's")


def _parameters(claim: Claim) -> dict[str, object]:
    return {"the_campaign": claim.campaign_id, "the_batch": claim.no, "the_attempt": claim.attempt}


def _with_ids(connection: Connection, claim: Claim, results: Mapping[int, Result]) -> bytes | None:
    """Return the provider's ids of the whole batch, packed, with those of its earlier attempts."""
    new = {id: result.provider_id for id, result in results.items() if result.provider_id}
    this = (batch.c.campaign_id == claim.campaign_id) & (batch.c.no == claim.no)
    old = connection.execute(select(batch.c.provider_ids).where(this)).scalar() if claim.attempt > 1 else None
    if not new:
        return old
    return zlib.compress(msgspec.json.encode((_decode_ids(zlib.decompress(old)) if old else {}) | new), 1)


_decode_ids = msgspec.json.Decoder(dict[int, str]).decode
