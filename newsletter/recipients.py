"""Who of a batch still gets the message, and what it may say of them.

Reads readers and the ledger right before a batch leaves; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from newsletter import campaigns
from newsletter.batches import BatchState
from newsletter.campaigns import Campaign
from newsletter.deliveries import Claim
from newsletter.links import Links, Purpose
from newsletter.messages import Recipient
from newsletter.subscribers import subscriber_fields
from newsletter.suppressions import suppressed
from newsletter.tables import batch, delivery, delivery_exception, subscriber, subscription
from newsletter.times import stamp
from newsletter.tracking import FIELD, Level, track_token

_TAKEN = (BatchState.CLAIMED, BatchState.HANDED, BatchState.SETTLED, BatchState.UNKNOWN, "accepted")


@dataclass(frozen=True, kw_only=True)
class Roll:
    """A batch, called: its subscribers by id, ascending."""

    going: Mapping[int, Row[Any]]
    """Rows of the subscriber table."""
    gone: Mapping[int, str]
    """Those who do not get it, and why."""


def call_roll(connection: Connection, held: Claim, campaign: Campaign, now: datetime) -> Roll:
    """The batch's subscribers, without those of an earlier attempt whose outcome is known.

    A batch that may have been handed over before is frozen: then only the erased are gone.
    """
    rows = {row.subscriber_id: row for row in connection.execute(_members(held, campaign))}
    gone = {id: "erased" for id, row in rows.items() if row.email is None}
    if not held.first_handed_at:
        gone = _left(connection, rows, now) | _served(connection, campaign, [*rows]) | gone
    return Roll(going={id: row for id, row in rows.items() if id not in gone}, gone=gone)


def _members(held: Claim, campaign: Campaign) -> Any:
    apart = and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    )
    consent = and_(subscription.c.subscriber_id == subscriber.c.id, subscription.c.list == campaign.list)
    return (
        select(delivery.c.subscriber_id, *subscriber.c, subscription.c.status, subscription.c.paused_until)
        .join_from(delivery, subscriber, subscriber.c.id == delivery.c.subscriber_id, isouter=True)
        .outerjoin(subscription, consent)
        .outerjoin(delivery_exception, apart)
        .where(delivery.c.campaign_id == held.campaign_id, delivery.c.batch_no == held.no)
        .where(delivery_exception.c.state.is_(None))
        .order_by(delivery.c.subscriber_id)
    )


def _left(connection: Connection, rows: Mapping[int, Row[Any]], now: datetime) -> dict[int, str]:
    """Those who left the list, paused it, or may not be mailed any more."""
    reasons = suppressed(connection, [row.email_key for row in rows.values() if row.email_key])
    gone = {id: f"suppressed: {reasons[row.email_key]}" for id, row in rows.items() if row.email_key in reasons}
    resting = {id: row.paused_until for id, row in rows.items() if row.paused_until and row.paused_until > stamp(now)}
    left = {id: str(row.status or "not on the list") for id, row in rows.items() if row.status != "active"}
    return {id: f"paused until {until[:10]}" for id, until in resting.items()} | left | gone


def _served(connection: Connection, campaign: Campaign, ids: Sequence[int]) -> dict[int, str]:
    """Those who have this issue by another campaign, or may have it, or are getting it right now."""
    others = campaigns.siblings(connection, campaign)
    if not others:
        return {}
    apart = and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    )
    of_batch = and_(batch.c.campaign_id == delivery.c.campaign_id, batch.c.no == delivery.c.batch_no)
    found = (
        select(delivery.c.subscriber_id, delivery.c.campaign_id)
        .join_from(delivery, batch, of_batch)
        .outerjoin(delivery_exception, apart)
        .where(delivery.c.campaign_id.in_(others), delivery.c.subscriber_id.in_(ids))
        .where(func.coalesce(delivery_exception.c.state, batch.c.state).in_(_TAKEN))
    )
    return {id: f"has it by campaign {other}" for id, other in connection.execute(found)}


def recipient(row: Row[Any], campaign: Campaign, links: Links) -> Recipient:
    """What the message may say of this subscriber, with the reader's own links."""
    personal = personal_links(links, row.id, campaign.id, campaign.list, campaign.issue)
    fields = {**subscriber_fields(row), **personal}
    if campaign.tracking == Level.INDIVIDUAL:
        fields[FIELD] = track_token(links, row.id, campaign.id)
    return Recipient(delivery_id=f"{campaign.id}.{row.id}", email=row.email, fields=fields)


def personal_links(links: Links, subscriber_id: int, campaign_id: int, list_name: str, slug: str) -> dict[str, str]:
    """The three addresses that every message has; 0 for a reader or a campaign that there is not."""
    token = links.token(Purpose.READER, subscriber_id, campaign_id, list_name)
    return {
        "unsubscribe_url": links.unsubscribe_url(token),
        "preferences_url": links.preferences_url(token),
        "web_url": links.web_url(slug),
    }
