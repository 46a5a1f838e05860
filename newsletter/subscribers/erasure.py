"""Erase readers from every table that knows them.

The ledger's rows stay, with an id that belongs to nobody any more; the address is taken out of the providers' words
in it. Calls of providers that are kept as they came are looked through afterwards (`events/erased_calls.py`). A reader
who asked to be forgotten leaves a keyed hash in the suppressions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, insert, select, update

from newsletter.addresses import address_key
from newsletter.config import EventKind
from newsletter.database.program_tables import erased_reader, webhook_call
from newsletter.database.tables import campaign, delivery_exception, delivery_note, subscriber, subscription
from newsletter.outbound import queue
from newsletter.outbound.queue import Happening
from newsletter.subscribers import suppressions
from newsletter.subscribers.subscriber import find_subscriber, remove_subscriber
from newsletter.times import utc_now

GONE = "(erased)"
"""The text that replaces the address."""
_WORDS: Sequence[tuple[Table, Column[Any]]] = (
    (delivery_exception, delivery_exception.c.detail),
    (delivery_note, delivery_note.c.what),
)
"""The columns that keep a provider's words about one reader."""


@dataclass(frozen=True, kw_only=True)
class ErasureRequest:
    """A reader's request to be forgotten."""

    subscriber_id: int
    at: datetime


def forget(connection: Connection, requests: Sequence[ErasureRequest]) -> list[bool]:
    """Erase these readers, but keep a keyed hash of each address; return whether each reader was there.

    The hash is a suppression, so no import brings them back. A reader who joins again and confirms is a new reader.
    """
    return [_forget(connection, request) for request in requests]


def erase(connection: Connection, address: str, now: datetime | None = None) -> bool:
    """Erase a reader without leaving a suppression; return False when the address is unknown."""
    reader = find_subscriber(connection, address)
    if reader is None:
        return False
    _clean_ledger(connection, reader.id, reader.email)
    _tell(connection, reader.id, reader.email, now or utc_now())
    _ask_to_clean_calls(connection, reader.id, reader.email)
    return remove_subscriber(connection, address, now)


def _forget(connection: Connection, request: ErasureRequest) -> bool:
    address = select(subscriber.c.email, subscriber.c.email_key).where(subscriber.c.id == request.subscriber_id)
    row = connection.execute(address).one_or_none()
    if row is None:
        return False
    _clean_ledger(connection, request.subscriber_id, row.email)
    _tell(connection, request.subscriber_id, row.email, request.at)
    _ask_to_clean_calls(connection, request.subscriber_id, row.email)
    removed = remove_subscriber(connection, row.email, request.at)
    suppressions.forget(connection, row.email_key, request.at)
    return removed


def _tell(connection: Connection, subscriber_id: int, email: str, at: datetime) -> None:
    """Queue for other programs that the reader left every list, and forget what could not be told before."""
    key = address_key(email)
    queue.forget(connection, key)
    if not queue.is_wanted(connection, EventKind.UNSUBSCRIBED):
        return
    here = (subscription.c.subscriber_id == subscriber_id) & (subscription.c.status != "unsubscribed")
    lists = connection.scalars(select(subscription.c.list).where(here).order_by(subscription.c.list)).all()
    facts = {"email": email, "status": "unsubscribed", "source": "erased"}
    told = [Happening(EventKind.UNSUBSCRIBED, key, {**facts, "list": name}) for name in lists]
    queue.tell(connection, told, at)


def _clean_ledger(connection: Connection, subscriber_id: int, email: str) -> None:
    """Replace the address, in any case, in the providers' words about this reader's deliveries."""
    address = re.compile(re.escape(email), re.IGNORECASE)
    for table, column in _WORDS:
        # The tables have no index by reader; with the campaigns named, the primary key is looked up once for each.
        known = table.c.campaign_id.in_(select(campaign.c.id))
        mentions = and_(
            known, table.c.subscriber_id == subscriber_id, column.ilike(f"%{_literal(email)}%", escape="\\")
        )
        key = list(table.primary_key)
        for row in connection.execute(select(column, *key).where(mentions)).all():
            this = and_(*(part == getattr(row, part.name) for part in key))
            cleaned = address.sub(GONE, getattr(row, column.name))
            connection.execute(update(table).where(this).values({column.name: cleaned}))


def _ask_to_clean_calls(connection: Connection, subscriber_id: int, email: str) -> None:
    """Note the reader until the kept calls are looked through; where none are kept, there is nothing to note."""
    if connection.execute(select(webhook_call.c.id).limit(1)).first() is not None:
        row = {"subscriber_id": subscriber_id, "email_key": address_key(email)}
        connection.execute(insert(erased_reader), [row])


def _literal(text: str) -> str:
    """Escape what LIKE takes for a pattern."""
    return re.sub(r"([\\%_])", r"\\\1", text)
