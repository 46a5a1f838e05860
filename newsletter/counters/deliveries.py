"""Count a campaign's audience, and the messages that a provider took, by mailbox provider.

A delivery counts as accepted when its exception says so, or, having none, when its batch is settled: the rule of
`campaigns/delivery_states.py`. `campaigns/ledger.py` calls these functions beside each of its writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
)

from newsletter.counters.mailboxes import ERASED, by_mailbox, counted_as, domain_column, domain_of
from newsletter.counters.table import ACCEPTED, ACCEPTED_BY_MAILBOX, AUDIENCE, Key, add
from newsletter.database.bulk import among
from newsletter.database.tables import batch, campaign, delivery, delivery_exception, mail_domain, subscriber

LEDGER = delivery.join(
    batch, and_(batch.c.campaign_id == delivery.c.campaign_id, batch.c.no == delivery.c.batch_no)
).outerjoin(
    delivery_exception,
    and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    ),
)
"""A row per delivery, with its batch, and with its exception if it has one."""
_DELIVERIES = LEDGER.outerjoin(subscriber, subscriber.c.id == delivery.c.subscriber_id)
IS_ACCEPTED = or_(
    delivery_exception.c.state == "accepted",
    and_(delivery_exception.c.state.is_(None), batch.c.state == literal_column("'settled'")),
)
"""The condition that a row of LEDGER was taken by the provider."""


def audience(connection: Connection, campaign_id: int, more: int) -> None:
    """Count deliveries that were written, or with a negative number deleted."""
    add(connection, {(AUDIENCE, campaign_id, ""): more})


def settled(connection: Connection, campaign_id: int, batch_no: int) -> None:
    """Count the deliveries of a batch that was settled just now: those without an exception."""
    rows = connection.execute(_settled(connection.dialect.name), {"campaign": campaign_id, "batch": batch_no})
    changes = Counter[Key]()
    for domain, has_own, number in rows:
        changes[ACCEPTED, campaign_id, ""] += number
        changes[ACCEPTED_BY_MAILBOX, campaign_id, counted_as(domain, has_own=bool(has_own))] += number
    add(connection, changes)


def excepted(connection: Connection, campaign_id: int, batch_no: int, states: Mapping[int, str]) -> None:
    """Count exceptions, a state by subscriber, that were written to a batch just now."""
    this = and_(batch.c.campaign_id == campaign_id, batch.c.no == batch_no)
    is_settled = connection.execute(select(batch.c.state).where(this)).scalar() == "settled"
    changed = [id for id, state in states.items() if (state == "accepted") != is_settled]
    _count_readers(connection, campaign_id, changed, sign=-1 if is_settled else 1)


def resolved(connection: Connection, campaign_id: int, subscriber_ids: Collection[int]) -> None:
    """Count unknown deliveries that are about to be accepted; others of these subscribers are passed over."""
    own = delivery_exception.c
    unknown = select(own.subscriber_id).where(
        own.campaign_id == campaign_id,
        own.state == "unknown",
        among(connection, own.subscriber_id, [*subscriber_ids]),
    )
    _count_readers(connection, campaign_id, connection.scalars(unknown).all(), sign=1)


def forget_reader(connection: Connection, subscriber_id: int) -> None:
    """Count the messages that an erased reader was sent for nobody's mailbox provider; the totals stay."""
    address = connection.execute(select(subscriber.c.email_key).where(subscriber.c.id == subscriber_id)).scalar_one()
    (mailbox,) = by_mailbox(connection, {domain_of(address): 1})
    # The primary key is looked up once for each campaign; the table has no index by reader.
    mine = and_(delivery.c.campaign_id.in_(select(campaign.c.id)), delivery.c.subscriber_id == subscriber_id)
    rows = select(delivery.c.campaign_id).select_from(_DELIVERIES).where(mine, IS_ACCEPTED)
    changes = Counter[Key]()
    for campaign_id in connection.scalars(rows).all():
        changes[ACCEPTED_BY_MAILBOX, campaign_id, mailbox] -= 1
        changes[ACCEPTED_BY_MAILBOX, campaign_id, ERASED] += 1
    add(connection, changes)


def accepted_by_domain(connection: Connection, campaign_id: int) -> dict[str, int]:
    """Count a campaign's accepted messages by address domain, reading every delivery."""
    return _by_domain(connection, and_(delivery.c.campaign_id == campaign_id, IS_ACCEPTED))


def _count_readers(connection: Connection, campaign_id: int, ids: Collection[int], *, sign: int) -> None:
    if not ids:
        return
    rows = select(subscriber.c.email_key).where(among(connection, subscriber.c.id, [*ids]))
    domains = Counter(map(domain_of, connection.scalars(rows)))
    domains[ERASED] = len(ids) - domains.total()
    _add(connection, campaign_id, domains, sign)


@cache
def _settled(dialect: str) -> Select[Any]:
    # Made once, and one statement: it is run for every batch, and SQLAlchemy takes longer to make it than SQLite to
    # run it.
    excepted = and_(
        delivery_exception.c.campaign_id == delivery.c.campaign_id,
        delivery_exception.c.subscriber_id == delivery.c.subscriber_id,
    )
    domain = case((subscriber.c.email_key.is_(None), ""), else_=domain_column(dialect, subscriber.c.email_key))
    domains = (
        select(domain.label("domain"))
        .select_from(
            delivery.outerjoin(delivery_exception, excepted).outerjoin(
                subscriber, subscriber.c.id == delivery.c.subscriber_id
            )
        )
        .where(delivery.c.campaign_id == bindparam("campaign", type_=Integer))
        .where(delivery.c.batch_no == bindparam("batch", type_=Integer))
        .where(delivery_exception.c.state.is_(None))
        .subquery()
    )
    has_own = exists().where(mail_domain.c.domain == domains.c.domain)
    return select(domains.c.domain, case((has_own, 1), else_=0), func.count()).group_by(domains.c.domain)


def _by_domain(connection: Connection, where: ColumnElement[bool]) -> dict[str, int]:
    domain = case(
        (subscriber.c.email_key.is_(None), ""), else_=domain_column(connection.dialect.name, subscriber.c.email_key)
    )
    domains = select(domain.label("domain")).select_from(_DELIVERIES).where(where).subquery()
    rows = select(domains.c.domain, func.count()).group_by(domains.c.domain)
    return {name: int(number) for name, number in connection.execute(rows)}


def _add(connection: Connection, campaign_id: int, by_domain: Mapping[str, int], sign: int) -> None:
    changes = Counter[Key]({(ACCEPTED, campaign_id, ""): sign * sum(by_domain.values())})
    for mailbox, number in by_mailbox(connection, by_domain).items():
        changes[ACCEPTED_BY_MAILBOX, campaign_id, mailbox] += sign * number
    add(connection, changes)
