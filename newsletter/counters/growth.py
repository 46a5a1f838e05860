"""Reckon how the list grew from day to day by the evidence of the readers who are there.

Used once, for a database that was written before there were counters.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from newsletter.counters.readers import ACTIVE, standings
from newsletter.counters.table import JOINED, LEFT, Key
from newsletter.database.bulk import among
from newsletter.database.tables import consent, subscriber, suppression

_PAGE = 5_000
"""Readers that are looked at together."""
_ON_LIST = (ACTIVE, "paused")
"""What the evidence says of a list whose mail the reader gets, now or later."""


def grown(connection: Connection) -> Counter[Key]:
    """Return who joined and left by day; their difference is the number of readers who are active today."""
    changes = Counter[Key]()
    for page in _pages(connection):
        ids = [row.id for row in page]
        today = standings(connection, ids)
        evidence = _evidence(connection, ids)
        for row in page:
            is_active = today[row.id].standing == ACTIVE
            for kind, day in _moves(evidence[row.id], row.created_at, row.at or "", is_active=is_active):
                changes[kind, 0, day] += 1
    return changes


def _pages(connection: Connection) -> Iterator[Sequence[Any]]:
    """Yield id, time of joining and time of suppression of all readers, a page at a time."""
    suppressed = subscriber.outerjoin(suppression, suppression.c.email_key == subscriber.c.email_key)
    rows = select(subscriber.c.id, subscriber.c.created_at, suppression.c.at).select_from(suppressed)
    last = 0
    while page := connection.execute(rows.where(subscriber.c.id > last).order_by(subscriber.c.id).limit(_PAGE)).all():
        last = page[-1].id
        yield page


def _evidence(connection: Connection, ids: list[int]) -> dict[int, list[tuple[str, str, str]]]:
    """Return list, status and time of every change of these readers, the oldest first."""
    columns = (consent.c.subscriber_id, consent.c.list, consent.c.status, consent.c.at)
    rows = select(*columns).where(among(connection, consent.c.subscriber_id, ids))
    changes: dict[int, list[tuple[str, str, str]]] = defaultdict(list)
    for id, list_name, status, at in connection.execute(rows.order_by(consent.c.subscriber_id, consent.c.no)):
        changes[id].append((list_name, status, at))
    return changes


def _moves(
    evidence: Iterable[tuple[str, str, str]], created_at: str, suppressed_at: str, *, is_active: bool
) -> Iterator[tuple[str, str]]:
    """Yield the days on which one reader joined or left; the last of them leads to what the reader is today."""
    lists: dict[str, str] = {}
    was_active, day = False, created_at[:10]
    for list_name, status, at in evidence:
        lists[list_name], day = status, at[:10]
        if was_active != any(status in _ON_LIST for status in lists.values()):
            was_active = not was_active
            yield (JOINED if was_active else LEFT), day
    if was_active != is_active:
        yield (JOINED, day) if is_active else (LEFT, max(suppressed_at[:10], day))
