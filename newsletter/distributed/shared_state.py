"""Make the state that the senders of one process share, where several processes send from one database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event

from newsletter.config import PublicationSettings
from newsletter.database.clock import database_now
from newsletter.database.connection import Database
from newsletter.distributed import jobs, presence
from newsletter.sending.job import SendState

IDLE = 10
"""Seconds in which a transaction goes on, or is ended by the server."""


def is_shared(database: Database) -> bool:
    """Tell whether several processes may send from this database at once: a file has one sender."""
    return database.engine.dialect.name == "postgresql"


def shared_state(publication: PublicationSettings, database: Database, owner: str) -> SendState:
    """Return the state of a process that is called `owner` in the ledger."""
    lease = publication.config.send.lease.delta
    if not event.contains(database.engine, "connect", _end_idle_transactions):
        event.listen(database.engine, "connect", _end_idle_transactions)
        database.engine.dispose()  # the next connections have it
    return SendState(database, owner=owner, lease=lease, announce=announce_to_workers)


def announce_to_workers(connection: Connection, campaign_id: int, after: int) -> None:
    """Make the jobs of newly queued batches, if there is a worker to run them; for one that comes, the sweep does."""
    if presence.is_any_alive(connection, database_now(connection)):
        jobs.announce(connection, campaign_id, after)


def _end_idle_transactions(connection: Any, _record: object) -> None:
    """Let the server end a transaction whose process was stopped, or cut off: its locks keep the others waiting."""
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE}s'")
    connection.commit()
