"""Move batches that have no sender any more: it died, the campaign was cancelled, or another provider goes on.

When that is right to do is for the caller to know. A sender's own steps are claims.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from newsletter.campaigns import claims, ledger
from newsletter.campaigns.batch_states import IN_HAND, BatchState, after_cancelling, after_death
from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.ledger import BatchScope, DeliveryException
from newsletter.database.tables import batch, campaign, delivery_exception, is_in
from newsletter.providers.base import Outcome
from newsletter.times import stamp

SILENCE = "the program ended before the answer came"


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """The messages that a dead sender had handed over: their numbers, by campaign."""

    replayed_of: Mapping[int, int]
    """Messages whose call is made again, under its key."""
    unknown_of: Mapping[int, int]

    @property
    def replayed(self) -> int:
        """Messages of all campaigns whose call is made again."""
        return sum(self.replayed_of.values())

    @property
    def unknown(self) -> int:
        """Messages of all campaigns whose outcome is unknown."""
        return sum(self.unknown_of.values())


def recover(
    connection: Connection, may_replay: Callable[[str, str], bool], *, expired: datetime | None = None
) -> Recovered:
    """Take over the batches of dead senders, of all campaigns; with `expired`, those whose lease ended before.

    Without `expired` only while holding the lock that proves every other sender dead. A claimed batch is queued
    again. A handed one is queued, too, when `may_replay(provider, first_handed_at)`: the same call is made under its
    key, to the same recipients. Else it is unknown.
    """
    own = (delivery_exception.c.campaign_id == batch.c.campaign_id) & (delivery_exception.c.batch_no == batch.c.no)
    open_size = batch.c.size - select(func.count()).select_from(delivery_exception).where(own).scalar_subquery()
    replayed_of, unknown_of = Counter[int](), Counter[int]()
    for row in _abandoned(connection, expired, open_size=open_size):
        state = BatchState(row.state)
        is_handed = state is BatchState.HANDED
        is_replayed = (
            is_handed
            and row.campaign_state != CampaignState.CANCELLED
            and may_replay(row.provider, row.first_handed_at)
        )
        reason = {"unknown_reason": SILENCE} if is_handed else {}
        _recover(connection, row, after_death(state, may_replay=is_replayed), reason)
        sizes = replayed_of if is_replayed else unknown_of
        sizes[row.campaign_id] += row.open_size if is_handed else 0
    return Recovered(replayed_of=+replayed_of, unknown_of=+unknown_of)


def recover_in_progress(connection: Connection, now: datetime, *, expired: datetime | None = None) -> Recovered:
    """Take over handed batches that have progress bits, as `recover` does the others; call this one first.

    Messages that had been answered are accepted, those that had not begun are queued, those between are unknown.
    """
    unknown_of = Counter[int]()
    for row in _abandoned(connection, expired, with_bits=True):
        unknown_of[row.campaign_id] += _recover_by_bits(connection, row, now)
    return Recovered(replayed_of={}, unknown_of=+unknown_of)


def _abandoned(
    connection: Connection,
    expired: datetime | None,
    *,
    with_bits: bool = False,
    open_size: ColumnElement[int] | None = None,
) -> list[Row[Any]]:
    """Read the batches that a sender works on, or did, with their campaigns' states."""
    more = [open_size.label("open_size")] if open_size is not None else []
    rows = select(batch, campaign.c.state.label("campaign_state"), *more).join(
        campaign, campaign.c.id == batch.c.campaign_id
    )
    rows = rows.where(is_in(*IN_HAND))
    if with_bits:
        rows = rows.where(batch.c.state == BatchState.HANDED, batch.c.started.is_not(None))
    if expired:
        # A sender that settles at this moment is not dead; SQLite has one writer, and no such clause.
        rows = rows.where(batch.c.lease_until < stamp(expired)).with_for_update(of=batch, skip_locked=True)
    return [*connection.execute(rows).all()]


def _recover(connection: Connection, row: Row[Any], after: BatchState, changes: Mapping[str, object]) -> None:
    parameters = {"the_campaign": row.campaign_id, "the_batch": row.no, "the_attempt": row.attempt}
    ledger.transition(connection, "recover", BatchState(row.state), after, BatchScope.CLAIM, parameters, changes)


def _recover_by_bits(connection: Connection, row: Row[Any], now: datetime) -> int:
    """Take over one batch by its bits; return how many of its messages are unknown."""
    outcomes = _outcomes(connection, row)
    has_unsent = Outcome.BUSY in outcomes.values()
    usual = Outcome.BUSY if has_unsent else Outcome.ACCEPTED
    exceptions = (
        DeliveryException(id, str(outcome), SILENCE if outcome is Outcome.UNKNOWN else "")
        for id, outcome in outcomes.items()
        if outcome is not usual
    )
    ledger.add_exceptions(connection, row.campaign_id, row.no, exceptions, stamp(now))
    is_cancelled = row.campaign_state == CampaignState.CANCELLED
    after = BatchState.SETTLED if not has_unsent else BatchState.CANCELLED if is_cancelled else BatchState.QUEUED
    changes: dict[str, object] = {} if after is BatchState.QUEUED else {"settled_at": stamp(now)}
    if has_unsent:
        changes |= {"generation": row.generation + 1, "first_handed_at": None}
    _recover(connection, row, after, changes)
    return sum(outcome is Outcome.UNKNOWN for outcome in outcomes.values())


def _outcomes(connection: Connection, row: Row[Any]) -> dict[int, Outcome]:
    """Read the bits of every subscriber who has no exception yet; a message that had not begun is BUSY."""
    own = (delivery_exception.c.campaign_id == row.campaign_id) & (delivery_exception.c.batch_no == row.no)
    known = {*connection.execute(select(delivery_exception.c.subscriber_id).where(own)).scalars()}
    started, finished = (int.from_bytes(bits or b"", "little") for bits in (row.started, row.finished))
    return {
        id: Outcome.ACCEPTED if finished >> place & 1 else Outcome.UNKNOWN if started >> place & 1 else Outcome.BUSY
        for place, id in enumerate(claims.members(connection, row.campaign_id, row.no))
        if id not in known
    }


def cancel(connection: Connection, campaign_id: int, now: datetime) -> None:
    """Cancel the batches of a campaign that are not handed over; a handed one is still settled by its sender."""
    for scope, handed_before in ((BatchScope.NEVER_HANDED, False), (BatchScope.MAYBE_SENT, True)):
        after = after_cancelling(handed_before=handed_before)
        for before in (BatchState.QUEUED, BatchState.CLAIMED):
            parameters, changes = {"the_campaign": campaign_id}, {"settled_at": stamp(now)}
            ledger.transition(connection, "cancel", before, after, scope, parameters, changes)


def leave_behind(connection: Connection, campaign_id: int, provider: str, now: datetime) -> None:
    """Call queued batches unknown that another than `provider` may have taken: they never cross over to it."""
    parameters = {"the_campaign": campaign_id, "the_provider": provider}
    changes = {"settled_at": stamp(now)}
    scope = BatchScope.ANOTHER_PROVIDERS
    ledger.transition(connection, "leave behind", BatchState.QUEUED, BatchState.UNKNOWN, scope, parameters, changes)


def leave_unknown(connection: Connection, campaign_id: int, provider: str, reason: str, handed_at: str) -> None:
    """Call all batches that wait unknown: another copy of this ledger may have handed them over since `handed_at`.

    What a sender held when the ledger was copied is put back first, or is unknown already.
    """
    for row in _abandoned(connection, None):
        if row.campaign_id == campaign_id:
            after = after_death(BatchState(row.state), may_replay=False)
            _recover(connection, row, after, {"unknown_reason": SILENCE} if after is BatchState.UNKNOWN else {})
    changes = {"settled_at": handed_at, "unknown_reason": reason}
    parameters = {"the_campaign": campaign_id}
    first = {**changes, "first_handed_at": handed_at, "handed_at": handed_at, "provider": provider}
    for scope, values in ((BatchScope.MAYBE_SENT, changes), (BatchScope.NEVER_HANDED, first)):
        ledger.transition(connection, "leave behind", BatchState.QUEUED, BatchState.UNKNOWN, scope, parameters, values)
