"""Count readers by standing, by mailbox provider, and how the list grows from day to day.

A reader has one standing: suppressed when the address must not be mailed, else the status over all lists. Whoever
changes readers, lists or suppressions does so inside `changing`, which compares the standings before and after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from newsletter.counters import deliveries, events
from newsletter.counters.mailboxes import domain_of, mailboxes, register
from newsletter.counters.table import JOINED, LEFT, MAILBOX_READERS, READERS, Key, add
from newsletter.database.bulk import among
from newsletter.database.tables import subscriber, subscription, suppression

ACTIVE, PENDING, UNSUBSCRIBED, SUPPRESSED = "active", "pending", "unsubscribed", "suppressed"
STANDINGS = (ACTIVE, PENDING, UNSUBSCRIBED, SUPPRESSED)
BY_RANK = {2: ACTIVE, 1: PENDING, 0: UNSUBSCRIBED}
"""The status over all lists by the best of them: an active one counts most."""


class Standing(NamedTuple):
    """A reader's standing, and the domain of the address."""

    standing: str
    domain: str


def lock(connection: Connection, subscriber_ids: Iterable[int]) -> None:
    """Let no other transaction count these readers before this one ends.

    SQLite needs nothing: it has one writer. PostgreSQL locks the rows, in one order, so that nobody waits in a ring.
    """
    ids = sorted({*subscriber_ids})
    if connection.dialect.name == "postgresql" and ids:
        rows = select(subscriber.c.id).where(among(connection, subscriber.c.id, ids)).order_by(subscriber.c.id)
        connection.execute(rows.with_for_update(key_share=True)).all()


def standings(connection: Connection, subscriber_ids: Sequence[int]) -> dict[int, Standing]:
    """Return the standing of each of these readers; of those who are not there, none."""
    if not subscriber_ids:
        return {}
    status = subscription.c.status
    rank = func.coalesce(func.max(case((status == ACTIVE, 2), (status == PENDING, 1), else_=0)), 0)
    columns = (subscriber.c.id, subscriber.c.email_key, suppression.c.email_key.label("barred"))
    rows = select(*columns, rank).select_from(
        subscriber.outerjoin(suppression, suppression.c.email_key == subscriber.c.email_key).outerjoin(
            subscription, subscription.c.subscriber_id == subscriber.c.id
        )
    )
    rows = rows.where(among(connection, subscriber.c.id, list(subscriber_ids))).group_by(*columns)
    return {
        id: Standing(SUPPRESSED if barred else BY_RANK[best], domain_of(email_key))
        for id, email_key, barred, best in connection.execute(rows)
    }


@contextmanager
def changing(connection: Connection, subscriber_ids: Iterable[int], at: str) -> Iterator[None]:
    """Count what the code inside does to these readers; `at` (a stamp) is the day on which they join or leave."""
    ids = sorted({*subscriber_ids})
    lock(connection, ids)
    before = standings(connection, ids)
    yield
    after = standings(connection, ids)
    changed = {id for id in before.keys() | after.keys() if before.get(id) != after.get(id)}
    _count(connection, [before[id] for id in changed & before.keys()], at, -1)
    _count(connection, [after[id] for id in changed & after.keys()], at, 1)


@contextmanager
def changing_addresses(connection: Connection, email_keys: Iterable[str], at: str) -> Iterator[None]:
    """Count what the code inside does to the readers with these addresses."""
    ids = select(subscriber.c.id).where(among(connection, subscriber.c.email_key, [*email_keys]))
    with changing(connection, connection.scalars(ids).all(), at):
        yield


def added(connection: Connection, new: Sequence[Standing], at: str) -> None:
    """Count readers who were inserted."""
    register(connection, {reader.domain for reader in new})
    _count(connection, new, at, 1)


def removing(connection: Connection, subscriber_id: int, at: str) -> None:
    """Take a reader out of every counter, who is erased in this transaction: of events, too, but the ledger stays."""
    lock(connection, [subscriber_id])
    reader = standings(connection, [subscriber_id]).get(subscriber_id)
    if reader is None:
        return
    _count(connection, [reader], at, -1)
    events.forget_reader(connection, subscriber_id)
    deliveries.forget_reader(connection, subscriber_id)


def _count(connection: Connection, readers: Sequence[Standing], at: str, sign: int) -> None:
    if not readers:
        return
    changes = Counter[Key]()
    numbers: Mapping[Standing, int] = Counter(readers)
    mailbox_of = mailboxes(connection, {reader.domain for reader in numbers if reader.standing == ACTIVE})
    for reader, number in numbers.items():
        changes[READERS, 0, reader.standing] += sign * number
        if reader.standing == ACTIVE:
            changes[JOINED if sign > 0 else LEFT, 0, at[:10]] += number
            changes[MAILBOX_READERS, 0, mailbox_of[reader.domain]] += sign * number
    add(connection, changes)
