"""Read who of a batch is sent the message, and what it may say of them. Read only.

This is done right before a batch leaves, and again while its messages leave one by one: readers may have left since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

import msgspec
from sqlalchemy import (
    BigInteger,
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
    or_,
    select,
)
from sqlalchemy import cast as sql_cast

from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import Campaign
from newsletter.campaigns.campaign_queries import sibling_campaigns
from newsletter.campaigns.claims import Claim
from newsletter.campaigns.delivery_states import DELIVERIES, STATE
from newsletter.campaigns.tracking import FIELD, Level, track_token
from newsletter.config.fields import BUILT_IN
from newsletter.database.bulk import read_as
from newsletter.database.tables import batch, delivery, delivery_exception, subscriber, subscription, suppression
from newsletter.messages.fragments import TOKEN
from newsletter.messages.types import Recipient
from newsletter.signed_links import Links, Purpose
from newsletter.subscribers.subscriber import subscriber_fields
from newsletter.subscribers.suppressions import suppressed_by_hash
from newsletter.times import stamp


class RecipientRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A subscriber of a batch, as the database has them now."""

    id: int
    email: str
    """Empty, like all columns of the reader, when the reader was erased."""
    email_key: str
    fields: str
    link_key: str
    """The key in the reader's links."""
    obstacle: str | None
    """Why the list itself says that they get nothing."""
    suppressed: str | None
    """Why they may not be mailed any more, whatever the list says."""


_columns = [(name, str) for name in BUILT_IN]
FULL_ROW = cast(
    "type[RecipientRow]",
    msgspec.defstruct("FullRecipientRow", _columns, bases=(RecipientRow,), frozen=True, array_like=True, gc=False),
)
"""A RecipientRow followed by the built-in fields of READER_COLUMNS."""


_READER_COLUMNS = ("email", "email_key", "fields", "link_key", *BUILT_IN)


@dataclass(frozen=True, kw_only=True)
class BatchRecipients:
    """The subscribers of a batch, by id, ascending: who is sent the message, and who is skipped."""

    to_send: Mapping[int, RecipientRow]
    to_skip: Mapping[int, str]
    """The reason of each."""


def load_recipients(connection: Connection, claim: Claim, campaign: Campaign, now: datetime) -> BatchRecipients:
    """Read a batch's subscribers, without those of an earlier attempt whose outcome is known.

    A batch that may have been handed over before is frozen: of it only the erased are skipped.
    """
    is_frozen = bool(claim.first_handed_at)
    parameters = {"campaign": claim.campaign_id, "batch": claim.no, "list": campaign.list, "now": stamp(now)}
    rows = {row.id: row for row in read_as(connection, _rows(is_frozen), FULL_ROW, parameters)}
    to_skip = {id: row.obstacle for id, row in rows.items() if row.obstacle is not None}
    if not is_frozen:
        to_skip = _suppressed(connection, rows) | _served(connection, campaign, rows) | to_skip
    to_send = {id: row for id, row in rows.items() if id not in to_skip} if to_skip else rows
    return BatchRecipients(to_send=to_send, to_skip=to_skip)


class WindowRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A subscriber of a batch, with nothing but whether they may still be mailed."""

    id: int
    email_key: str
    obstacle: str | None
    suppressed: str | None


def departed(connection: Connection, claim: Claim, list_name: str, ids: Sequence[int], now: datetime) -> dict[int, str]:
    """Return those of `ids` who left while their batch is going out, or are not to be mailed, each with the reason.

    `ids` are neighbours in the batch, ascending. The segment is that of the enqueueing: nobody leaves it meanwhile.
    """
    window = {"first": ids[0], "last": ids[-1]}
    parameters = {"campaign": claim.campaign_id, "batch": claim.no, "list": list_name, "now": stamp(now), **window}
    is_frozen = bool(claim.first_handed_at)
    rows = {row.id: row for row in read_as(connection, _window(is_frozen), WindowRow, parameters)}
    suppressed = {} if is_frozen else _suppressed(connection, rows)
    return suppressed | {id: row.obstacle for id, row in rows.items() if row.obstacle is not None}


@cache
def _window(is_frozen: bool) -> Select[Any]:
    bounds = (bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger))
    rows = _rows(is_frozen).where(delivery.c.subscriber_id.between(*bounds))
    return rows.with_only_columns(*(rows.selected_columns[name] for name in WindowRow.__struct_fields__))


@cache
def _rows(is_frozen: bool) -> Select[Any]:
    # Made once: SQLAlchemy takes longer to put it together than SQLite to find a hundred readers.
    on_list = and_(
        subscription.c.subscriber_id == subscriber.c.id, subscription.c.list == bindparam("list", type_=Text)
    )
    columns: dict[str, ColumnElement[Any]] = {
        "id": delivery.c.subscriber_id,
        "obstacle": _obstacle(is_frozen),
        "suppressed": suppression.c.reason,
        **{name: func.coalesce(sql_cast(subscriber.c[name], Text), "") for name in _READER_COLUMNS},
    }
    return (
        select(*(columns[name].label(name) for name in FULL_ROW.__struct_fields__))
        .select_from(
            DELIVERIES.outerjoin(subscriber, subscriber.c.id == delivery.c.subscriber_id)
            .outerjoin(subscription, on_list)
            .outerjoin(suppression, suppression.c.email_key == subscriber.c.email_key)
        )
        .where(delivery.c.campaign_id == bindparam("campaign", type_=Integer))
        .where(delivery.c.batch_no == bindparam("batch", type_=Integer))
        .where(delivery_exception.c.state.is_(None))
        .order_by(delivery.c.subscriber_id)
    )


def _obstacle(is_frozen: bool) -> ColumnElement[str | None]:
    """Return why the list itself says that a reader gets nothing; null when it does not."""
    status, paused_until = subscription.c.status, subscription.c.paused_until
    reasons = [
        (subscriber.c.email.is_(None), "erased"),
        (status.is_(None), "not on the list"),
        (status != "active", status),
        (paused_until > bindparam("now", type_=Text), literal("paused until ") + func.substr(paused_until, 1, 10)),
    ]
    return case(*reasons[:1] if is_frozen else reasons)


def _suppressed(connection: Connection, rows: Mapping[int, RecipientRow | WindowRow]) -> dict[int, str]:
    """Return those who may not be mailed any more, whatever the list says."""
    hashed = suppressed_by_hash(connection, lambda: [row.email_key for row in rows.values() if row.email_key])
    plain = {id: row.suppressed for id, row in rows.items() if row.suppressed}
    by_hash = {id: hashed[row.email_key] for id, row in rows.items() if row.email_key in hashed} if hashed else {}
    return {id: f"suppressed: {reason}" for id, reason in (by_hash | plain).items()}


def _served(connection: Connection, campaign: Campaign, ids: Collection[int]) -> dict[int, str]:
    """Return those who have this issue by another campaign, may have it, or are about to be sent it."""
    siblings = sibling_campaigns(connection, campaign)
    if not siblings:
        return {}
    is_claimed = and_(delivery_exception.c.state.is_(None), batch.c.state == BatchState.CLAIMED)
    rows = (
        select(delivery.c.subscriber_id, delivery.c.campaign_id, STATE)
        .select_from(DELIVERIES)
        .where(delivery.c.campaign_id.in_(siblings), delivery.c.subscriber_id.in_(ids))
        .where(or_(STATE.in_(("handed", "accepted", "unknown")), is_claimed))
    )
    return {
        id: f"{'has' if state == 'accepted' else 'may have'} it by campaign {sibling}"
        for id, sibling, state in connection.execute(rows)
    }


def recipients(rows: Iterable[RecipientRow], campaign: Campaign, links: Links) -> tuple[Recipient, ...]:
    """Return what the messages may say of these readers, with each one's own links."""
    readers = [*rows]
    named = [(reader.id, reader.link_key) for reader in readers]
    tokens = links.tokens(Purpose.READER, named, campaign.id, campaign.list)
    unsubscribe, preferences = links.unsubscribe_url(""), links.preferences_url("")
    web = links.web_url(campaign.issue)
    is_tracked, prefix = campaign.tracking == Level.INDIVIDUAL, f"{campaign.id}."
    result = []
    for (id, key), reader, token in zip(named, readers, tokens, strict=True):
        fields = subscriber_fields(reader)
        fields[TOKEN] = token
        fields["unsubscribe_url"] = unsubscribe + token
        fields["preferences_url"] = preferences + token
        fields["web_url"] = web
        if is_tracked:
            fields[FIELD] = track_token(links, id, campaign.id, key, campaign.key)
        result.append(Recipient(delivery_id=f"{prefix}{id}", email=reader.email, fields=fields))
    return tuple(result)


def addresses(links: Links, slug: str) -> dict[str, str]:
    """Return the three addresses that every message has, for a `Mailing` to `recipients`."""
    return {
        "unsubscribe_url": links.unsubscribe_url("{}"),
        "preferences_url": links.preferences_url("{}"),
        "web_url": links.web_url(slug),
    }


def personal_links(
    links: Links, reader: tuple[int, str], campaign_id: int, list_name: str, slug: str
) -> dict[str, str]:
    """Return those addresses with the token of one reader, given by id and link key; ids of 0 stand for none."""
    token = links.token(Purpose.READER, reader[0], campaign_id, list_name, reader[1])
    return {name: url.replace("{}", token) for name, url in addresses(links, slug).items()}
