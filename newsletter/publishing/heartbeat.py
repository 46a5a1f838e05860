"""Record the heartbeat of `newsletter run`, so that `schedule` can warn when no runner is alive.

Only this module writes the `runner` table. A heartbeat locks nothing: `sending.lock` does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from newsletter.database.process_tables import runner as table
from newsletter.times import stamp

BEAT = timedelta(seconds=20)
"""Time between two heartbeats of a runner."""
SILENCE = timedelta(minutes=1)
"""Time after its last heartbeat when a runner counts as gone."""

# Made once: every request about a campaign asks it.
_LIVING = select(func.count()).select_from(table).where(table.c.seen_at >= bindparam("since"))


def beat(connection: Connection, name: str, now: datetime) -> None:
    """Record that the runner called `name` is alive, and delete those that are gone."""
    connection.execute(delete(table).where(table.c.seen_at < stamp(now - SILENCE)))
    seen = update(table).where(table.c.name == name).values(seen_at=stamp(now))
    if connection.execute(seen).rowcount == 0:
        connection.execute(insert(table).values(name=name, since=stamp(now), seen_at=stamp(now)))


def leave(connection: Connection, name: str) -> None:
    """Delete the runner called `name`, which is about to end."""
    connection.execute(delete(table).where(table.c.name == name))


def is_runner_alive(connection: Connection, now: datetime) -> bool:
    """Tell whether a runner had a heartbeat within SILENCE."""
    return living_runners(connection, now) > 0


def living_runners(connection: Connection, now: datetime) -> int:
    """Return how many runners had a heartbeat within SILENCE."""
    return connection.execute(_LIVING, {"since": stamp(now - SILENCE)}).scalar_one()
