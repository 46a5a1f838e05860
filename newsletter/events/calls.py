"""Keep the calls of providers as they came, until each is applied and `[events] keep` is over.

No other module adds to the `webhook_call` table. A call is kept before it is answered, so that a server that is
killed afterwards loses no event.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from newsletter.database.bulk import among
from newsletter.database.program_tables import webhook_call as table
from newsletter.events import one_time_tokens
from newsletter.events.one_time_tokens import TokenUse, UsedToken
from newsletter.times import stamp

MAX_BYTES = 512 * 1024
"""Bytes of calls that are applied in one transaction: a thousand events or so, during which readers wait."""
MAX_PRUNED = 1_000
"""Calls deleted in one transaction."""


@dataclass(frozen=True, kw_only=True)
class KeptCall:
    """A call of a provider that was verified."""

    provider: str
    body: bytes
    at: datetime
    """When it came; aware."""
    id: int = 0
    """Its number; 0 before it is kept."""
    token: str = ""
    """The token that its signature covers, where that covers no body; not kept with it."""


def keep(connection: Connection, calls: Sequence[KeptCall]) -> list[TokenUse]:
    """Insert calls whose token is new; return for each what its token shows."""
    used = [UsedToken(provider=call.provider, token=call.token, body=call.body, at=call.at) for call in calls]
    shown = one_time_tokens.use(connection, used)
    rows = [
        {"provider": call.provider, "received_at": stamp(call.at), "body": zlib.compress(call.body, 1)}
        for call, use in zip(calls, shown, strict=True)
        if use is TokenUse.NEW
    ]
    if rows:
        connection.execute(insert(table), rows)
    return shown


def next_calls(connection: Connection, limit: int) -> list[KeptCall]:
    """Return the oldest calls that are not applied yet: at most `limit`, and of MAX_BYTES together unless it is one."""
    waiting = select(table).where(table.c.applied_at.is_(None)).order_by(table.c.id).limit(limit)
    return _within(connection.execute(waiting))


def _within(rows: Iterable[Row[Any]]) -> list[KeptCall]:
    """Return the first calls, as many as MAX_BYTES allow."""
    kept: list[KeptCall] = []
    size = 0
    for row in rows:
        call = _call(row)
        size += len(call.body)
        if kept and size > MAX_BYTES:
            break
        kept.append(call)
    return kept


def latest(connection: Connection, count: int) -> list[KeptCall]:
    """Return the calls that were kept last, the oldest first."""
    rows = connection.execute(select(table).order_by(table.c.id.desc()).limit(count)).all()
    return [_call(row) for row in reversed(rows)]


def calls_after(connection: Connection, id: int, since: datetime | None, limit: int) -> list[KeptCall]:
    """Return at most `limit` kept calls with a higher number than `id`, in their order; with `since`, from then on."""
    later: Select[Any] = select(table).where(table.c.id > id).order_by(table.c.id).limit(limit)
    if since is not None:
        later = later.where(table.c.received_at >= stamp(since))
    return _within(connection.execute(later))


def mark_applied(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Record that these calls are applied."""
    connection.execute(update(table).where(among(connection, table.c.id, list(ids))).values(applied_at=stamp(now)))


def count_waiting(connection: Connection) -> int:
    """Return how many calls are not applied yet."""
    waiting = select(func.count()).select_from(table).where(table.c.applied_at.is_(None))
    return int(connection.execute(waiting).scalar_one())


def prune(connection: Connection, before: datetime) -> int:
    """Delete applied calls that came before that time; return how many. Call until it is 0."""
    old = table.c.applied_at.is_not(None) & (table.c.received_at < stamp(before))
    ids = list(connection.scalars(select(table.c.id).where(old).order_by(table.c.id).limit(MAX_PRUNED)))
    if ids:
        connection.execute(delete(table).where(among(connection, table.c.id, ids)))
    return len(ids)


def _call(row: Row[Any]) -> KeptCall:
    at = datetime.fromisoformat(row.received_at)
    return KeptCall(provider=row.provider, body=zlib.decompress(row.body), at=at, id=row.id)
