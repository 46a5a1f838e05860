"""Count what happened to a campaign's messages: readers, how often, by people or programs, by hour, link and mailbox.

All that one reader did of one kind in one campaign counts together (`contribution`): a reader who opens ten times is
one reader. Writers add the difference that their rows make to it, so the order in which events come does not matter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Integer, Select, Text, bindparam, func, select

from newsletter.counters import table
from newsletter.counters.mailboxes import domain_of, mailboxes
from newsletter.counters.table import Key
from newsletter.database.bulk import among, among_these, these
from newsletter.database.tables import campaign, event, subscriber

LAST_HOUR = 168
"""The hour that stands for all that happens more than a week after a campaign's start."""
HOUR = timedelta(hours=1)
_HOURS = [f"{hour:03}" for hour in range(LAST_HOUR + 1)]
BY_MAILBOX = ("delivered", "bounced", "complained")
"""The kinds that are counted by mailbox provider."""
BY_HOUR = ("delivered", "opened", "clicked")
"""The kinds that are counted by hour."""


class EventRow(NamedTuple):
    """Hold what the counters need of a row of `event`."""

    key: str
    campaign_id: int
    kind: str
    reader: int | None
    link: int | None
    at: str
    times: int
    machine: str
    bounce: str


COLUMNS: tuple[Column[Any], ...] = (
    event.c.key,
    event.c.campaign_id,
    event.c.kind,
    event.c.reader,
    event.c.link_no,
    event.c.at,
    event.c.times,
    event.c.machine,
    event.c.bounce,
)
"""The columns of an EventRow, in its order."""


class Surroundings(NamedTuple):
    """Hold what a contribution depends on beside its rows."""

    starts: Mapping[int, str]
    """When each campaign started: a stamp."""
    mailboxes: Mapping[int, str]
    """The mailbox provider of each reader."""


def record(
    connection: Connection,
    new: Sequence[EventRow],
    more: Mapping[str, EventRow],
    addresses: Mapping[int, str],
    starts: Mapping[int, str],
) -> None:
    """Count events that were written just now.

    `new` are rows that were not there before, `more` by key what was added to the `times` of those that were;
    `addresses` are the address keys of their readers, `starts` when their campaigns started.
    """
    groups: dict[tuple[int, str], set[int]] = defaultdict(set)
    for row in (*new, *more.values()):
        if row.reader is not None:
            groups[row.campaign_id, row.kind].add(row.reader)
    added = {row.key for row in new}
    others: list[EventRow] = []  # rows of the same readers that were there before, as they are now
    for (campaign_id, kind), readers in sorted(groups.items()):
        others += _others(connection, campaign_id, kind, readers, added, more)
    nobodys = [row for row in more.values() if row.reader is None]
    rows = [*new, *others, *nobodys] if others or nobodys else new
    counted_by_mailbox = {row.reader for row in (*new, *more.values()) if row.reader and row.kind in BY_MAILBOX}
    around = Surroundings(starts, _mailboxes(connection, {id: addresses[id] for id in counted_by_mailbox}))
    changes = contributions(rows, around)
    if others:
        changes.subtract(contributions([_without(row, more) for row in others], around))
    table.add(connection, changes)


def forget_reader(connection: Connection, subscriber_id: int) -> None:
    """Take a reader's events out of the counters, because they are deleted with the reader."""
    rows = [
        EventRow(*row) for row in connection.execute(select(*COLUMNS).where(event.c.subscriber_id == subscriber_id))
    ]
    changes = Counter[Key]()
    changes.subtract(contributions(rows, surroundings(connection, rows)))
    table.add(connection, changes)


def surroundings(connection: Connection, rows: Iterable[EventRow]) -> Surroundings:
    """Load the campaigns' starts and the readers' mailbox providers."""
    campaigns, readers = set[int](), set[int]()
    for row in rows:
        campaigns.add(row.campaign_id)
        if row.reader is not None and row.kind in BY_MAILBOX:
            readers.add(row.reader)
    started = select(campaign.c.id, campaign.c.started_at).where(among(connection, campaign.c.id, sorted(campaigns)))
    keys = select(subscriber.c.id, subscriber.c.email_key)
    keys = keys.where(among(connection, subscriber.c.id, sorted(readers)))
    addresses = {row.id: row.email_key for row in connection.execute(keys)} if readers else {}
    return Surroundings(
        {row.id: row.started_at or "" for row in connection.execute(started)} if campaigns else {},
        _mailboxes(connection, addresses),
    )


def _mailboxes(connection: Connection, addresses: Mapping[int, str]) -> dict[int, str]:
    """Return the mailbox provider of each reader."""
    domains = {id: domain_of(address) for id, address in addresses.items()}
    mailbox_of = mailboxes(connection, {*domains.values()}) if domains else {}
    return {id: mailbox_of[domain] for id, domain in domains.items()}


def contributions(rows: Iterable[EventRow], around: Surroundings) -> Counter[Key]:
    """Return what these rows make of the counters; all rows of a campaign, kind and reader must be among them."""
    counted = Counter[Key]()
    by_kind: dict[tuple[int, str], list[EventRow]] = defaultdict(list)
    for row in rows:
        by_kind[row.campaign_id, row.kind].append(row)
    for (campaign_id, kind), own in by_kind.items():
        _count_times(counted, campaign_id, kind, own)
        if kind == "clicked":
            _count_links(counted, campaign_id, own)
        start = around.starts[campaign_id]
        people = [row for row in own if not row.machine]
        nobodys = [row for row in people if row.reader is None]
        for row in nobodys if kind in BY_HOUR else ():
            (hour,) = _hours(start, [row.at])
            counted[table.by_hour(kind), campaign_id, hour] += row.times
        readers = [row for row in people if row.reader is not None] if nobodys else people
        _count_readers(counted, campaign_id, kind, readers, start, around.mailboxes)
    return counted


def _count_times(counted: Counter[Key], campaign_id: int, kind: str, rows: Sequence[EventRow]) -> None:
    machines = sum(row.times for row in rows if row.machine)
    counted[table.machines(kind), campaign_id, ""] += machines
    counted[table.times(kind), campaign_id, ""] += sum(row.times for row in rows) - machines


def _count_links(counted: Counter[Key], campaign_id: int, rows: Sequence[EventRow]) -> None:
    followed = set()
    for row in rows:
        if row.link is None:
            continue
        kind = table.LINK_MACHINES if row.machine else table.LINK_CLICKS
        counted[kind, campaign_id, str(row.link)] += row.times
        if not row.machine and row.reader is not None:
            followed.add((row.reader, row.link))
    for _reader, link in followed:
        counted[table.LINK_READERS, campaign_id, str(link)] += 1


def _count_readers(
    counted: Counter[Key],
    campaign_id: int,
    kind: str,
    rows: Sequence[EventRow],
    start: str,
    mailbox_of: Mapping[int, str],
) -> None:
    """Count each reader of these rows once, by mailbox provider and by the hour of the first time."""
    first: dict[int, str] = {}
    for row in rows:
        reader, at = row.reader, row.at
        if reader is not None and (reader not in first or at < first[reader]):
            first[reader] = at
    counted[kind, campaign_id, ""] += len(first)
    if kind in BY_MAILBOX:
        for mailbox, number in Counter(mailbox_of.get(reader, "") for reader in first).items():
            counted[table.by_mailbox(kind), campaign_id, mailbox] += number
    if kind in BY_HOUR:
        for hour, number in Counter(_hours(start, first.values())).items():
            counted[table.by_hour(kind), campaign_id, hour] += number
    for _reader, bounce in {(row.reader, row.bounce) for row in rows} if kind == "bounced" else ():
        counted[table.BOUNCES, campaign_id, bounce] += 1


def _hours(start: str, moments: Iterable[str]) -> Iterator[str]:
    """Yield the whole hours from one stamp to each of the others, three digits that sort; none before the start."""
    if not start:
        yield from ("000" for _moment in moments)
        return
    parse, began = datetime.fromisoformat, datetime.fromisoformat(start)
    for at in moments:
        yield _HOURS[max(0, min((parse(at) - began) // HOUR, LAST_HOUR))]


def _without(row: EventRow, more: Mapping[str, EventRow]) -> EventRow:
    """Return a row as it was before."""
    added = more.get(row.key)
    return row._replace(times=row.times - added.times) if added else row


def _others(
    connection: Connection,
    campaign_id: int,
    kind: str,
    readers: set[int],
    added: set[str],
    more: Mapping[str, EventRow],
) -> list[EventRow]:
    """Return the rows of these readers that were there before.

    Most readers have none. The index alone says who has several rows, or one to which something was added.
    """
    again = {row.reader for row in more.values() if (row.campaign_id, row.kind) == (campaign_id, kind)}
    asked = {"the_campaign": campaign_id, "the_kind": kind, "readers": these(connection, sorted(readers))}
    known = {*connection.scalars(_several(connection.dialect.name), asked), *again} - {None}
    if not known:
        return []
    own = (event.c.campaign_id == campaign_id, event.c.kind == kind)
    rows = select(*COLUMNS).where(*own, among(connection, event.c.reader, sorted(known)))
    return [one for row in connection.execute(rows) if (one := EventRow(*row)).key not in added]


@cache
def _several(dialect: str) -> Select[int | None]:
    """Return the query for those of `readers` who have several rows; made once, since it runs with every event."""
    own = (
        event.c.campaign_id == bindparam("the_campaign", type_=Integer),
        event.c.kind == bindparam("the_kind", type_=Text),
        among_these(dialect, event.c.reader, "readers"),
    )
    return select(event.c.reader).where(*own).group_by(event.c.reader).having(func.count() > 1)
