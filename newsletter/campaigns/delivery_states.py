"""Define a delivery's state: its batch's, unless an exception says otherwise. Read only.

DELIVERIES joins the three tables of the ledger, and STATE is the state of each row. Every question about single
deliveries starts from these two; questions about whole batches use STATE_OF_BATCH.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Text, and_, case, func, literal_column

from newsletter.campaigns.batch_states import BatchState
from newsletter.database.tables import batch, delivery, delivery_exception, is_in

STATES = ("queued", "handed", "accepted", "rejected", "unknown", "skipped")
"""The states of a delivery, in the order in which they are shown."""


def _text(state: str) -> ColumnElement[str]:
    return literal_column(f"'{state}'", type_=Text)  # spelled out, so that SQLite sees one expression in GROUP BY


_IS_WAITING = is_in(BatchState.QUEUED, BatchState.CLAIMED)
STATE_OF_BATCH = case(
    (batch.c.state == _text(BatchState.SETTLED), _text("accepted")),  # first: nearly every batch ends so
    # It waits for the same call to be made again under its key: the first call may have sent it.
    (and_(_IS_WAITING, batch.c.first_handed_at.is_not(None)), _text("handed")),
    (_IS_WAITING, _text("queued")),
    (batch.c.state == _text(BatchState.CANCELLED), _text("skipped")),
    else_=batch.c.state,
)
"""The state of a batch's deliveries that have no exception."""
STATE = func.coalesce(delivery_exception.c.state, STATE_OF_BATCH)
"""The state of a delivery, in a select from DELIVERIES."""

DELIVERIES = delivery.outerjoin(  # always has one; a question that needs none of its columns then costs none
    batch, and_(batch.c.campaign_id == delivery.c.campaign_id, batch.c.no == delivery.c.batch_no)
).outerjoin(
    delivery_exception,
    and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    ),
)
"""A row per delivery: with its batch, and with its exception if it has one."""
EXCEPTIONS = delivery_exception.join(
    batch, and_(batch.c.campaign_id == delivery_exception.c.campaign_id, batch.c.no == delivery_exception.c.batch_no)
)
"""A row per exception, with its batch: far fewer rows than DELIVERIES."""
