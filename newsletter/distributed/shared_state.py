"""Make the state that the senders of one process share, where several processes send from one database."""

from __future__ import annotations

from sqlalchemy import Connection

from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.distributed import jobs, presence
from newsletter.distributed.database_clock import database_time
from newsletter.sending.job import SendState


def is_shared(database: Database) -> bool:
    """Tell whether several processes may send from this database at once: a file has one sender."""
    return database.engine.dialect.name == "postgresql"


def shared_state(publication: Publication, database: Database, owner: str) -> SendState:
    """Return the state of a process that is called `owner` in the ledger."""
    lease = publication.config.send.lease.delta
    return SendState(database, owner=owner, lease=lease, announce=announce_to_workers)


def announce_to_workers(connection: Connection, campaign_id: int, after: int) -> None:
    """Make the jobs of newly queued batches, if there is a worker to run them; for one that comes, the sweep does."""
    if presence.is_any_alive(connection, database_time(connection)):
        jobs.announce(connection, campaign_id, after)
