"""Who of a batch still gets the message, and what it may say of them.

Reads readers and the ledger right before a batch leaves; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, literal, select

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


class Member(NamedTuple):
    """A reader as the roll of a batch has them; a tuple, because rows of SQLAlchemy find a name ten times slower."""

    id: int
    email: str
    email_key: str
    first_name: str
    last_name: str
    timezone: str
    language: str
    fields: str
    obstacle: str | None
    """Why the list itself says that they get nothing."""


@dataclass(frozen=True, kw_only=True)
class Roll:
    """A batch, called: its subscribers by id, ascending."""

    going: Mapping[int, Member]
    gone: Mapping[int, str]
    """Those who do not get it, and why."""


def call_roll(connection: Connection, held: Claim, campaign: Campaign, now: datetime) -> Roll:
    """The batch's subscribers, without those of an earlier attempt whose outcome is known.

    A batch that may have been handed over before is frozen: then only the erased are gone.
    """
    is_frozen = bool(held.first_handed_at)
    found = map(Member._make, connection.execute(_members(held, campaign, now, is_frozen)).all())
    members = {member.id: member for member in found}
    gone = {id: member.obstacle for id, member in members.items() if member.obstacle is not None}
    if not is_frozen:
        gone = _suppressed(connection, members) | _served(connection, campaign, [*members]) | gone
    return Roll(going={id: one for id, one in members.items() if id not in gone} if gone else members, gone=gone)


def _members(held: Claim, campaign: Campaign, now: datetime, is_frozen: bool) -> Any:
    apart = and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    )
    consent = and_(subscription.c.subscriber_id == subscriber.c.id, subscription.c.list == campaign.list)
    known = (subscriber.c[name] for name in Member._fields[1:-1])
    return (
        select(delivery.c.subscriber_id, *known, _obstacle(now, is_frozen))
        .join_from(delivery, subscriber, subscriber.c.id == delivery.c.subscriber_id, isouter=True)
        .outerjoin(subscription, consent)
        .outerjoin(delivery_exception, apart)
        .where(delivery.c.campaign_id == held.campaign_id, delivery.c.batch_no == held.no)
        .where(delivery_exception.c.state.is_(None))
        .order_by(delivery.c.subscriber_id)
    )


def _obstacle(now: datetime, is_frozen: bool) -> ColumnElement[str | None]:
    """Why the list itself says that a reader gets nothing; null: it does not."""
    status, paused_until = subscription.c.status, subscription.c.paused_until
    why = [
        (subscriber.c.email.is_(None), "erased"),
        (status.is_(None), "not on the list"),
        (status != "active", status),
        (paused_until > stamp(now), literal("paused until ") + func.substr(paused_until, 1, 10)),
    ]
    return case(*why[:1] if is_frozen else why)


def _suppressed(connection: Connection, members: Mapping[int, Member]) -> dict[int, str]:
    """Those who may not be mailed any more, whatever the list says."""
    reasons = suppressed(connection, [one.email_key for one in members.values() if one.email_key])
    if not reasons:
        return {}
    return {id: f"suppressed: {reasons[one.email_key]}" for id, one in members.items() if one.email_key in reasons}


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


def recipient(row: Row[Any] | Member, campaign: Campaign, links: Links) -> Recipient:
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
