"""Event: what happened to a campaign's messages after they were handed over. Alone writes the event table.

An event has a key: what providers report twice, and what a reader does again, is the same event.
Who is a person and who a program is decided before (`robots`), and kept with the event.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import Column, Connection, Text, case, cast, distinct, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.database.bulk import among
from newsletter.database.tables import campaign, subscriber
from newsletter.database.tables import event as table
from newsletter.times import stamp

TRACKING = "tracking"
"""The source of what our own links saw."""
MOST_FORGOTTEN = 1_000
"""Rows made anonymous in one transaction."""


class EventKind(StrEnum):
    """What happened."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened."""

    kind: EventKind
    campaign_id: int
    subscriber_id: int | None
    """None: it is not known of whom, or not wanted to be."""
    at: datetime
    """Aware."""
    key: str
    """The same for the same event, whoever tells it how often."""
    link: int | None = None
    """Its number in the frozen message."""
    times: int = 1
    machine: str = ""
    """What betrayed a program; empty: a person, as far as we can see."""
    source: str = TRACKING
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How often one kind of event happened to a campaign."""

    kind: EventKind
    times: int
    """By people."""
    readers: int
    """How many different ones; 0 where that is not recorded."""
    machines: int
    """How often by programs; in none of the others."""


def record(connection: Connection, events: Sequence[Event]) -> int:
    """Write them down; a known key changes nothing. How many were new. Those of erased readers are dropped."""
    rows = _rows(connection, events)
    if not rows:
        return 0
    made = _insert(connection).on_conflict_do_nothing(index_elements=[table.c.key])
    return len(connection.execute(made.returning(table.c.id), rows).all())


def tally(connection: Connection, events: Sequence[Event]) -> None:
    """Count them: what comes under a known key is one more time of the same."""
    rows = _rows(connection, _summed(events))
    if rows:
        made = _insert(connection)
        times = table.c.times + made.excluded.times
        connection.execute(made.on_conflict_do_update(index_elements=[table.c.key], set_={"times": times}), rows)


def figures(connection: Connection, campaign_id: int) -> list[Figure]:
    """What happened to a campaign so far, by kind."""
    person = table.c.machine == ""
    columns = (
        table.c.kind,
        func.sum(case((person, table.c.times), else_=0)),
        func.count(distinct(case((person, table.c.reader)))),
        func.sum(case((person, 0), else_=table.c.times)),
    )
    found = select(*columns).where(table.c.campaign_id == campaign_id).group_by(table.c.kind)
    by_kind = {row[0]: row for row in connection.execute(found)}
    return [
        Figure(kind=kind, times=by_kind[kind][1], readers=by_kind[kind][2], machines=by_kind[kind][3])
        for kind in EventKind
        if kind in by_kind
    ]


def of_reader(connection: Connection, campaign_id: int, subscriber_id: int) -> list[Event]:
    """What is known of one reader's copy, the oldest first."""
    asked = select(table).where(table.c.subscriber_id == subscriber_id, table.c.campaign_id == campaign_id)
    return [_read(row) for row in connection.execute(asked.order_by(table.c.at, table.c.id))]


def forget_readers(connection: Connection, before: datetime) -> int:
    """Let opens and clicks from before that time be nobody's, the counts stay; how many rows. Call until it is 0.

    One reader's rows of a campaign keep a number in common, drawn at random and written nowhere else.
    """
    seen = (table.c.source == TRACKING, table.c.subscriber_id.is_not(None), table.c.at < stamp(before))
    pairs = select(table.c.campaign_id, table.c.subscriber_id).where(*seen).distinct().limit(MOST_FORGOTTEN)
    forgotten = 0
    for campaign_id, subscriber_id in connection.execute(pairs).all():
        own = (table.c.campaign_id == campaign_id, table.c.subscriber_id == subscriber_id, *seen)
        nobody = {
            "subscriber_id": None,
            "reader": -secrets.randbelow(2**31),
            "key": "forgotten:" + cast(table.c.id, Text),
        }
        forgotten += connection.execute(update(table).where(*own).values(nobody)).rowcount
    return forgotten


def _insert(connection: Connection) -> Any:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _summed(events: Iterable[Event]) -> list[Event]:
    """One event per key: PostgreSQL lets one statement touch a row once."""
    ordered = sorted(events, key=lambda one: (one.key, one.at))
    groups = (list(group) for _key, group in groupby(ordered, key=lambda one: one.key))
    return [replace(group[0], times=sum(one.times for one in group)) for group in groups]


def _rows(connection: Connection, events: Sequence[Event]) -> list[dict[str, object]]:
    """Those of campaigns that are here (a database may be older than its mail) and of readers that are not erased."""
    campaigns = _there(connection, campaign.c.id, {one.campaign_id for one in events})
    readers = _there(connection, subscriber.c.id, {one.subscriber_id for one in events if one.subscriber_id})
    return [
        _row(one)
        for one in events
        if one.campaign_id in campaigns and (one.subscriber_id is None or one.subscriber_id in readers)
    ]


def _there(connection: Connection, column: Column[int], ids: set[int]) -> set[int]:
    return {*connection.execute(select(column).where(among(connection, column, [*ids]))).scalars()} if ids else set()


def _read(row: Any) -> Event:
    return Event(
        kind=EventKind(row.kind),
        campaign_id=row.campaign_id,
        subscriber_id=row.subscriber_id,
        at=datetime.fromisoformat(row.at),
        key=row.key,
        link=row.link_no,
        times=row.times,
        machine=row.machine,
        source=row.source,
        detail=row.detail,
    )


def _row(one: Event) -> dict[str, object]:
    return {
        "key": one.key,
        "kind": one.kind,
        "campaign_id": one.campaign_id,
        "subscriber_id": one.subscriber_id,
        "reader": one.subscriber_id,
        "link_no": one.link,
        "at": stamp(one.at),
        "times": one.times,
        "machine": one.machine,
        "source": one.source,
        "detail": one.detail,
    }
