"""The rate limit that all senders of a provider share, kept in the database.

How long to wait is `throttle`'s to say; this remembers the one number it needs.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from newsletter import throttle
from newsletter.tables import rate_bucket as table
from newsletter.times import Rate


def reserve(connection: Connection, key: str, count: int, rate: Rate, now: datetime) -> float:
    """Take the next `count` messages of the rate; the seconds to wait before sending them."""
    due, wait = throttle.reserve(_due(connection, key), now.timestamp(), count, rate)
    _keep(connection, key, due)
    return wait


def refund(connection: Connection, key: str, count: int, rate: Rate) -> None:
    """Give back `count` messages that were reserved and not sent."""
    _keep(connection, key, max(0.0, _due(connection, key) - count / rate.per_second))


def _due(connection: Connection, key: str) -> float:
    """Unix time; 0 when nothing was ever sent."""
    kept = connection.execute(select(table.c.tat).where(table.c.key == key)).scalar()
    return datetime.fromisoformat(kept).timestamp() if kept else 0.0


def _keep(connection: Connection, key: str, due: float) -> None:
    tat = datetime.fromtimestamp(due, UTC).isoformat(timespec="microseconds")
    if connection.execute(update(table).where(table.c.key == key).values(tat=tat)).rowcount == 0:
        connection.execute(insert(table).values(key=key, tat=tat))
