"""Write the ledger: the only module that inserts, updates or deletes batches, deliveries and their exceptions.

Every change of a batch's state is one call of `transition`, which checks it against `batch_states.ARROWS` and moves
only batches that are in the state it names. What a sender does with a batch is claims.py; a dead sender's batches are
abandoned_batches.py; decisions about unknown deliveries are resolution.py. (`subscribers.erasure` alone blanks the
address of an erased reader in the words kept here; it changes no state.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Text,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from newsletter.campaigns.batch_states import IN_HAND, BatchState, require_arrow
from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.delivery_states import EXCEPTIONS
from newsletter.database.bulk import listed, numbers
from newsletter.database.tables import batch, campaign, delivery, delivery_exception, delivery_note, is_in
from newsletter.providers.base import Outcome
from newsletter.times import stamp

LEASE = timedelta(minutes=5)
"""How long a batch stays its sender's without a sign of life; longer than any call may take."""

_CAMPAIGN = bindparam("the_campaign", type_=Integer)
_OF_CAMPAIGN = batch.c.campaign_id == _CAMPAIGN
_THIS = and_(_OF_CAMPAIGN, batch.c.no == bindparam("the_batch", type_=Integer))
_CLAIMED = and_(_THIS, batch.c.attempt == bindparam("the_attempt", type_=Integer))
_IS_SENDING = exists().where(campaign.c.id == _CAMPAIGN, campaign.c.state == CampaignState.SENDING)
_MAY_HAVE_LEFT = batch.c.first_handed_at.is_not(None)


class BatchScope(StrEnum):
    """The batches that an update is about; each needs the parameters that its condition names."""

    BATCH = "batch"
    """One batch, whoever works on it: the_campaign, the_batch."""
    CLAIM = "claim"
    """One batch while its claim is valid: the_campaign, the_batch, the_attempt."""
    CLAIM_WHILE_SENDING = "claim while sending"
    """One batch while its claim is valid and its campaign is sending."""
    NEVER_HANDED = "never handed"
    """All batches of the_campaign that were never handed over."""
    MAYBE_SENT = "maybe sent"
    """All batches of the_campaign that were handed over in a call whose outcome is not known."""
    ANOTHER_PROVIDERS = "another provider's"
    """All batches of the_campaign that another than the_provider may have taken."""


_CONDITIONS: dict[BatchScope, ColumnElement[bool]] = {
    BatchScope.BATCH: _THIS,
    BatchScope.CLAIM: _CLAIMED,
    BatchScope.CLAIM_WHILE_SENDING: and_(_CLAIMED, _IS_SENDING),
    BatchScope.NEVER_HANDED: and_(_OF_CAMPAIGN, ~_MAY_HAVE_LEFT),
    BatchScope.MAYBE_SENT: and_(_OF_CAMPAIGN, _MAY_HAVE_LEFT),
    BatchScope.ANOTHER_PROVIDERS: and_(
        _OF_CAMPAIGN, _MAY_HAVE_LEFT, batch.c.provider != bindparam("the_provider", type_=Text)
    ),
}


class DeliveryException(NamedTuple):
    """A delivery whose outcome is not its batch's."""

    subscriber_id: int
    state: str
    """A state of delivery_states.STATES."""
    detail: str = ""
    """The provider's words, or why it was skipped."""
    retryable: bool = False


def transition(
    connection: Connection,
    verb: str,
    before: BatchState,
    after: BatchState,
    scope: BatchScope,
    parameters: Mapping[str, object],
    changes: Mapping[str, object] | None = None,
) -> int:
    """Move the batches of `scope` that are in state `before` to `after`; return how many moved.

    `changes` are other columns of the batch. A batch that leaves its sender's hands loses owner and lease.
    Raises TransitionError when no arrow `verb` leads from `before` to `after`.
    """
    require_arrow(verb, before, after)
    no_owner = {} if after in IN_HAND else {"owner": "", "lease_until": None}
    return _update_batches(connection, before, scope, parameters, {"state": after, **no_owner, **(changes or {})})


def change_batch(
    connection: Connection, state: BatchState, parameters: Mapping[str, object], changes: Mapping[str, object]
) -> int:
    """Change columns of a claimed batch that stays in `state`; return how many changed: 0 when it is another's."""
    return _update_batches(connection, state, BatchScope.CLAIM, parameters, changes)


def renew_leases(connection: Connection, campaign_id: int, owner: str, now: datetime) -> None:
    """Let the batches in `owner`'s hands stay its own for another LEASE."""
    theirs = and_(batch.c.campaign_id == campaign_id, batch.c.owner == owner, is_in(*IN_HAND))
    connection.execute(update(batch).where(theirs).values(lease_until=stamp(now + LEASE)))


def _update_batches(
    connection: Connection,
    before: BatchState,
    scope: BatchScope,
    parameters: Mapping[str, object],
    changes: Mapping[str, object],
) -> int:
    values = {f"to_{name}": value for name, value in changes.items()}
    statement = _batch_update(scope, tuple(changes))
    return connection.execute(statement, {**parameters, "before": before, **values}).rowcount


@cache
def _batch_update(scope: BatchScope, columns: tuple[str, ...]) -> Update:
    # Made once: SQLAlchemy takes longer to put a statement together than SQLite to run it.
    is_before = batch.c.state == bindparam("before", type_=Text)
    values = {name: bindparam(f"to_{name}", type_=batch.c[name].type) for name in columns}
    return update(batch).where(_CONDITIONS[scope], is_before).values(values)


def claim_next(
    connection: Connection, campaign_id: int, *, owner: str, provider: str, now: datetime, columns: tuple[str, ...]
) -> Row[Any] | None:
    """Take the arrow `claim` with the next queued batch that is due, and return its `columns`; None when none is.

    Only a campaign that is sending has any. A batch that another provider than `provider` may have taken is passed
    over, unless `provider` is empty.
    """
    require_arrow("claim", BatchState.QUEUED, BatchState.CLAIMED)
    parameters = {"the_campaign": campaign_id, "the_provider": provider, "now": stamp(now)}
    lease = {"to_owner": owner, "to_lease_until": stamp(now + LEASE)}
    return connection.execute(_claiming(columns), {**parameters, **lease}).one_or_none()


@cache
def _claiming(columns: tuple[str, ...]) -> ReturningUpdate[Any]:
    now, provider = bindparam("now", type_=Text), bindparam("the_provider", type_=Text)
    is_queued = and_(_OF_CAMPAIGN, batch.c.state == BatchState.QUEUED)
    is_due = or_(batch.c.not_before.is_(None), batch.c.not_before <= now)
    may_take = or_(provider == "", batch.c.first_handed_at.is_(None), batch.c.provider == provider)
    next_no = select(batch.c.no).where(is_queued, is_due, may_take).order_by(batch.c.no).limit(1).scalar_subquery()
    lease = {name: bindparam(f"to_{name}", type_=Text) for name in ("owner", "lease_until")}
    return (
        update(batch)
        .where(is_queued, batch.c.no == next_no, _IS_SENDING)
        .values({"state": BatchState.CLAIMED, "attempt": batch.c.attempt + 1, **lease})
        .returning(*(batch.c[name] for name in columns))
    )


def add_batches(
    connection: Connection,
    campaign_id: int,
    subscriber_ids: Sequence[int],
    size: int,
    now: datetime,
    *,
    not_before: datetime | None = None,
) -> None:
    """Queue these subscribers, who have no delivery of the campaign yet, in new batches of `size`."""
    if not subscriber_ids:
        return
    last = select(func.max(batch.c.no)).where(batch.c.campaign_id == campaign_id)
    first = (connection.execute(last).scalar() or 0) + 1
    common = {"campaign_id": campaign_id, "state": BatchState.QUEUED, "enqueued_at": stamp(now)}
    common["not_before"] = stamp(not_before) if not_before else None
    sizes = (min(size, len(subscriber_ids) - start) for start in range(0, len(subscriber_ids), size))
    connection.execute(insert(batch), [{**common, "no": no, "size": n} for no, n in enumerate(sizes, start=first)])
    place, id = listed(connection, subscriber_ids)
    rows = select(literal(campaign_id), id, place // size + first)
    connection.execute(insert(delivery).from_select(["campaign_id", "subscriber_id", "batch_no"], rows))


def add_exceptions(
    connection: Connection, campaign_id: int, batch_no: int, exceptions: Iterable[DeliveryException], at: str
) -> None:
    """Write outcomes that are not the batch's, as of `at` (a stamp)."""
    common = {"campaign_id": campaign_id, "batch_no": batch_no, "at": at}
    rows = [{**common, **exception._asdict()} for exception in exceptions]
    if rows:
        connection.execute(insert(delivery_exception), rows)


def change_unknown(
    connection: Connection, campaign_id: int, subscriber_ids: Iterable[int], new: Mapping[str, object]
) -> None:
    """Give unknown deliveries that have an exception of their own these `new` columns; known ones stay."""
    own = and_(
        delivery_exception.c.campaign_id == campaign_id,
        delivery_exception.c.subscriber_id == bindparam("the_subscriber"),
        delivery_exception.c.state == Outcome.UNKNOWN,
    )
    parameters = [{"the_subscriber": id} for id in subscriber_ids]
    if parameters:
        connection.execute(update(delivery_exception).where(own).values(**new), parameters)


def requeue(
    connection: Connection,
    campaign_id: int,
    which: ColumnElement[bool],
    size: int,
    now: datetime,
    *,
    note: str,
    not_before: datetime | None = None,
) -> int:
    """Queue the exceptions that `which` selects once more, in new batches of `size`; return how many.

    What happened to them so far is kept as notes, which end with `note`. The new batches have new keys.
    """
    before = (batch.c.enqueued_at, batch.c.first_handed_at, batch.c.provider)
    exceptions = select(delivery_exception, *before).select_from(EXCEPTIONS)
    exceptions = exceptions.where(delivery_exception.c.campaign_id == campaign_id, which)
    rows = connection.execute(exceptions.order_by(delivery_exception.c.subscriber_id)).all()
    for row in rows:
        _add_notes(connection, row, note, now)
        this = (batch.c.campaign_id == campaign_id) & (batch.c.no == row.batch_no)
        connection.execute(update(batch).where(this).values(size=batch.c.size - 1))
    ids = [row.subscriber_id for row in rows]
    _delete_deliveries(connection, campaign_id, ids)
    add_batches(connection, campaign_id, ids, size, now, not_before=not_before)
    return len(rows)


def forget_retries(connection: Connection, campaign_id: int) -> None:
    """Let what was rejected stay rejected: nobody of the campaign is sent anything any more."""
    this = and_(delivery_exception.c.campaign_id == campaign_id, delivery_exception.c.retryable)
    connection.execute(update(delivery_exception).where(this).values(retryable=False))


def delete_page(connection: Connection, campaign_id: int, limit: int) -> int:
    """Delete the campaign's first deliveries and what is noted of them; exceptions stay. Returns how many."""
    first = select(delivery.c.subscriber_id).where(delivery.c.campaign_id == campaign_id)
    ids = numbers(connection, first.order_by(delivery.c.subscriber_id).limit(limit))
    for table in (delivery_note, delivery) if ids else ():
        own = and_(table.c.campaign_id == campaign_id, table.c.subscriber_id <= ids[-1])
        connection.execute(delete(table).where(own))
    return len(ids)


def _delete_deliveries(connection: Connection, campaign_id: int, subscriber_ids: Sequence[int]) -> None:
    """Delete these deliveries and their exceptions, so that new ones can take their place."""
    parameters = [{"the_subscriber": id} for id in subscriber_ids]
    for table in (delivery_exception, delivery) if parameters else ():
        own = and_(table.c.campaign_id == campaign_id, table.c.subscriber_id == bindparam("the_subscriber"))
        connection.execute(delete(table).where(own), parameters)


def _add_notes(connection: Connection, row: Row[Any], note: str, now: datetime) -> None:
    """Keep what happened to one delivery so far."""
    outcome = f"{row.state}: {row.detail}" if row.detail else row.state
    happened = [
        (row.enqueued_at, f"enqueued in batch {row.batch_no}"),
        (row.first_handed_at, f"handed to {row.provider}"),
        (row.at, outcome),
        (stamp(now), note),
    ]
    key = {"campaign_id": row.campaign_id, "subscriber_id": row.subscriber_id}
    own = and_(*(delivery_note.c[name] == value for name, value in key.items()))
    last = connection.execute(select(func.coalesce(func.max(delivery_note.c.no), 0)).where(own)).scalar_one()
    notes = [{"at": at, "what": what} for at, what in happened if at]
    rows = [{**key, "no": no, **entry} for no, entry in enumerate(notes, start=last + 1)]
    connection.execute(insert(delivery_note), rows)
