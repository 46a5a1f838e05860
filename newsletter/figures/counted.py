"""Have everything counted before figures are read: a database that an older version wrote is counted once."""

from __future__ import annotations

from newsletter.counters.recount import is_counted, rebuild
from newsletter.database.connection import Database


def ensure_counted(database: Database) -> None:
    """Count what was written before there were counters, if anything was; writers wait meanwhile."""
    with database.read() as connection:
        if is_counted(connection):
            return
    with database.begin() as connection:
        if not is_counted(connection):  # another process may have been faster
            rebuild(connection)


def recount(database: Database) -> int:
    """Count everything anew; return how many counters were wrong. Writers wait meanwhile."""
    with database.begin() as connection:
        return rebuild(connection)
