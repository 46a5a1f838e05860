"""The heartbeat of `newsletter run`: whether anybody is there to send what is scheduled.

Alone writes the `runner` table. It says who was there lately, and locks nothing: that is `sender_lock`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, insert, select, update

from newsletter.database.tables import runner as table
from newsletter.times import stamp

BEAT = timedelta(seconds=20)
"""Between two signs of life."""
SILENCE = timedelta(minutes=1)
"""Who was not heard of for so long is not there."""


def beat(connection: Connection, name: str, now: datetime) -> None:
    """Say that `name` is there."""
    connection.execute(delete(table).where(table.c.seen_at < stamp(now - SILENCE)))
    seen = update(table).where(table.c.name == name).values(seen_at=stamp(now))
    if connection.execute(seen).rowcount == 0:
        connection.execute(insert(table).values(name=name, since=stamp(now), seen_at=stamp(now)))


def leave(connection: Connection, name: str) -> None:
    """Say that `name` is there no more."""
    connection.execute(delete(table).where(table.c.name == name))


def is_anybody_there(connection: Connection, now: datetime) -> bool:
    """Whether a runner was seen within SILENCE."""
    return bool(connection.execute(select(exists().where(table.c.seen_at >= stamp(now - SILENCE)))).scalar())
