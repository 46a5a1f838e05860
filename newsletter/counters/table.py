"""Read and write the counters. No other module writes the table `counter`.

On PostgreSQL each connection adds to rows of its own, named by its process: writers never wait for each other, and a
counter is the sum over them. SQLite has one writer at a time, and one row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.database.bulk import among
from newsletter.database.tables import counter as table

Key = tuple[str, int, str]
"""What is counted: a kind, a campaign (0 for the publication) and a part of it ("" for the whole)."""

READERS = "readers"
"""Readers by standing (`readers.STANDINGS`)."""
MAILBOX_READERS = "readers by mailbox"
"""Active readers by mailbox provider."""
JOINED, LEFT = "joined", "left"
"""Readers who became active, or are so no more, by day (UTC)."""
AUDIENCE, ACCEPTED = "audience", "accepted"
ACCEPTED_BY_MAILBOX = "accepted by mailbox"
BOUNCES = "bounces"
"""Readers by kind of bounce."""
LINK_CLICKS, LINK_READERS, LINK_MACHINES = "link clicks", "link readers", "link machines"
"""By the link's number."""
INACTIVE = "inactive"
"""The last count of inactive readers; the part says when and for how long: `2026-11-29 180d`."""
UNCOUNTED = "uncounted"
"""1 while what was written before there were counters is not counted; the migration says so."""


def times(kind: str) -> str:
    """Return the kind that counts events by people: an event's own kind counts readers."""
    return f"{kind} times"


def machines(kind: str) -> str:
    """Return the kind that counts events by programs."""
    return f"{kind} machines"


def by_mailbox(kind: str) -> str:
    """Return the kind that counts readers with an event by mailbox provider."""
    return f"{kind} by mailbox"


def by_hour(kind: str) -> str:
    """Return the kind that counts readers by the hour of their first event after the campaign's start."""
    return f"{kind} by hour"


def add(connection: Connection, changes: Mapping[Key, int]) -> None:
    """Add to counters; each is made at its first change."""
    rows = [
        {"kind": kind, "campaign_id": campaign, "part": part, "number": number}
        for (kind, campaign, part), number in sorted(changes.items())
        if number
    ]
    if rows:
        connection.execute(_adding(connection.dialect.name), rows)


@cache
def _adding(dialect: str) -> Any:
    names = ("kind", "campaign_id", "part", "number")
    values: dict[str, Any] = {name: bindparam(name, type_=table.c[name].type) for name in names}
    if dialect == "postgresql":
        made: Any = postgresql.insert(table).values({**values, "slot": func.pg_backend_pid()})
    else:
        made = sqlite.insert(table).values({**values, "slot": 0})
    return made.on_conflict_do_update(
        index_elements=[table.c.kind, table.c.campaign_id, table.c.part, table.c.slot],
        set_={"number": table.c.number + made.excluded.number},
    )


def whole(connection: Connection, kinds: Collection[str], campaigns: Collection[int]) -> dict[tuple[str, int], int]:
    """Return the counters of these kinds that are not divided into parts, by kind and campaign."""
    rows = select(table.c.kind, table.c.campaign_id, func.sum(table.c.number)).where(
        table.c.kind.in_(sorted(kinds)), among(connection, table.c.campaign_id, sorted(campaigns)), table.c.part == ""
    )
    grouped = rows.group_by(table.c.kind, table.c.campaign_id)
    return {(kind, campaign): int(number) for kind, campaign, number in connection.execute(grouped)}


def parts(
    connection: Connection, kind: str, campaign: int = 0, since: str = "", *, zero: bool = False
) -> dict[str, int]:
    """Return one kind's counters by part, in the parts' order; `since` leaves out parts before it.

    Those that are zero are left out, unless `zero`.
    """
    rows = select(table.c.part, func.sum(table.c.number)).where(
        table.c.kind == kind, table.c.campaign_id == campaign, table.c.part >= since
    )
    grouped = rows.group_by(table.c.part).order_by(table.c.part)
    return {part: int(number) for part, number in connection.execute(grouped) if number or zero}


def summed_parts(connection: Connection, kind: str, campaigns: Collection[int]) -> dict[str, int]:
    """Return one kind's counters by part, summed over these campaigns."""
    rows = select(table.c.part, func.sum(table.c.number)).where(
        table.c.kind == kind, table.c.campaign_id.in_(sorted(campaigns))
    )
    return {part: int(number) for part, number in connection.execute(rows.group_by(table.c.part)) if number}


def all_counters(connection: Connection) -> dict[Key, int]:
    """Return every counter that is not zero."""
    key = (table.c.kind, table.c.campaign_id, table.c.part)
    rows = select(*key, func.sum(table.c.number)).group_by(*key)
    return {(kind, campaign, part): int(number) for kind, campaign, part, number in connection.execute(rows) if number}


def replace_all(connection: Connection, counted: Mapping[Key, int]) -> None:
    """Write these counters in the place of all others."""
    connection.execute(delete(table))
    add(connection, counted)


def replace_parts(connection: Connection, kind: str, numbers: Mapping[str, int]) -> None:
    """Write these parts of one kind of the publication in the place of all others, also those that are zero."""
    connection.execute(delete(table).where(table.c.kind == kind, table.c.campaign_id == 0))
    rows = [{"kind": kind, "campaign_id": 0, "part": part, "number": number} for part, number in numbers.items()]
    if rows:
        connection.execute(_adding(connection.dialect.name), rows)
