"""Record events: what happened to a campaign's messages after they were handed over. Only this module writes them.

An event has a key: a report that comes twice, and a reader who does something again, make one event.
engagement.py tells people from programs; the event keeps its verdict.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, Text, bindparam, case, cast, distinct, func, select, update

from newsletter.counters import events as counted
from newsletter.counters import readers as counted_readers
from newsletter.database.bulk import among, insert_new
from newsletter.database.tables import campaign, subscriber
from newsletter.database.tables import event as table
from newsletter.times import stamp

TRACKING = "tracking"
"""The source of events that our own links report."""
MOST_FORGOTTEN = 1_000
"""Rows made anonymous in one transaction."""


class EventKind(StrEnum):
    """The kinds of events."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of a campaign."""

    kind: EventKind
    campaign_id: int
    subscriber_id: int | None
    """The reader; None when that is not known, or not to be kept."""
    at: datetime
    """When it happened; aware."""
    key: str
    """Names the event, however often it is reported."""
    link: int | None = None
    """The number of the link in the frozen message."""
    times: int = 1
    machine: str = ""
    """The sign that a program did it; empty for a person, as far as can be seen."""
    source: str = TRACKING
    detail: str = ""
    bounce: str = ""
    """Of a bounce: `hard`, `soft` or `blocked`."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A campaign's count of one kind of event."""

    kind: EventKind
    times: int
    """Events by people."""
    readers: int
    """Different readers; 0 where readers are not recorded."""
    machines: int
    """Events by programs, which the other numbers leave out."""


def record(connection: Connection, events: Sequence[Event]) -> int:
    """Record events; return how many were new. A known key changes nothing; events of erased readers are dropped."""
    return len(record_new(connection, events))


def record_new(connection: Connection, events: Sequence[Event], addresses: Mapping[int, str] | None = None) -> set[str]:
    """Record events like `record`; return the keys of those that were new.

    `addresses` has the readers' addresses, if the caller has loaded them in this transaction.
    """
    known = _known(connection, events, addresses)
    rows = [_row(event) for event in known.events]
    new = {key for key, _one in insert_new(connection, table, _COLUMNS, rows, key="key", adds="")}
    # Of two reports under one key in one call, the first was written.
    first = {row[0]: row for row in reversed(rows) if row[0] in new}
    counted.record(connection, [_counted(row) for row in first.values()], {}, known.addresses, known.starts)
    return new


def tally(connection: Connection, events: Sequence[Event]) -> None:
    """Record events, and add to the count of those whose key is known."""
    known = _known(connection, _summed(events))
    rows = [_counted(row) for row in map(_row, known.events)]
    times = dict(insert_new(connection, table, _COLUMNS, [*map(_row, known.events)], key="key", adds="times"))
    more = {row.key: row for row in rows if times.get(row.key, 0) > row.times}
    counted.record(connection, [row for row in rows if row.key not in more], more, known.addresses, known.starts)


_PERSON = table.c.machine == ""
# Made once: every request about a campaign's figures asks it.
_FIGURES = (
    select(
        table.c.kind,
        func.sum(case((_PERSON, table.c.times), else_=0)),
        func.count(distinct(case((_PERSON, table.c.reader)))),
        func.sum(case((_PERSON, 0), else_=table.c.times)),
    )
    .where(table.c.campaign_id == bindparam("campaign"))
    .group_by(table.c.kind)
)


def figures(connection: Connection, campaign_id: int) -> list[Figure]:
    """Return a campaign's figures so far, by kind of event."""
    by_kind = {row[0]: row for row in connection.execute(_FIGURES, {"campaign": campaign_id})}
    return [
        Figure(kind=kind, times=by_kind[kind][1], readers=by_kind[kind][2], machines=by_kind[kind][3])
        for kind in EventKind
        if kind in by_kind
    ]


def bounce_counts(connection: Connection, campaign_id: int) -> dict[str, int]:
    """Return how many readers each kind of bounce happened to: `hard`, `soft`, `blocked`; the most frequent first."""
    number = func.count(distinct(table.c.reader))
    own = (table.c.campaign_id == campaign_id, table.c.kind == EventKind.BOUNCED, table.c.bounce != "")
    rows = select(table.c.bounce, number).where(*own).group_by(table.c.bounce).order_by(number.desc(), table.c.bounce)
    return {kind: int(readers) for kind, readers in connection.execute(rows)}


def reader_counts(connection: Connection, campaign_id: int) -> dict[str, int]:
    """Return how many readers each kind of event happened to, by people only; every kind is there."""
    readers = {figure.kind: figure.readers for figure in figures(connection, campaign_id)}
    return {str(kind): readers.get(kind, 0) for kind in EventKind}


def of_reader(connection: Connection, campaign_id: int, subscriber_id: int) -> list[Event]:
    """Return the events of one reader's copy, the oldest first."""
    rows = select(table).where(table.c.subscriber_id == subscriber_id, table.c.campaign_id == campaign_id)
    return [_read(row) for row in connection.execute(rows.order_by(table.c.at, table.c.id))]


def recorded_after(
    connection: Connection, last: int, limit: int, *, kind: str | None = None, campaign_id: int | None = None
) -> list[tuple[int, Event]]:
    """Return the events that were recorded after the one with the id `last`, each with its id, at most `limit`."""
    wanted = [table.c.id > last]
    wanted += [table.c.kind == kind] if kind else []
    wanted += [table.c.campaign_id == campaign_id] if campaign_id is not None else []
    rows = select(table).where(*wanted).order_by(table.c.id).limit(limit)
    return [(row.id, _read(row)) for row in connection.execute(rows)]


def forget_readers(connection: Connection, before: datetime) -> int:
    """Make opens and clicks from before that time nobody's; return how many rows. Call until it is 0.

    The counts stay: one reader's rows of a campaign keep a number in common, drawn at random and written nowhere else.
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


def _summed(events: Iterable[Event]) -> list[Event]:
    """Add events with one key up to one: PostgreSQL lets one statement touch a row once."""
    ordered = sorted(events, key=lambda event: (event.key, event.at))
    groups = (list(group) for _key, group in groupby(ordered, key=lambda event: event.key))
    return [replace(group[0], times=sum(event.times for event in group)) for group in groups]


class _Known(NamedTuple):
    """Events that can be recorded, and what is known of their readers."""

    events: list[Event]
    addresses: Mapping[int, str]
    """The addresses of the readers."""
    starts: dict[int, str]
    """When each campaign started: a stamp."""


def _known(connection: Connection, events: Sequence[Event], loaded: Mapping[int, str] | None = None) -> _Known:
    """Return events whose campaign is here (a database may be older than its mail), and whose reader is."""
    started = select(campaign.c.id, campaign.c.started_at)
    started = started.where(among(connection, campaign.c.id, sorted({event.campaign_id for event in events})))
    starts = {row.id: row.started_at or "" for row in connection.execute(started)} if events else {}
    addresses = loaded
    if addresses is None or connection.dialect.name == "postgresql":  # there, others write meanwhile: lock, then look
        named = {event.subscriber_id for event in events if event.subscriber_id}
        counted_readers.lock(connection, named)
        rows = select(subscriber.c.id, subscriber.c.email_key).where(among(connection, subscriber.c.id, [*named]))
        addresses = {row.id: row.email_key for row in connection.execute(rows)} if named else {}
    kept = [
        event
        for event in events
        if event.campaign_id in starts and (event.subscriber_id is None or event.subscriber_id in addresses)
    ]
    return _Known(kept, addresses, starts)


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
        bounce=row.bounce,
    )


_COLUMNS = (
    *("key", "kind", "campaign_id", "subscriber_id", "reader", "link_no"),
    *("at", "times", "machine", "source", "detail", "bounce"),
)


def _row(event: Event) -> tuple[Any, ...]:
    """Return the values of _COLUMNS, in their order."""
    reader, at = event.subscriber_id, stamp(event.at)
    place = (event.key, str(event.kind), event.campaign_id, reader, reader, event.link)
    return (*place, at, event.times, event.machine, event.source, event.detail, event.bounce)


def _counted(row: tuple[Any, ...]) -> counted.EventRow:
    """Return what the counters need of the values of _COLUMNS."""
    key, kind, campaign_id, _subscriber, reader, link, at, times, machine, _source, _detail, bounce = row
    return counted.EventRow(key, campaign_id, kind, reader, link, at, times, machine, bounce)
