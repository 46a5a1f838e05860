"""Keep messages for other programs until they are delivered; no other module writes `outbound_message`.

A message is queued in the transaction of the change that it tells of. Messages about one subject (a reader's address,
a campaign) are delivered to one endpoint in their order; those about different subjects are not ordered.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, delete, exists, func, insert, select, update

from newsletter.config import EventKind
from newsletter.database.bulk import among
from newsletter.database.program_tables import outbound_message as table
from newsletter.times import stamp

ENDPOINTS = "newsletter_webhooks"
"""The execution option of a connection that holds its Endpoints; `database.connection` sets it."""
LEASE = timedelta(seconds=60)
"""The time for which a claimed message is nobody else's; longer than a call may take."""
GIVE_UP = timedelta(hours=24)
"""The age from which a message that fails is not tried again."""
KEPT = timedelta(days=30)
"""The time for which a message that was given up can be listed, and tried again by hand."""
_FAILED = table.c.failed_at.is_not(None)


class Happening(NamedTuple):
    """Hold one thing that happened."""

    kind: EventKind
    subject: str
    """What it is about: an address key, or `campaign:7`."""
    data: Mapping[str, object]
    """The facts for the receiver, as JSON."""


@dataclass(frozen=True, kw_only=True)
class OutboundMessage:
    """A message that waits for its delivery, or was given up."""

    id: int
    endpoint: str
    """The URL in newsletter.toml."""
    key: str
    """Its name for the receiver, the same at each attempt: `msg_...`."""
    kind: str
    subject: str
    body: str
    """What is signed and posted: JSON."""
    queued_at: str
    due_at: str
    attempts: int
    problem: str
    """Why the last attempt failed; empty before the first."""
    failed_at: str | None
    """When it was given up."""

    def as_json(self) -> dict[str, object]:
        """Return what `webhooks list --json` prints: everything but the facts about a reader."""
        shown = ("id", "endpoint", "key", "kind", "queued_at", "due_at", "attempts", "problem", "failed_at")
        return {name: getattr(self, name) for name in shown}


_FIELDS = [table.c[name] for name in OutboundMessage.__dataclass_fields__]


def is_wanted(connection: Connection, *kinds: EventKind) -> bool:
    """Tell whether any endpoint wants one of these kinds, before the facts for them are looked up."""
    return any(endpoint.wants(kind) for endpoint in _endpoints(connection) for kind in kinds)


def tell(connection: Connection, happenings: Sequence[Happening], at: datetime | str) -> None:
    """Queue what happened at that time, for each endpoint that wants it, in the connection's transaction."""
    moment = at if isinstance(at, str) else stamp(at)
    rows = [
        _row(endpoint.url, happening, moment)
        for happening in happenings
        for endpoint in _endpoints(connection)
        if endpoint.wants(happening.kind)
    ]
    if rows:
        connection.execute(insert(table), rows)


def _endpoints(connection: Connection) -> Sequence[Any]:
    endpoints: Sequence[Any] = connection.get_execution_options().get(ENDPOINTS, ())
    return endpoints


def _row(endpoint: str, happening: Happening, at: str) -> dict[str, object]:
    body = {"type": happening.kind, "timestamp": at, "data": happening.data}
    return {
        "endpoint": endpoint,
        "key": f"msg_{secrets.token_hex(12)}",
        "kind": happening.kind,
        "subject": happening.subject,
        "body": msgspec.json.encode(body).decode(),
        "queued_at": at,
        "due_at": at,
    }


def claim(connection: Connection, endpoint: str, limit: int, now: datetime) -> list[OutboundMessage]:
    """Return at most `limit` messages that are due, each about another subject, and keep others from them for LEASE."""
    earlier = table.alias("earlier")
    blocked = exists().where(
        earlier.c.endpoint == table.c.endpoint,
        earlier.c.subject == table.c.subject,
        earlier.c.id < table.c.id,
        earlier.c.failed_at.is_(None),
    )
    due = (table.c.endpoint == endpoint) & ~_FAILED & (table.c.due_at <= stamp(now))
    first = select(table.c.id).where(due, ~blocked).order_by(table.c.due_at, table.c.id).limit(limit)
    ids = list(connection.scalars(first.with_for_update(skip_locked=True)))
    if not ids:
        return []
    leased = {"due_at": stamp(now + LEASE), "attempts": table.c.attempts + 1}
    these = among(connection, table.c.id, ids)
    rows = connection.execute(update(table).where(these).values(leased).returning(*_FIELDS)).all()
    return sorted(map(_message, rows), key=lambda message: message.id)


def delivered(connection: Connection, message: OutboundMessage) -> None:
    """Delete a message that was delivered."""
    connection.execute(delete(table).where(table.c.id == message.id))


def failed(connection: Connection, message: OutboundMessage, problem: str, wait: timedelta, now: datetime) -> None:
    """Try a message again after `wait`, or give it up when it is older than GIVE_UP.

    Nothing changes when the message was claimed by another sender meanwhile.
    """
    too_old = now - datetime.fromisoformat(message.queued_at) >= GIVE_UP
    values = {"problem": problem, "due_at": stamp(now + wait), "failed_at": stamp(now) if too_old else None}
    mine = (table.c.id == message.id) & (table.c.attempts == message.attempts)
    connection.execute(update(table).where(mine).values(values))


def messages(connection: Connection) -> list[OutboundMessage]:
    """Return what is still to be delivered, and what was given up, the oldest first."""
    return [_message(row) for row in connection.execute(select(*_FIELDS).order_by(table.c.id))]


def try_again(connection: Connection, ids: Sequence[int], now: datetime) -> int:
    """Make messages due now, those that were given up too: these, or all without ids; return how many."""
    again = update(table).values(due_at=stamp(now), queued_at=stamp(now), failed_at=None)
    return connection.execute(again.where(among(connection, table.c.id, list(ids))) if ids else again).rowcount


def count_waiting(connection: Connection, endpoint: str) -> int:
    """Return how many messages are still to be delivered to an endpoint."""
    waiting = select(func.count()).select_from(table).where(table.c.endpoint == endpoint, ~_FAILED)
    return int(connection.execute(waiting).scalar_one())


def forget(connection: Connection, subject: str) -> None:
    """Delete what was given up about a subject; what still waits tells others that the reader is gone."""
    connection.execute(delete(table).where(table.c.subject == subject, _FAILED))


def prune(connection: Connection, now: datetime) -> None:
    """Delete messages that were given up more than KEPT ago."""
    connection.execute(delete(table).where(table.c.failed_at < stamp(now - KEPT)))


def _message(row: Row[Any]) -> OutboundMessage:
    return OutboundMessage(**row._asdict())
