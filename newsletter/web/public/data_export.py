"""Collect everything that is kept of one reader, for the reader who asks for it (GDPR, articles 15 and 20).

Only reads. A new table that holds something of readers gets its part here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from newsletter.campaigns import delivery_history
from newsletter.campaigns.campaign import get_campaign
from newsletter.database.tables import campaign, delivery, event, signup, subscriber, transactional_message
from newsletter.subscribers import suppressions
from newsletter.subscribers.evidence import without_tokens
from newsletter.subscribers.subscriber import get_subscriber


def reader_data(connection: Connection, subscriber_id: int, now: datetime) -> dict[str, Any] | None:
    """Return all that is kept of a reader, ready for JSON; None when there is no such reader."""
    reader = get_subscriber(connection, subscriber_id)
    if reader is None:
        return None
    times = select(subscriber.c.created_at, subscriber.c.updated_at).where(subscriber.c.id == subscriber_id)
    since, changed = connection.execute(times).one()
    # Suppressions are kept by address, not by reader.
    barred = suppressions.find(connection, reader.email)
    return {
        **reader.as_json(now),
        "number": reader.id,
        "since": since,
        "changed": changed,
        "suppressed": barred.as_json() if barred else None,
        "signups": _rows(connection, signup, reader.id),
        "letters": _rows(connection, transactional_message, reader.id),
        "events": _rows(connection, event, reader.id),
        "deliveries": _deliveries(connection, reader.id, reader.email),
    }


def _rows(connection: Connection, table: Table, subscriber_id: int) -> list[dict[str, Any]]:
    """Return a table's rows of the reader, column by column; without tokens that earlier versions kept."""
    query = select(table).where(table.c.subscriber_id == subscriber_id).order_by(table.c.id)
    rows = connection.execute(query).mappings()
    return [{name: _clean(value) for name, value in row.items()} for row in rows]


def _clean(value: Any) -> Any:
    return without_tokens(value) if isinstance(value, str) else value


def _deliveries(connection: Connection, subscriber_id: int, email: str) -> list[dict[str, Any]]:
    """Return what was sent to the reader, the oldest first, as `newsletter why --json` prints it."""
    # Naming the campaigns makes it a look-up for each; the ledger has no index by reader.
    query = select(delivery.c.campaign_id).where(delivery.c.campaign_id.in_(select(campaign.c.id)))
    query = query.where(delivery.c.subscriber_id == subscriber_id)
    deliveries = []
    for campaign_id in connection.scalars(query.order_by(delivery.c.campaign_id)).all():
        sent = get_campaign(connection, campaign_id)
        history = delivery_history.read_history(connection, sent, subscriber_id)
        if history:
            deliveries.append({"subject": sent.subject, **history.as_json(email, sent)})
    return deliveries
