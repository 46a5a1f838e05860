"""Signups: who asked to join by a form, and what came of it.

Alone writes the `signup` table. What a stranger can type for somebody else changes nothing that is
known of them: a name, a list once left, count only from the confirmation on, which is
`confirmations`. The mail that is due is queued here, and sent by `postman`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, select, update

from newsletter.addresses import address_key
from newsletter.config import Publication
from newsletter.database.bulk import among, insert_many, reserve_ids
from newsletter.database.tables import consent as consent_rows
from newsletter.database.tables import consent_source, subscriber, subscription
from newsletter.database.tables import signup as table
from newsletter.rates import Rate
from newsletter.subscribers import consent, suppressions, transactional_queue, writes
from newsletter.subscribers.rate_limits import FormUse, SignupLimits, network_of
from newsletter.subscribers.transactional_queue import ASKED_THEMSELVES, NewTransactionalMessage, TransactionalKind
from newsletter.subscribers.writes import Status, SubscriberEntry
from newsletter.times import stamp

MOST_NAME = 100
"""Characters of a name."""
SOURCE = "form"
"""What the evidence calls it."""
KEPT = timedelta(days=30)
"""How long somebody who never confirmed is kept, after the link stopped to work."""


@dataclass(frozen=True, kw_only=True)
class ShownForm:
    """What somebody saw when they asked: the evidence that many share."""

    form: str
    """Which version of the form."""
    text: str
    """Its wording."""
    text_sha256: str
    language: str


@dataclass(frozen=True, kw_only=True)
class SignupRequest:
    """A form, filled in and sent; everything in it is checked."""

    email: str
    name: str
    lists: tuple[str, ...]
    shown: ShownForm
    page: str
    """Where the form stood."""
    network: str
    """The network address that it came from."""
    at: datetime


class SignupAnswer(StrEnum):
    """What became of an asking, as far as whoever asked may know."""

    TAKEN = "taken"
    """Whether the address is known or not, and whether mail goes out or not."""
    TOO_MANY = "too many"
    """From this network."""


class Signups:
    """The signups of one publication."""

    def __init__(self, publication: Publication, limits: SignupLimits) -> None:
        self._settings = publication.config.signup
        self._limits = limits

    def ask(self, connection: Connection, askings: Sequence[SignupRequest]) -> list[SignupAnswer]:
        """Take forms, each in its turn. Whoever is known is answered as whoever is not."""
        now = max(one.at for one in askings)
        networks = [
            FormUse(counted_by=f"network {network_of(one.network)}", rate=self._settings.per_network) for one in askings
        ]
        allowed = self._limits.take(connection, networks, now)
        self._take(connection, [one for one, may in zip(askings, allowed, strict=True) if may], now)
        return [SignupAnswer.TAKEN if may else SignupAnswer.TOO_MANY for may in allowed]

    def _take(self, connection: Connection, askings: Sequence[SignupRequest], now: datetime) -> None:
        """Those whose address was not asked for too often: enter them, and queue what answers them."""
        addresses = [use_of(one.email, self._settings.per_address) for one in askings]
        allowed = self._limits.take(connection, addresses, now)
        alike: dict[ShownForm, list[SignupRequest]] = defaultdict(list)
        for one, may in zip(askings, allowed, strict=True):
            if may:
                alike[one.shown].append(one)
        for shown, these in alike.items():
            source_id = consent.shared_source(connection, SOURCE, vars(shown), now)
            _enter(connection, these, source_id, now)
            _keep(connection, these, source_id, now)


def forget_unconfirmed(connection: Connection, publication: Publication, now: datetime) -> int:
    """Erase those who asked by a form, never confirmed, and have let KEPT pass since their link expired; how many.

    Whoever is known in any other way stays: by an import, by a list they are or were on.
    """
    within = publication.config.signup.confirm_within.delta
    if not within:
        return 0
    mine = table.c.subscriber_id == subscriber.c.id
    asked_lately = exists().where(mine, table.c.asked_at > stamp(now - within - KEPT))
    is_somewhere = exists().where(
        subscription.c.subscriber_id == subscriber.c.id, subscription.c.status != Status.PENDING
    )
    otherwise_known = (
        exists()
        .where(consent_rows.c.subscriber_id == subscriber.c.id, consent_rows.c.source_id == consent_source.c.id)
        .where(consent_source.c.kind != SOURCE)
    )
    gone = delete(subscriber).where(exists().where(mine), ~asked_lately, ~is_somewhere, ~otherwise_known)
    return connection.execute(gone).rowcount


def split_name(name: str) -> dict[str, str]:
    """Return the columns of a full name: first_name up to the first space, last_name the rest."""
    first, _, last = name.strip().partition(" ")
    return {"first_name": first, "last_name": last.strip()}


def use_of(email: str, rate: Rate) -> FormUse:
    """One confirmation to an address."""
    return FormUse(counted_by=f"address {address_key(email)}", rate=rate)


def find(connection: Connection, signup_id: int, subscriber_id: int) -> Row[Any] | None:
    """A signup with its reader's address, or None; `spoken` is its language."""
    asked = (
        select(table, table.c.language.label("spoken"), subscriber.c.email, subscriber.c.email_key)
        .join_from(table, subscriber, subscriber.c.id == table.c.subscriber_id)
        .where(table.c.id == signup_id, table.c.subscriber_id == subscriber_id)
    )
    return connection.execute(asked).one_or_none()


def close(connection: Connection, signup_id: int, at: datetime) -> None:
    """Say that it is confirmed."""
    connection.execute(update(table).where(table.c.id == signup_id).values(confirmed_at=stamp(at)))


def repeat(connection: Connection, row: Row[Any], network: str, now: datetime) -> None:
    """The same asking once more, from now; `row` is what `find` found."""
    proof = {**json.loads(row.proof), "network": network}
    values = (row.subscriber_id, row.lists, row.name, row.spoken, row.source_id, json.dumps(proof))
    _insert(connection, [values], [TransactionalKind.CONFIRMATION], now)


def statuses_of(connection: Connection, ids: Sequence[int]) -> Mapping[int, dict[str, str]]:
    """The lists of readers, by id."""
    asked = select(subscription.c.subscriber_id, subscription.c.list, subscription.c.status)
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(asked.where(among(connection, subscription.c.subscriber_id, ids))):
        found[row.subscriber_id][row.list] = row.status
    return found


def _enter(connection: Connection, askings: Sequence[SignupRequest], source_id: int, now: datetime) -> None:
    """New readers as pending, with name and language; of known ones, only lists they never had."""
    keys = [address_key(one.email) for one in askings]
    known = set(_ids(connection, keys))
    own = {key for key, why in suppressions.suppressed(connection, keys).items() if why in ASKED_THEMSELVES}
    rows = [_entry(one, is_new=key not in known) for one, key in zip(askings, keys, strict=True)]
    writes.enter(connection, rows, source_id, now, asking=own)


def _entry(one: SignupRequest, *, is_new: bool) -> SubscriberEntry:
    return SubscriberEntry(
        email=one.email,
        statuses=tuple((name, str(Status.PENDING)) for name in one.lists),
        columns={**split_name(one.name), "language": one.shown.language} if is_new else {},
        proof=_proof(one),
    )


def _proof(one: SignupRequest) -> str:
    return json.dumps({"page": one.page, "network": one.network})


def _keep(connection: Connection, askings: Sequence[SignupRequest], source_id: int, now: datetime) -> None:
    """Write the signups down and queue a letter for each: to confirm, or that they have joined already.

    Both cost the same, so that the time an answer takes tells nobody who is on a list.
    """
    ids = _ids(connection, [address_key(one.email) for one in askings])
    statuses = statuses_of(connection, list(ids.values()))
    rows, kinds = [], []
    for one in askings:
        reader = ids.get(address_key(one.email))
        if reader is None:  # suppressed: nothing goes there
            continue
        is_on = all(statuses[reader].get(name) == Status.ACTIVE for name in one.lists)
        kinds.append(TransactionalKind.ALREADY if is_on else TransactionalKind.CONFIRMATION)
        rows.append((reader, json.dumps(one.lists), one.name, one.shown.language, source_id, _proof(one)))
    _insert(connection, rows, kinds, now)


def _insert(
    connection: Connection, rows: Sequence[tuple[Any, ...]], kinds: Sequence[TransactionalKind], now: datetime
) -> None:
    numbers = reserve_ids(connection, table, len(rows)) if rows else ()
    columns = ("id", "subscriber_id", "lists", "name", "language", "source_id", "proof", "asked_at")
    insert_many(connection, table, columns, [(id, *row, stamp(now)) for id, row in zip(numbers, rows, strict=True)])
    new = [
        NewTransactionalMessage(row[0], kind, str(kind), json.loads(row[1])[0], row[3], now, number)
        for number, row, kind in zip(numbers, rows, kinds, strict=True)
    ]
    transactional_queue.queue(connection, new, now)


def _ids(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    asked = select(subscriber.c.email_key, subscriber.c.id)
    found = connection.execute(asked.where(among(connection, subscriber.c.email_key, keys)))
    return {row.email_key: row.id for row in found}
