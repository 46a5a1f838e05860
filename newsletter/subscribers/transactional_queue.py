"""Letters: mail to one reader that is no campaign's, and what became of each.

Confirmations, what somebody is told who has joined already, welcomes. Alone writes the `letter`
table, by the ledger's discipline: `handed` is committed before the first byte leaves, and a letter
whose process died after that is `unknown` and never sent again, unless its provider can hold a message
only once. Who carries them is `postman`.
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
from newsletter.times import stamp

ASKED_THEMSELVES = (Reason.UNSUBSCRIBED, Reason.ERASED)
"""Suppressions that their owner made, and lifts by joining again."""
LONGEST_WAIT = timedelta(seconds=30)
"""Between two tries at a busy provider."""


class TransactionalKind(StrEnum):
    """What a letter is for."""

    CONFIRMATION = "confirmation"
    """Was it you who asked to join?"""
    ALREADY = "already"
    """You asked to join, and are on the list."""
    WELCOME = "welcome"
    """A welcome issue, once to each reader."""


class TransactionalState(StrEnum):
    """Of a letter."""

    QUEUED = "queued"
    HANDED = "handed"
    """Its call is in the air, or its process died."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    """Its reader left, confirmed already, or must not be mailed."""


class NewTransactionalMessage(NamedTuple):
    """A letter to be queued."""

    subscriber_id: int
    kind: TransactionalKind
    message: str
    """Which compiled message: the kind's name, or a welcome issue's slug."""
    list: str
    language: str
    due_at: datetime
    signup_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class TransactionalMessage:
    """A letter whose turn it is."""

    id: int
    subscriber_id: int
    kind: TransactionalKind
    message: str
    list: str
    language: str
    signup_id: int
    """0: none."""
    lists: tuple[str, ...]
    """What its signup asks for."""
    reader: Row[Any]
    """Of the table of subscribers."""
    first_handed_at: str | None


def queue(connection: Connection, letters: Sequence[NewTransactionalMessage], now: datetime) -> None:
    """Put letters into the box."""
    columns = ("subscriber_id", "kind", "message", "list", "language", "signup_id", "state", "due_at", "queued_at")
    at, queued = stamp(now), str(TransactionalState.QUEUED)
    rows = [
        (one.subscriber_id, str(one.kind), one.message, one.list, one.language, one.signup_id, queued, due, at)
        for one, due in ((one, stamp(one.due_at)) for one in letters)
    ]
    insert_many(connection, table, columns, rows)


def had(connection: Connection, subscriber_ids: Sequence[int]) -> set[tuple[int, str]]:
    """The welcome issues that these readers have, or wait for: pairs of reader and slug."""
    mine = among(connection, table.c.subscriber_id, subscriber_ids)
    asked = select(table.c.subscriber_id, table.c.message).where(mine, table.c.kind == TransactionalKind.WELCOME)
    return {(row.subscriber_id, row.message) for row in connection.execute(asked)}


def due(connection: Connection, most: int, now: datetime) -> int:
    """How many are due, counted to `most`."""
    found = (
        select(table.c.id).where(table.c.state == TransactionalState.QUEUED, table.c.due_at <= stamp(now)).limit(most)
    )
    return int(connection.scalar(select(func.count()).select_from(found.subquery())) or 0)


def take(connection: Connection, most: int, now: datetime) -> list[TransactionalMessage]:
    """The letters that are due and read alike, at most `most`; those whose reader must not have them are skipped."""
    waits = (table.c.state == TransactionalState.QUEUED) & (table.c.due_at <= stamp(now))
    first = connection.execute(select(table).where(waits).order_by(table.c.due_at, table.c.id).limit(1)).one_or_none()
    if first is None:
        return []
    same = [table.c[name] == getattr(first, name) for name in ("kind", "message", "list", "language")]
    asked = _with_readers().where(waits, *same).order_by(table.c.due_at, table.c.id).limit(most)
    rows = connection.execute(asked).all()
    barred = suppressed(connection, [row.email_key for row in rows])
    skipped = {row.letter_id: why for row in rows if (why := _why_not(row, barred.get(row.email_key, "")))}
    _skip(connection, skipped, now)
    return [_letter(row) for row in rows if row.letter_id not in skipped]


def hand(connection: Connection, letters: Sequence[TransactionalMessage], provider: str, now: datetime) -> None:
    """Say that their call is about to be made; commit before it is."""
    at = stamp(now)
    values = {"state": TransactionalState.HANDED, "provider": provider, "handed_at": at}
    mine = among(connection, table.c.id, [one.id for one in letters])
    connection.execute(
        update(table).where(mine).values(**values, first_handed_at=func.coalesce(table.c.first_handed_at, at))
    )


def settle(
    connection: Connection,
    outcomes: Sequence[tuple[TransactionalMessage, Result]],
    *,
    patience: timedelta,
    stopped: bool,
    now: datetime,
) -> None:
    """Write down what became of letters. `stopped`: the provider takes nothing at all, so patience does not run out."""
    rows = [_settled(letter, result, patience=patience, stopped=stopped, now=now) for letter, result in outcomes]
    if rows:
        names = ("state", "due_at", "settled_at", "provider_id", "detail")
        changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        connection.execute(update(table).where(table.c.id == bindparam("this")).values(changed), rows)


def recover(connection: Connection, provider: Provider, now: datetime) -> None:
    """What a dead process had in the air is unknown, for good; it waits again where the provider replaces it."""
    in_the_air = table.c.state == TransactionalState.HANDED
    if provider.replaces:
        again = in_the_air & (table.c.provider == provider.name)
        connection.execute(update(table).where(again).values(state=TransactionalState.QUEUED))
    lost = {
        "state": TransactionalState.UNKNOWN,
        "settled_at": stamp(now),
        "detail": "the program was killed while it was sent",
    }
    connection.execute(update(table).where(in_the_air).values(lost))


def counts(connection: Connection) -> dict[str, int]:
    """Letters by state, of those that are not done."""
    unfinished = (TransactionalState.QUEUED, TransactionalState.HANDED)
    asked = select(table.c.state, func.count()).where(table.c.state.in_(unfinished)).group_by(table.c.state)
    found = {row[0]: row[1] for row in connection.execute(asked)}
    return {str(state): found.get(state, 0) for state in unfinished}


def _with_readers() -> Any:
    on_list = and_(subscription.c.subscriber_id == table.c.subscriber_id, subscription.c.list == table.c.list)
    named = (table.c.id.label("letter_id"), table.c.language.label("spoken"))
    own = (table.c.kind, table.c.message, table.c.list, table.c.signup_id, table.c.first_handed_at)
    return (
        select(*named, *own, *subscriber.c, subscription.c.status, signup.c.confirmed_at, signup.c.lists)
        .join_from(table, subscriber, subscriber.c.id == table.c.subscriber_id)
        .outerjoin(subscription, on_list)
        .outerjoin(signup, signup.c.id == table.c.signup_id)
    )


def _why_not(row: Row[Any], barred: str) -> str:
    """Why a letter must not go out; empty when it may."""
    if barred and not (row.kind == TransactionalKind.CONFIRMATION and barred in ASKED_THEMSELVES):
        return f"suppressed: {barred}"
    if row.kind == TransactionalKind.CONFIRMATION and row.confirmed_at:
        return "confirmed already"
    if row.kind == TransactionalKind.WELCOME and row.status != "active":
        return str(row.status or "not on the list")
    return ""


def _letter(row: Row[Any]) -> TransactionalMessage:
    return TransactionalMessage(
        id=row.letter_id,
        subscriber_id=row.id,
        kind=TransactionalKind(row.kind),
        message=row.message,
        list=row.list,
        language=row.spoken,
        signup_id=row.signup_id or 0,
        lists=tuple(json.loads(row.lists)) if row.lists else (),
        reader=row,
        first_handed_at=row.first_handed_at,
    )


def _skip(connection: Connection, reasons: Mapping[int, str], now: datetime) -> None:
    values = {"state": TransactionalState.SKIPPED, "settled_at": stamp(now)}
    for letter_id, reason in reasons.items():
        connection.execute(update(table).where(table.c.id == letter_id).values(**values, detail=reason))


def skip(connection: Connection, letters: Sequence[TransactionalMessage], reason: str, now: datetime) -> None:
    """Do not send these: there is no such message any more."""
    _skip(connection, {one.id: reason for one in letters}, now)


def _settled(
    letter: TransactionalMessage, result: Result, *, patience: timedelta, stopped: bool, now: datetime
) -> dict[str, object]:
    """A row of `settle`: busy is tried again for as long as patience lasts."""
    since = datetime.fromisoformat(letter.first_handed_at) if letter.first_handed_at else now
    row = {"this": letter.id, "new_provider_id": result.provider_id, "new_detail": result.reason}
    if result.outcome is Outcome.BUSY and (stopped or now - since < patience):
        wait = min(timedelta(seconds=result.retry_after or 5), LONGEST_WAIT) if not stopped else LONGEST_WAIT
        return row | {"new_state": TransactionalState.QUEUED, "new_due_at": stamp(now + wait), "new_settled_at": None}
    state = TransactionalState.REJECTED if result.outcome is Outcome.BUSY else TransactionalState(result.outcome)
    return row | {"new_state": state, "new_due_at": stamp(now), "new_settled_at": stamp(now)}
