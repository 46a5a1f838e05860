"""Holdings: everything that is kept of one reader, for the reader who asks (GDPR, articles 15 and 20).

Reads, and writes nothing. A table that holds something of readers has its part here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from newsletter.addresses import address_key
from newsletter.campaigns import delivery_history
from newsletter.campaigns.campaign import get_campaign
from newsletter.database.tables import campaign, delivery, event, signup, subscriber, transactional_message
from newsletter.subscribers import suppressions
from newsletter.subscribers.subscriber import get_subscriber


def holdings(connection: Connection, subscriber_id: int, now: datetime) -> dict[str, Any] | None:
    """All of it, as JSON; None for nobody."""
    reader = get_subscriber(connection, subscriber_id)
    if reader is None:
        return None
    asked = select(subscriber.c.created_at, subscriber.c.updated_at).where(subscriber.c.id == subscriber_id)
    since, changed = connection.execute(asked).one()
    key = address_key(reader.email)
    return {
        **reader.as_json(now),
        "number": reader.id,
        "since": since,
        "changed": changed,
        "suppressed": suppressions.suppressed(connection, [key]).get(key),
        "signups": _rows(connection, signup, reader.id),
        "letters": _rows(connection, transactional_message, reader.id),
        "events": _rows(connection, event, reader.id),
        "deliveries": _deliveries(connection, reader.id, reader.email),
    }


def _rows(connection: Connection, table: Table, subscriber_id: int) -> list[dict[str, Any]]:
    """What a table has of the reader, as it stands there."""
    asked = select(table).where(table.c.subscriber_id == subscriber_id).order_by(table.c.id)
    return [{**row} for row in connection.execute(asked).mappings()]


def _deliveries(connection: Connection, subscriber_id: int, email: str) -> list[dict[str, Any]]:
    """What was sent, the oldest first; as `newsletter why --json` prints it."""
    # Naming the campaigns makes it a look-up for each; the ledger has no index by reader.
    asked = select(delivery.c.campaign_id).where(delivery.c.campaign_id.in_(select(campaign.c.id)))
    asked = asked.where(delivery.c.subscriber_id == subscriber_id)
    found = []
    for id in connection.scalars(asked.order_by(delivery.c.campaign_id)).all():
        one = get_campaign(connection, id)
        told = delivery_history.story(connection, one, subscriber_id)
        if told:
            found.append({"subject": one.subject, **told.as_json(email, one)})
    return found
