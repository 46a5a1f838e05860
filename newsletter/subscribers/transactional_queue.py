"""Queue mail to single readers that is no campaign's, and keep the outcome of each message.

Confirmations, answers to those who are on the list already, welcomes, questions to inactive readers. Only this module
writes the table `transactional_message`, in the order of the ledger: `handed` is committed before the first byte
leaves, and a message whose process died after that is `unknown` and never sent again, unless its provider can hold a
message only once.
`sending.transactional_sender` sends them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, func, select, update

from newsletter.database.bulk import among, insert_many
from newsletter.database.tables import signup, subscriber, subscription
from newsletter.database.tables import transactional_message as table
from newsletter.providers.base import Outcome, Provider, Result
from newsletter.subscribers.suppressions import Reason, suppressed
from newsletter.times import digits, stamp

ASKED_THEMSELVES = (Reason.UNSUBSCRIBED, Reason.ERASED)
"""Suppressions that readers asked for themselves, and lift by joining again."""
LONGEST_WAIT = timedelta(seconds=30)
"""The longest time between two tries at a busy provider."""
SHORTEST_WAIT = timedelta(seconds=5)
"""The shortest one, unless the provider asks for less."""


class TransactionalKind(StrEnum):
    """The purpose of a message."""

    CONFIRMATION = "confirmation"
    """Asks whether it was the reader who wanted to join."""
    ALREADY = "already"
    """Answers a reader who asked to join and is on the list."""
    WELCOME = "welcome"
    """A welcome issue; each reader gets it once."""
    SUNSET = "sunset"
    """Asks a reader who did nothing for long whether they still want it."""


class TransactionalState(StrEnum):
    """The states of a message."""

    QUEUED = "queued"
    HANDED = "handed"
    """Its call is under way, or its process died."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    """The reader left, confirmed already, or must not be mailed."""


class NewTransactionalMessage(NamedTuple):
    """A message to be queued."""

    subscriber_id: int
    kind: TransactionalKind
    message: str
    """The name of the compiled message: the kind, or a welcome issue's slug."""
    list: str
    language: str
    due_at: datetime
    signup_id: int | None = None
    skipped: str = ""
    """Why it is not to be sent; it is only written down."""


@dataclass(frozen=True, kw_only=True)
class TransactionalMessage:
    """A message that is due."""

    id: int
    subscriber_id: int
    kind: TransactionalKind
    message: str
    list: str
    language: str
    signup_id: int
    """The sign-up that it belongs to; 0 for none."""
    lists: tuple[str, ...]
    """The lists that its sign-up asks for."""
    asked: str
    """The digits of the time of its sign-up, as links to confirm hold them; empty for none."""
    reader: Row[Any]
    """The reader's row of the subscriber table."""
    first_handed_at: str | None


def queue(connection: Connection, messages: Sequence[NewTransactionalMessage], now: datetime) -> None:
    """Queue messages."""
    columns = (
        "subscriber_id",
        "kind",
        "message",
        "list",
        "language",
        "signup_id",
        "state",
        "due_at",
        "queued_at",
        "detail",
    )
    at, queued, skipped = stamp(now), str(TransactionalState.QUEUED), str(TransactionalState.SKIPPED)
    rows = [
        (
            new.subscriber_id,
            str(new.kind),
            new.message,
            new.list,
            new.language,
            new.signup_id,
            skipped if new.skipped else queued,
            due,
            at,
            new.skipped,
        )
        for new, due in ((new, stamp(new.due_at)) for new in messages)
    ]
    insert_many(connection, table, columns, rows)


def had(connection: Connection, subscriber_ids: Sequence[int]) -> set[tuple[int, str]]:
    """Return the welcome issues that these readers have, or wait for: pairs of reader and slug."""
    theirs = among(connection, table.c.subscriber_id, subscriber_ids)
    welcomes = select(table.c.subscriber_id, table.c.message).where(theirs, table.c.kind == TransactionalKind.WELCOME)
    return {(row.subscriber_id, row.message) for row in connection.execute(welcomes)}


def due(connection: Connection, most: int, now: datetime) -> int:
    """Return how many messages are due, counted up to `most`."""
    is_due = (table.c.state == TransactionalState.QUEUED) & (table.c.due_at <= stamp(now))
    first = select(table.c.id).where(is_due).limit(most)
    return int(connection.scalar(select(func.count()).select_from(first.subquery())) or 0)


def take(connection: Connection, most: int, now: datetime) -> list[TransactionalMessage]:
    """Return messages that are due and say alike, at most `most`; skip those whose reader must not have them."""
    is_due = (table.c.state == TransactionalState.QUEUED) & (table.c.due_at <= stamp(now))
    in_turn = (table.c.due_at, table.c.id)
    first = connection.execute(select(table).where(is_due).order_by(*in_turn).limit(1)).one_or_none()
    if first is None:
        return []
    alike = [table.c[name] == getattr(first, name) for name in ("kind", "message", "list", "language")]
    rows = connection.execute(_with_readers().where(is_due, *alike).order_by(*in_turn).limit(most)).all()
    barred = suppressed(connection, [row.email_key for row in rows])
    skipped = {row.message_id: why for row in rows if (why := _why_not(row, barred.get(row.email_key, "")))}
    _skip(connection, skipped, now)
    return [_message(row) for row in rows if row.message_id not in skipped]


def hand(connection: Connection, messages: Sequence[TransactionalMessage], provider: str, now: datetime) -> None:
    """Write that their call is about to be made; commit before it is."""
    at = stamp(now)
    values = {"state": TransactionalState.HANDED, "provider": provider, "handed_at": at}
    these = among(connection, table.c.id, [message.id for message in messages])
    first = func.coalesce(table.c.first_handed_at, at)
    connection.execute(update(table).where(these).values(**values, first_handed_at=first))


def settle(
    connection: Connection,
    outcomes: Sequence[tuple[TransactionalMessage, Result]],
    *,
    patience: timedelta,
    wait: float,
    stopped: bool,
    now: datetime,
) -> None:
    """Write the outcomes of a call. A busy message is tried again in `wait` seconds, for as long as `patience` lasts.

    `stopped`: the provider takes nothing at all, so that patience does not run out.
    """
    again_at = now + (LONGEST_WAIT if stopped else _bounded(wait))
    rows = [
        _settled(message, result, patience=patience, again_at=again_at, stopped=stopped, now=now)
        for message, result in outcomes
    ]
    if rows:
        names = ("state", "due_at", "settled_at", "provider_id", "detail")
        changes: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        connection.execute(update(table).where(table.c.id == bindparam("this")).values(changes), rows)


def _bounded(wait: float) -> timedelta:
    return min(max(timedelta(seconds=wait), SHORTEST_WAIT), LONGEST_WAIT)


def recover(connection: Connection, provider: Provider, now: datetime) -> None:
    """Call what a dead process had handed over unknown, for good; queue it again where the provider replaces it."""
    is_handed = table.c.state == TransactionalState.HANDED
    if provider.replaces:
        is_replaced = is_handed & (table.c.provider == provider.name)
        connection.execute(update(table).where(is_replaced).values(state=TransactionalState.QUEUED))
    lost = {
        "state": TransactionalState.UNKNOWN,
        "settled_at": stamp(now),
        "detail": "the program was killed while it was sent",
    }
    connection.execute(update(table).where(is_handed).values(lost))


def leave_unknown(connection: Connection, detail: str, now: datetime) -> None:
    """Call what is due or handed over unknown, for good: another copy of this queue may have sent it."""
    is_waiting = (table.c.state == TransactionalState.QUEUED) & (table.c.due_at <= stamp(now))
    maybe_sent = is_waiting | (table.c.state == TransactionalState.HANDED)
    unknown = {"state": TransactionalState.UNKNOWN, "settled_at": stamp(now), "detail": detail}
    connection.execute(update(table).where(maybe_sent).values(unknown))


def counts(connection: Connection) -> dict[str, int]:
    """Return how many messages are queued and how many handed over."""
    unfinished = (TransactionalState.QUEUED, TransactionalState.HANDED)
    numbers = select(table.c.state, func.count()).where(table.c.state.in_(unfinished)).group_by(table.c.state)
    by_state = {row[0]: row[1] for row in connection.execute(numbers)}
    return {str(state): by_state.get(state, 0) for state in unfinished}


def _with_readers() -> Any:
    on_list = and_(subscription.c.subscriber_id == table.c.subscriber_id, subscription.c.list == table.c.list)
    labelled = (table.c.id.label("message_id"), table.c.language.label("spoken"))
    own = (table.c.kind, table.c.message, table.c.list, table.c.signup_id, table.c.first_handed_at)
    of_signup = (signup.c.confirmed_at, signup.c.lists, signup.c.asked_at)
    return (
        select(*labelled, *own, *subscriber.c, subscription.c.status, *of_signup)
        .join_from(table, subscriber, subscriber.c.id == table.c.subscriber_id)
        .outerjoin(subscription, on_list)
        .outerjoin(signup, signup.c.id == table.c.signup_id)
    )


def _why_not(row: Row[Any], barred: str) -> str:
    """Return why a message must not go out; empty when it may."""
    if barred and not (row.kind == TransactionalKind.CONFIRMATION and barred in ASKED_THEMSELVES):
        return f"suppressed: {barred}"
    if row.kind == TransactionalKind.CONFIRMATION and row.confirmed_at:
        return "confirmed already"
    if row.kind in (TransactionalKind.WELCOME, TransactionalKind.SUNSET) and row.status != "active":
        return str(row.status or "not on the list")
    return ""


def _message(row: Row[Any]) -> TransactionalMessage:
    return TransactionalMessage(
        id=row.message_id,
        subscriber_id=row.id,
        kind=TransactionalKind(row.kind),
        message=row.message,
        list=row.list,
        language=row.spoken,
        signup_id=row.signup_id or 0,
        lists=tuple(json.loads(row.lists)) if row.lists else (),
        asked=digits(row.asked_at or ""),
        reader=row,
        first_handed_at=row.first_handed_at,
    )


def _skip(connection: Connection, reasons: Mapping[int, str], now: datetime) -> None:
    values = {"state": TransactionalState.SKIPPED, "settled_at": stamp(now)}
    for message_id, reason in reasons.items():
        connection.execute(update(table).where(table.c.id == message_id).values(**values, detail=reason))


def skip(connection: Connection, messages: Sequence[TransactionalMessage], reason: str, now: datetime) -> None:
    """Skip these messages for one reason."""
    _skip(connection, {message.id: reason for message in messages}, now)


def _settled(
    message: TransactionalMessage,
    result: Result,
    *,
    patience: timedelta,
    again_at: datetime,
    stopped: bool,
    now: datetime,
) -> dict[str, object]:
    """Return the parameters of one row of `settle`."""
    since = datetime.fromisoformat(message.first_handed_at) if message.first_handed_at else now
    row = {"this": message.id, "new_provider_id": result.provider_id, "new_detail": result.reason}
    if result.outcome is Outcome.BUSY and (stopped or now - since < patience):
        if result.retry_after and not stopped:
            again_at = now + min(timedelta(seconds=result.retry_after), LONGEST_WAIT)
        return row | {"new_state": TransactionalState.QUEUED, "new_due_at": stamp(again_at), "new_settled_at": None}
    state = TransactionalState.REJECTED if result.outcome is Outcome.BUSY else TransactionalState(result.outcome)
    return row | {"new_state": state, "new_due_at": stamp(now), "new_settled_at": stamp(now)}
