"""Erasure: what forgetting a reader takes, table by table.

The ledger keeps that something was sent, not to whom: its rows name an id that is nobody's any more, and
the address goes from what providers said. A reader who asked to be forgotten leaves a hash in the suppressions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, select, update

from newsletter.database.tables import campaign, delivery_exception, delivery_note, subscriber
from newsletter.subscribers import suppressions
from newsletter.subscribers.subscriber import find_subscriber, remove_subscriber

GONE = "(erased)"
"""Stands where the address stood."""
_WORDS: Sequence[tuple[Table, Column[Any]]] = (
    (delivery_exception, delivery_exception.c.detail),
    (delivery_note, delivery_note.c.what),
)
"""Where providers' words about one reader are kept."""


@dataclass(frozen=True, kw_only=True)
class Forgetting:
    """A reader's wish to be forgotten."""

    subscriber_id: int
    at: datetime


def forget(connection: Connection, wishes: Sequence[Forgetting]) -> list[bool]:
    """Erase these readers, and keep of each a keyed hash, so that no import brings them back; whether each was there.

    Whoever joins again by themself and confirms is a new reader.
    """
    return [_forget(connection, wish) for wish in wishes]


def erase(connection: Connection, address: str) -> bool:
    """Erase a reader and what was said of the address; no suppression is left. False when unknown."""
    found = find_subscriber(connection, address)
    if found is None:
        return False
    _clean(connection, found.id, found.email)
    return remove_subscriber(connection, address)


def _forget(connection: Connection, wish: Forgetting) -> bool:
    asked = select(subscriber.c.email, subscriber.c.email_key).where(subscriber.c.id == wish.subscriber_id)
    row = connection.execute(asked).one_or_none()
    if row is None:
        return False
    suppressions.forget(connection, row.email_key, wish.at)
    _clean(connection, wish.subscriber_id, row.email)
    return remove_subscriber(connection, row.email)


def _clean(connection: Connection, subscriber_id: int, email: str) -> None:
    """Take the address out of what is told of deliveries."""
    spelled = re.compile(re.escape(email), re.IGNORECASE)
    for table, column in _WORDS:
        known = table.c.campaign_id.in_(select(campaign.c.id))  # makes it look-ups; there is no index by reader
        theirs = and_(known, table.c.subscriber_id == subscriber_id, column.ilike(f"%{_literal(email)}%", escape="\\"))
        key = list(table.primary_key)
        for row in connection.execute(select(column, *key).where(theirs)).all():
            this = and_(*(part == getattr(row, part.name) for part in key))
            said = spelled.sub(GONE, getattr(row, column.name))
            connection.execute(update(table).where(this).values({column.name: said}))


def _literal(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)
