"""Retries: deliveries that a person sends on once more, in new batches under new keys.

Moves them in the ledger, and keeps what happened before as notes. Whether they may be sent again is
decided elsewhere: by the provider's word (`retryable`), or by a person about the unknown.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, func, insert, select, update

from newsletter.campaigns.audience import write_batches
from newsletter.database.tables import batch, delivery, delivery_exception, delivery_note
from newsletter.providers.base import Outcome
from newsletter.times import stamp


def retryable(connection: Connection, campaign_id: int) -> int:
    """How many were rejected for a reason that may have gone away."""
    found = select(func.count()).select_from(delivery_exception).where(_retryable(campaign_id))
    return int(connection.execute(found).scalar_one())


def retry(connection: Connection, campaign_id: int, size: int, now: datetime) -> int:
    """Queue the `retryable` again, in new batches of `size`; how many."""
    return _again(connection, campaign_id, _retryable(campaign_id), size, now, "queued again by a retry")


DOUBTFUL = "queued again, whether it was sent or not"
"""What is noted of those who may get it twice."""


def queue_unknown(connection: Connection, campaign_id: int, size: int, now: datetime, no: int | None = None) -> int:
    """Queue again, in new batches of `size`, those who are unknown one by one, of batch `no` or all; how many."""
    unknown = and_(delivery_exception.c.campaign_id == campaign_id, delivery_exception.c.state == Outcome.UNKNOWN)
    if no is not None:
        unknown = and_(unknown, delivery_exception.c.batch_no == no)
    return _again(connection, campaign_id, unknown, size, now, DOUBTFUL)


def _again(
    connection: Connection, campaign_id: int, which: ColumnElement[bool], size: int, now: datetime, why: str
) -> int:
    of_batch = (batch.c.campaign_id == delivery_exception.c.campaign_id) & (batch.c.no == delivery_exception.c.batch_no)
    before = (batch.c.enqueued_at, batch.c.first_handed_at, batch.c.provider)
    asked = select(delivery_exception, *before).join(batch, of_batch).where(which)
    rows = connection.execute(asked.order_by(delivery_exception.c.subscriber_id)).all()
    for row in rows:
        _keep(connection, row, why, now)
        this = (batch.c.campaign_id == campaign_id) & (batch.c.no == row.batch_no)
        connection.execute(update(batch).where(this).values(size=batch.c.size - 1))
    connection.execute(delete(delivery_exception).where(which))
    _move(connection, campaign_id, [row.subscriber_id for row in rows], size, now)
    return len(rows)


def _move(connection: Connection, campaign_id: int, ids: list[int], size: int, now: datetime) -> None:
    if not ids:
        return
    gone = delete(delivery).where(delivery.c.campaign_id == campaign_id, delivery.c.subscriber_id == bindparam("who"))
    connection.execute(gone, [{"who": id} for id in ids])
    write_batches(connection, campaign_id, ids, size, now)


def _retryable(campaign_id: int) -> ColumnElement[bool]:
    rejected = and_(delivery_exception.c.state == Outcome.REJECTED, delivery_exception.c.retryable)
    return and_(delivery_exception.c.campaign_id == campaign_id, rejected)


def _keep(connection: Connection, row: Row[Any], why: str, now: datetime) -> None:
    """What happened to a reader's copy so far, as notes."""
    said = f"{row.state}: {row.detail}" if row.detail else row.state
    happened = [
        (row.enqueued_at, f"enqueued in batch {row.batch_no}"),
        (row.first_handed_at, f"handed to {row.provider}"),
        (row.at, said),
        (stamp(now), why),
    ]
    of_reader = {"campaign_id": row.campaign_id, "subscriber_id": row.subscriber_id}
    this = and_(*(delivery_note.c[name] == value for name, value in of_reader.items()))
    last = connection.execute(select(func.coalesce(func.max(delivery_note.c.no), 0)).where(this)).scalar_one()
    notes = [{"at": at, "what": what} for at, what in happened if at]
    rows = [{**of_reader, "no": no, **note} for no, note in enumerate(notes, start=last + 1)]
    connection.execute(insert(delivery_note), rows)
