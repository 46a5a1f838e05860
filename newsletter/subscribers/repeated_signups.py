"""Forms that are sent twice: a second press of the button asks for nothing new, so one mail answers both.

A repeat comes within a minute, for the same address and no other lists. Whatever else it wishes is kept: other lists
get a mail of their own, and a corrected name takes the place of the first one, if it comes from the same network.
Works within the transaction that records sign-ups (`signups.py`), so that two servers of one database see each other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, select, text, update

from newsletter.database.bulk import among
from newsletter.database.tables import signup, subscriber, subscription
from newsletter.database.tables import transactional_message as message
from newsletter.subscribers.evidence import read_details
from newsletter.subscribers.transactional_queue import TransactionalKind, TransactionalState
from newsletter.subscribers.writes import Status
from newsletter.times import stamp

REPEAT = timedelta(minutes=1)
"""How long after a sign-up the same one is a repeat."""
_ON_ITS_WAY = (TransactionalState.QUEUED, TransactionalState.HANDED, TransactionalState.ACCEPTED)


class Wish(NamedTuple):
    """A form's request: the reader (by `address_key`), the lists, the name, the network address it came from."""

    email_key: str
    lists: tuple[str, ...]
    name: str
    network: str


class _Answered(NamedTuple):
    """A sign-up whose mail is on its way: the lists that the mail still answers for."""

    signup_id: int
    lists: frozenset[str]
    name: str
    network: str


def take_turn(connection: Connection) -> None:
    """Wait until no other transaction records sign-ups. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('newsletter.subscribers.signups'))"))


def without_repeats(connection: Connection, wishes: Sequence[Wish], now: datetime) -> list[Wish | None]:
    """Return the wishes that need a mail, with their names corrected by later ones, and None for each repeat."""
    answered = _answered(connection, [wish.email_key for wish in wishes], now)
    new: list[Wish | None] = []
    for wish in wishes:
        earlier = [each for each in answered[wish.email_key] if not each.lists.isdisjoint(wish.lists)]
        if not _is_repeat(wish, earlier):
            # Wishes of this call have no id yet: they are found again by their place, as -1, -2, ...
            new.append(wish)
            answered[wish.email_key].append(_Answered(-len(new), frozenset(wish.lists), wish.name, wish.network))
            continue
        new.append(None)
        for each in earlier if wish.name else ():
            _rename(connection, new, each, wish.name)
    return new


def is_answered(connection: Connection, wish: Wish, now: datetime, *, after: int) -> bool:
    """Tell whether a mail that answers the wish was queued within a minute, by a sign-up later than `after`."""
    answered = _answered(connection, [wish.email_key], now)[wish.email_key]
    return _is_repeat(wish, [each for each in answered if each.signup_id > after])


def _is_repeat(wish: Wish, earlier: Sequence[_Answered]) -> bool:
    is_covered = frozenset(wish.lists) <= frozenset[str]().union(*(each.lists for each in earlier))
    return is_covered and all(wish.name in ("", each.name) or wish.network == each.network for each in earlier)


def _rename(connection: Connection, new: list[Wish | None], earlier: _Answered, name: str) -> None:
    if earlier.signup_id > 0:
        connection.execute(update(signup).where(signup.c.id == earlier.signup_id).values(name=name))
    elif (first := new[-earlier.signup_id - 1]) is not None:
        new[-earlier.signup_id - 1] = first._replace(name=name)


def _answered(connection: Connection, keys: Sequence[str], now: datetime) -> dict[str, list[_Answered]]:
    """Return the sign-ups of the last minute by reader. A clock may have been set back, so later ones count as well."""
    recent = signup.c.asked_at.between(stamp(now - REPEAT), stamp(now + REPEAT))
    own_message = and_(
        message.c.subscriber_id == subscriber.c.id, message.c.signup_id == signup.c.id, message.c.state.in_(_ON_ITS_WAY)
    )
    rows = connection.execute(
        select(*signup.c, subscriber.c.email_key, message.c.kind)
        .join_from(subscriber, signup, signup.c.subscriber_id == subscriber.c.id)
        .join(message, own_message)
        .where(among(connection, subscriber.c.email_key, list(keys)), recent)
        .order_by(signup.c.id)
    ).all()
    statuses = _statuses(connection, [row.subscriber_id for row in rows])
    answered: dict[str, list[_Answered]] = defaultdict(list)
    for row in rows:
        network = str(read_details(row.proof).get("network", ""))
        lists = _lists(row, statuses[row.subscriber_id])
        answered[row.email_key].append(_Answered(row.id, lists, row.name, network))
    return answered


def _lists(row: Any, statuses: dict[str, Row[Any]]) -> frozenset[str]:
    """Return the lists that the sign-up's mail still answers for.

    While it waits to be confirmed: those that the reader has not left since. When it said that they are on the lists:
    those that they still are on. Nothing once it is confirmed: who asks then is told so.
    """
    names = frozenset(json.loads(row.lists))
    if row.kind == TransactionalKind.ALREADY:
        return names & {name for name, entry in statuses.items() if entry.status == Status.ACTIVE}
    if row.confirmed_at:
        return frozenset()
    unsubscribed = {name: entry for name, entry in statuses.items() if entry.status == Status.UNSUBSCRIBED}
    return names - {name for name, entry in unsubscribed.items() if entry.changed_at >= row.asked_at}


def _statuses(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, Row[Any]]]:
    """Return the subscriptions of these readers by list."""
    statuses: dict[int, dict[str, Row[Any]]] = defaultdict(dict)
    theirs = among(connection, subscription.c.subscriber_id, list(ids))
    for row in connection.execute(select(subscription).where(theirs)):
        statuses[row.subscriber_id][row.list] = row
    return statuses
