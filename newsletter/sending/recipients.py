"""Who of a batch still gets the message, and what it may say of them.

Reads readers and the ledger right before a batch leaves; writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    select,
)

from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import Campaign, sibling_campaigns
from newsletter.campaigns.deliveries import Claim
from newsletter.campaigns.tracking import FIELD, Level, track_token
from newsletter.database.bulk import read_as
from newsletter.database.tables import batch, delivery, delivery_exception, subscriber, subscription, suppression
from newsletter.messages.fragments import TOKEN
from newsletter.messages.types import Recipient
from newsletter.signed_links import Links, Purpose
from newsletter.subscribers.subscriber import subscriber_fields
from newsletter.subscribers.suppressions import suppressed_by_hash
from newsletter.times import stamp

_CERTAIN = (BatchState.SETTLED, "accepted")
_TAKEN = (BatchState.CLAIMED, BatchState.HANDED, BatchState.UNKNOWN, *_CERTAIN)


class RecipientRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reader as the roll of a batch has them."""

    id: int
    email: str
    """Empty, as all that follows, when the reader was erased."""
    email_key: str
    first_name: str
    last_name: str
    timezone: str
    language: str
    fields: str
    obstacle: str | None
    """Why the list itself says that they get nothing."""
    suppressed: str | None
    """Why they may not be mailed any more, whatever the list says."""


@dataclass(frozen=True, kw_only=True)
class BatchRecipients:
    """A batch, called: its subscribers by id, ascending."""

    going: Mapping[int, RecipientRow]
    gone: Mapping[int, str]
    """Those who do not get it, and why."""


def load_recipients(connection: Connection, held: Claim, campaign: Campaign, now: datetime) -> BatchRecipients:
    """The batch's subscribers, without those of an earlier attempt whose outcome is known.

    A batch that may have been handed over before is frozen: then only the erased are gone.
    """
    is_frozen = bool(held.first_handed_at)
    asked = {"its": held.campaign_id, "number": held.no, "the_list": campaign.list, "now": stamp(now)}
    members = {one.id: one for one in read_as(connection, _members(is_frozen), RecipientRow, asked)}
    gone = {id: one.obstacle for id, one in members.items() if one.obstacle is not None}
    if not is_frozen:
        gone = _suppressed(connection, members) | _served(connection, campaign, members) | gone
    return BatchRecipients(
        going={id: one for id, one in members.items() if id not in gone} if gone else members, gone=gone
    )


@cache
def _members(is_frozen: bool) -> Select[Any]:
    """Made once: SQLAlchemy takes longer to put it together than SQLite to find a hundred readers."""
    its, number = bindparam("its", type_=Integer), bindparam("number", type_=Integer)
    apart = and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    )
    to = subscription.c.list == bindparam("the_list", type_=Text)
    known = (func.coalesce(subscriber.c[name], "").label(name) for name in RecipientRow.__struct_fields__[1:-2])
    return (
        select(delivery.c.subscriber_id, *known, _obstacle(is_frozen).label("obstacle"), suppression.c.reason)
        .join_from(delivery, subscriber, subscriber.c.id == delivery.c.subscriber_id, isouter=True)
        .outerjoin(subscription, and_(subscription.c.subscriber_id == subscriber.c.id, to))
        .outerjoin(delivery_exception, apart)
        .outerjoin(suppression, suppression.c.email_key == subscriber.c.email_key)
        .where(delivery.c.campaign_id == its, delivery.c.batch_no == number)
        .where(delivery_exception.c.state.is_(None))
        .order_by(delivery.c.subscriber_id)
    )


def _obstacle(is_frozen: bool) -> ColumnElement[str | None]:
    """Why the list itself says that a reader gets nothing; null: it does not."""
    status, paused_until = subscription.c.status, subscription.c.paused_until
    why = [
        (subscriber.c.email.is_(None), "erased"),
        (status.is_(None), "not on the list"),
        (status != "active", status),
        (paused_until > bindparam("now", type_=Text), literal("paused until ") + func.substr(paused_until, 1, 10)),
    ]
    return case(*why[:1] if is_frozen else why)


def _suppressed(connection: Connection, members: Mapping[int, RecipientRow]) -> dict[int, str]:
    """Those who may not be mailed any more, whatever the list says."""
    hashed = suppressed_by_hash(connection, lambda: [one.email_key for one in members.values() if one.email_key])
    plain = {id: one.suppressed for id, one in members.items() if one.suppressed}
    by_hash = {id: hashed[one.email_key] for id, one in members.items() if one.email_key in hashed} if hashed else {}
    return {id: f"suppressed: {reason}" for id, reason in (by_hash | plain).items()}


def _served(connection: Connection, campaign: Campaign, ids: Collection[int]) -> dict[int, str]:
    """Those who have this issue by another campaign, or may have it, or are getting it right now."""
    others = sibling_campaigns(connection, campaign)
    if not others:
        return {}
    apart = and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    )
    of_batch = and_(batch.c.campaign_id == delivery.c.campaign_id, batch.c.no == delivery.c.batch_no)
    state = func.coalesce(delivery_exception.c.state, batch.c.state)
    found = (
        select(delivery.c.subscriber_id, delivery.c.campaign_id, state)
        .join_from(delivery, batch, of_batch)
        .outerjoin(delivery_exception, apart)
        .where(delivery.c.campaign_id.in_(others), delivery.c.subscriber_id.in_(ids))
        .where(state.in_(_TAKEN))
    )
    return {
        id: f"{'has' if became in _CERTAIN else 'may have'} it by campaign {other}"
        for id, other, became in connection.execute(found)
    }


def recipients(members: Iterable[RecipientRow], campaign: Campaign, links: Links) -> tuple[Recipient, ...]:
    """What the messages may say of these readers, with their own links."""
    everyone = [*members]
    ids = [member.id for member in everyone]
    tokens = links.tokens(Purpose.READER, ids, campaign.id, campaign.list)
    leave, prefer, web = links.unsubscribe_url(""), links.preferences_url(""), links.web_url(campaign.issue)
    tracked, its = campaign.tracking == Level.INDIVIDUAL, f"{campaign.id}."
    found = []
    for id, member, token in zip(ids, everyone, tokens, strict=True):
        fields = subscriber_fields(member)
        fields[TOKEN] = token
        fields["unsubscribe_url"] = leave + token
        fields["preferences_url"] = prefer + token
        fields["web_url"] = web
        if tracked:
            fields[FIELD] = track_token(links, id, campaign.id)
        found.append(Recipient(delivery_id=f"{its}{id}", email=member.email, fields=fields))
    return tuple(found)


def addresses(links: Links, slug: str) -> dict[str, str]:
    """The three addresses that every message has, for a `Mailing` to `recipients`."""
    return {
        "unsubscribe_url": links.unsubscribe_url("{}"),
        "preferences_url": links.preferences_url("{}"),
        "web_url": links.web_url(slug),
    }


def personal_links(links: Links, subscriber_id: int, campaign_id: int, list_name: str, slug: str) -> dict[str, str]:
    """The same with one reader's token; 0 for a reader or a campaign that there is not."""
    token = links.token(Purpose.READER, subscriber_id, campaign_id, list_name)
    return {name: url.replace("{}", token) for name, url in addresses(links, slug).items()}
