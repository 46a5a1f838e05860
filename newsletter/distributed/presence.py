"""Record the heartbeats of sending workers, and tell who lives and what each sends.

Only this module writes the table `worker`. A heartbeat locks nothing and proves nothing about batches: leases do.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, func, select

from newsletter.campaigns.batch_states import IN_HAND
from newsletter.database.process_tables import worker as table
from newsletter.database.tables import batch, campaign, is_in
from newsletter.times import stamp

BEAT = timedelta(seconds=2)
"""Time between two heartbeats of a worker."""
SILENCE = timedelta(seconds=10)
"""Time after its last heartbeat when a worker counts as gone."""
FORGOTTEN = timedelta(minutes=10)
"""Time after which a worker that is gone leaves the table."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A process that sends: its name is the owner of its batches in the ledger, and no other process ever has it."""

    name: str
    host: str
    pid: int


@dataclass(frozen=True, kw_only=True)
class LivingWorker:
    """A worker that had a heartbeat lately; times as `times.stamp` writes them."""

    name: str
    host: str
    pid: int
    since: str
    seen: str
    sending: list[dict[str, object]]
    """For each campaign of which it has batches in hand: campaign, issue, batches, messages."""


def this_process() -> Identity:
    """Name this process: machine, process id, and a part drawn by chance, since both may come again in a container."""
    host, pid = socket.gethostname(), os.getpid()
    return Identity(name=f"{host}-{pid}-{secrets.token_hex(3)}", host=host, pid=pid)


def beat(connection: Connection, identity: Identity, now: datetime) -> None:
    """Record that a worker lives, and forget those that are long gone."""
    seen = table.update().where(table.c.name == identity.name).values(seen_at=stamp(now))
    if connection.execute(seen).rowcount == 0:
        values = {"name": identity.name, "host": identity.host, "pid": identity.pid}
        connection.execute(table.insert().values(values | {"since": stamp(now), "seen_at": stamp(now)}))
        connection.execute(table.delete().where(table.c.seen_at < stamp(now - FORGOTTEN)))


def leave(connection: Connection, identity: Identity) -> None:
    """Forget a worker that is about to end."""
    connection.execute(table.delete().where(table.c.name == identity.name))


def is_any_alive(connection: Connection, now: datetime) -> bool:
    """Tell whether a worker had a heartbeat within SILENCE."""
    return bool(connection.execute(select(exists().where(table.c.seen_at >= stamp(now - SILENCE)))).scalar())


def living(connection: Connection, now: datetime) -> list[LivingWorker]:
    """Return the workers that live, the oldest first, and what each sends at this moment."""
    alive = select(table).where(table.c.seen_at >= stamp(now - SILENCE)).order_by(table.c.since, table.c.name)
    return [
        LivingWorker(
            name=row.name,
            host=row.host,
            pid=row.pid,
            since=row.since,
            seen=row.seen_at,
            sending=_sending(connection, row.name),
        )
        for row in connection.execute(alive).all()
    ]


def _sending(connection: Connection, name: str) -> list[dict[str, object]]:
    columns = (campaign.c.id, campaign.c.issue, func.count(), func.sum(batch.c.size))
    mine = (
        select(*columns)
        .join_from(batch, campaign, campaign.c.id == batch.c.campaign_id)
        .where(batch.c.owner == name, is_in(*IN_HAND))
        .group_by(campaign.c.id, campaign.c.issue)
        .order_by(campaign.c.id)
    )
    names = ("campaign", "issue", "batches", "messages")
    return [
        dict(zip(names, (row[0], row[1], int(row[2]), int(row[3])), strict=True)) for row in connection.execute(mine)
    ]
