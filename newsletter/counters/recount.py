"""Count everything anew from the rows themselves: once for a database of an older version, and after damage.

How the list grew cannot be counted again for readers who are erased by now: once it is kept, it stays as it is. So do
the events of campaigns whose readers were forgotten (`[tracking] keep`): their rows do not tell readers apart any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, case, func, select, text

from newsletter.counters import deliveries, events, table
from newsletter.counters.events import EventRow
from newsletter.counters.growth import grown
from newsletter.counters.mailbox_domains import MAILBOX_OF
from newsletter.counters.mailboxes import MOST_DOMAINS, by_mailbox, domain_column, register
from newsletter.counters.readers import ACTIVE, BY_RANK, SUPPRESSED
from newsletter.counters.table import INACTIVE, JOINED, LEFT, MAILBOX_READERS, READERS, UNCOUNTED, Key
from newsletter.database.tables import batch, campaign, event, subscriber, subscription, suppression

_CHUNK = 20_000
"""Rows of events that are counted together."""
_KEPT = (JOINED, LEFT, INACTIVE)


def is_counted(connection: Connection) -> bool:
    """Tell whether everything in this database is counted: not what an older version wrote."""
    return not table.parts(connection, UNCOUNTED)


def rebuild(connection: Connection) -> int:
    """Write all counters anew; return how many differed. Needs a transaction of `Database.begin`."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE counter IN EXCLUSIVE MODE"))
    before = table.all_counters(connection)
    counted = count_all(connection)
    if (UNCOUNTED, 0, "") in before:
        counted.update(grown(connection))
        kept = {}
    else:
        stays = _stays(connection)
        counted = Counter({key: number for key, number in counted.items() if not stays(key)})
        kept = {key: number for key, number in before.items() if stays(key)}
    after = {**counted, **kept}
    table.replace_all(connection, after)
    return sum(before.get(key, 0) != after.get(key, 0) for key in before.keys() | after.keys())


def count_all(connection: Connection) -> Counter[Key]:
    """Return every counter that can be counted from the rows, as it should be."""
    counted = Counter[Key]()
    _count_readers(connection, counted)
    for campaign_id in connection.scalars(select(campaign.c.id).order_by(campaign.c.id)).all():
        _count_deliveries(connection, counted, campaign_id)
        for rows in _event_rows(connection, campaign_id):
            counted.update(events.contributions(rows, events.surroundings(connection, rows)))
    return Counter({key: number for key, number in counted.items() if number})


def _stays(connection: Connection) -> Callable[[Key], bool]:
    """Return whether no recount may change a counter: growth, and events whose readers are forgotten."""
    forgotten = {*connection.scalars(select(event.c.campaign_id).where(event.c.reader < 0).distinct())}
    ledger = {table.AUDIENCE, table.ACCEPTED, table.ACCEPTED_BY_MAILBOX}
    return lambda key: key[0] in _KEPT or (key[1] in forgotten and key[0] not in ledger)


def _count_readers(connection: Connection, counted: Counter[Key]) -> None:
    status = subscription.c.status
    rank = func.max(case((status == ACTIVE, 2), (status == "pending", 1), else_=0)).label("rank")
    best = select(subscription.c.subscriber_id.label("id"), rank).group_by(subscription.c.subscriber_id).subquery()
    domain = domain_column(connection.dialect.name, subscriber.c.email_key).label("domain")
    is_barred = suppression.c.email_key.is_not(None).label("barred")
    each = select(domain, is_barred, func.coalesce(best.c.rank, 0).label("rank")).select_from(
        subscriber.outerjoin(suppression, suppression.c.email_key == subscriber.c.email_key).outerjoin(
            best, best.c.id == subscriber.c.id
        )
    )
    one = each.subquery()
    key = (one.c.domain, one.c.barred, one.c.rank)
    rows = connection.execute(select(*key, func.count().label("readers")).group_by(*key)).all()
    _register(connection, rows)
    active = Counter[str]()
    for domain_name, barred, of_rank, number in rows:
        standing = SUPPRESSED if barred else BY_RANK[of_rank]
        counted[READERS, 0, standing] += number
        if standing == ACTIVE:
            active[domain_name] += number
    for mailbox, number in by_mailbox(connection, active).items():
        counted[MAILBOX_READERS, 0, mailbox] += number


def _register(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """Give the largest domains the places that are free."""
    sizes = Counter[str]()
    for row in rows:
        sizes[row.domain] += row.readers
    own = [domain for domain, _number in sizes.most_common() if domain not in MAILBOX_OF]
    register(connection, own[:MOST_DOMAINS])


def _count_deliveries(connection: Connection, counted: Counter[Key], campaign_id: int) -> None:
    size = select(func.sum(batch.c.size)).where(batch.c.campaign_id == campaign_id)
    counted[table.AUDIENCE, campaign_id, ""] = int(connection.execute(size).scalar() or 0)
    domains = deliveries.accepted_by_domain(connection, campaign_id)
    counted[table.ACCEPTED, campaign_id, ""] = sum(domains.values())
    for mailbox, number in by_mailbox(connection, domains).items():
        counted[table.ACCEPTED_BY_MAILBOX, campaign_id, mailbox] = number


def _event_rows(connection: Connection, campaign_id: int) -> Iterator[list[EventRow]]:
    """Yield a campaign's events, all of one kind and reader together."""
    rows = select(*events.COLUMNS).where(event.c.campaign_id == campaign_id).order_by(event.c.kind, event.c.reader)
    chunk: list[EventRow] = []
    each = (EventRow(*row) for row in connection.execute(rows.execution_options(yield_per=_CHUNK)))
    for _who, own in groupby(each, key=lambda row: (row.kind, row.reader)):
        chunk += own
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
