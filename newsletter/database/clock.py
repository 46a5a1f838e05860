"""The time by which leases of one database are counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from newsletter.times import utc_now

_NOW = text("SELECT clock_timestamp()")


def database_now(connection: Connection, clock: Callable[[], datetime] = utc_now) -> datetime:
    """Return the time in UTC: PostgreSQL's, since several machines share it; on SQLite `clock`, the process's own.

    Not the beginning of the transaction: who waited for a lock must not take the time before the wait.
    """
    if connection.dialect.name != "postgresql":
        return clock()
    moment: datetime = connection.execute(_NOW).scalar_one()
    return moment.astimezone(UTC)
