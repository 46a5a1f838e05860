"""Signups: who asked to join by a form, and what came of it.

Alone writes the `signup` table. Nobody is active before they confirmed, and what a stranger can
type for somebody else changes nothing that is known of them: a name, a list once left, count only
from the confirmation on. The mail that is due is queued here, and sent by `postman`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, select, update

from newsletter import consent, entries, letters, suppressions
from newsletter.addresses import address_key
from newsletter.config import Publication
from newsletter.database import among, insert_many, reserve_ids
from newsletter.entries import Entry, Status
from newsletter.letters import ASKED_THEMSELVES, Kind, NewLetter
from newsletter.limits import Limits, Use, network_of
from newsletter.tables import consent as consent_rows
from newsletter.tables import consent_source, subscriber, subscription
from newsletter.tables import signup as table
from newsletter.times import stamp

MOST_NAME = 100
"""Characters of a name."""
SOURCE = "form"
"""What the evidence calls it."""
KEPT = timedelta(days=30)
"""How long somebody who never confirmed is kept, after the link stopped to work."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What somebody saw when they asked: the evidence that many share."""

    form: str
    """Which version of the form."""
    text: str
    """Its wording."""
    text_sha256: str
    language: str


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A form, filled in and sent; everything in it is checked."""

    email: str
    name: str
    lists: tuple[str, ...]
    shown: Shown
    page: str
    """Where the form stood."""
    network: str
    """The network address that it came from."""
    at: datetime


class Answer(StrEnum):
    """What became of an asking, as far as whoever asked may know."""

    TAKEN = "taken"
    """Whether the address is known or not, and whether mail goes out or not."""
    TOO_MANY = "too many"
    """From this network."""


@dataclass(frozen=True, kw_only=True)
class Confirming:
    """Somebody follows the link of a confirmation and presses its button."""

    signup_id: int
    subscriber_id: int
    network: str
    at: datetime


class Step(StrEnum):
    """Where a signup stands."""

    OPEN = "open"
    """To be confirmed."""
    CONFIRMED = "confirmed"
    """Just now."""
    BEFORE = "before"
    """It was confirmed earlier; nothing changes."""
    EXPIRED = "expired"
    """Too late."""
    SENT_AGAIN = "sent again"
    """Too late, and another confirmation is on its way, unless too many were sent."""
    GONE = "gone"
    """The reader was erased, or must not be mailed."""


@dataclass(frozen=True, kw_only=True)
class Signup:
    """A signup as the pages show it."""

    step: Step
    email: str = ""
    lists: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """A welcome issue: who gets it, and when."""

    slug: str
    list: str
    after: timedelta


_GONE = Signup(step=Step.GONE)


class Signups:
    """The signups of one publication."""

    def __init__(self, publication: Publication, limits: Limits, welcomes: Sequence[Welcome] = ()) -> None:
        self._lists = publication.config.lists
        self._settings = publication.config.signup
        self._limits = limits
        self._welcomes = welcomes

    def ask(self, connection: Connection, askings: Sequence[Asking]) -> list[Answer]:
        """Take forms, each in its turn. Whoever is known is answered as whoever is not."""
        now = max(one.at for one in askings)
        networks = [Use(who=f"network {network_of(one.network)}", rate=self._settings.per_network) for one in askings]
        allowed = self._limits.take(connection, networks, now)
        self._take(connection, [one for one, may in zip(askings, allowed, strict=True) if may], now)
        return [Answer.TAKEN if may else Answer.TOO_MANY for may in allowed]

    def confirm(self, connection: Connection, confirmings: Sequence[Confirming]) -> list[Signup]:
        """Make readers active, each once; one that comes too late is sent another confirmation."""
        return [self._confirm(connection, one) for one in confirmings]

    def look(self, connection: Connection, signup_id: int, subscriber_id: int, now: datetime) -> Signup:
        """Where a signup stands, without changing it."""
        row = _find(connection, signup_id, subscriber_id)
        return self._seen(row, now) if row else _GONE

    def _take(self, connection: Connection, askings: Sequence[Asking], now: datetime) -> None:
        """Those whose address was not asked for too often: enter them, and queue what answers them."""
        addresses = [Use(who=_address(one.email), rate=self._settings.per_address) for one in askings]
        allowed = self._limits.take(connection, addresses, now)
        alike: dict[Shown, list[Asking]] = defaultdict(list)
        for one, may in zip(askings, allowed, strict=True):
            if may:
                alike[one.shown].append(one)
        for shown, these in alike.items():
            source_id = consent.shared_source(connection, SOURCE, vars(shown), now)
            _enter(connection, these, source_id, now)
            _keep(connection, these, source_id, now)

    def _seen(self, row: Row[Any], now: datetime) -> Signup:
        within = self._settings.confirm_within.delta
        is_late = bool(within) and now - datetime.fromisoformat(row.asked_at) > within
        step = Step.BEFORE if row.confirmed_at else Step.EXPIRED if is_late else Step.OPEN
        lists = tuple(name for name in json.loads(row.lists) if name in self._lists)
        return Signup(step=step, email=row.email, lists=lists, language=row.spoken)

    def _confirm(self, connection: Connection, one: Confirming) -> Signup:
        row = _find(connection, one.signup_id, one.subscriber_id)
        if row is None or _barred(connection, row.email_key):
            return _GONE
        found = self._seen(row, one.at)
        if found.step is Step.EXPIRED:
            self._send_again(connection, row, one)
            return replace(found, step=Step.SENT_AGAIN)
        if found.step is not Step.OPEN:
            return found
        self._make_active(connection, row, found, one)
        return replace(found, step=Step.CONFIRMED)

    def _make_active(self, connection: Connection, row: Row[Any], found: Signup, one: Confirming) -> None:
        statuses = _statuses(connection, [row.subscriber_id])[row.subscriber_id]
        joined = [name for name in found.lists if statuses.get(name) != Status.ACTIVE]
        asked = json.loads(row.proof)
        proof = {
            "page": asked["page"],
            "asked_at": row.asked_at,
            "asked_from": asked["network"],
            "network": one.network,
        }
        entry = Entry(
            email=row.email,
            statuses=tuple((name, str(Status.ACTIVE)) for name in found.lists),
            built_in=(*split_name(row.name), "", row.spoken),
            proof=json.dumps(proof),
        )
        entries.enter(connection, [entry], row.source_id, one.at, resubscribe={row.email_key})
        connection.execute(update(table).where(table.c.id == row.id).values(confirmed_at=stamp(one.at)))
        self._welcome(connection, row.subscriber_id, joined, row.spoken, one.at)

    def _welcome(
        self, connection: Connection, subscriber_id: int, lists: Iterable[str], language: str, now: datetime
    ) -> None:
        """Queue the welcome issues of the lists just joined, but none that the reader had before."""
        had = letters.had(connection, [subscriber_id])
        due = [one for one in self._welcomes if one.list in lists and (subscriber_id, one.slug) not in had]
        new = [NewLetter(subscriber_id, Kind.WELCOME, w.slug, w.list, language, now + w.after) for w in due]
        letters.queue(connection, new, now)

    def _send_again(self, connection: Connection, row: Row[Any], one: Confirming) -> None:
        """The same asking once more, from now."""
        use = Use(who=_address(row.email), rate=self._settings.per_address)
        if not all(self._limits.take(connection, [use], one.at)):
            return
        proof = {**json.loads(row.proof), "network": one.network}
        values = (row.subscriber_id, row.lists, row.name, row.spoken, row.source_id, json.dumps(proof))
        _insert(connection, [values], [Kind.CONFIRMATION], one.at)


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


def split_name(name: str) -> tuple[str, str]:
    """First and last name: what stands before the first space, and the rest."""
    first, _, last = name.strip().partition(" ")
    return first, last.strip()


def _address(email: str) -> str:
    return f"address {address_key(email)}"


def _enter(connection: Connection, askings: Sequence[Asking], source_id: int, now: datetime) -> None:
    """New readers as pending, with name and language; of known ones, only lists they never had."""
    keys = [address_key(one.email) for one in askings]
    known = set(_ids(connection, keys))
    own = {key for key, why in suppressions.suppressed(connection, keys).items() if why in ASKED_THEMSELVES}
    rows = [_entry(one, is_new=key not in known) for one, key in zip(askings, keys, strict=True)]
    entries.enter(connection, rows, source_id, now, asking=own)


def _entry(one: Asking, *, is_new: bool) -> Entry:
    return Entry(
        email=one.email,
        statuses=tuple((name, str(Status.PENDING)) for name in one.lists),
        built_in=(*split_name(one.name), "", one.shown.language) if is_new else ("", "", "", ""),
        proof=_proof(one),
    )


def _proof(one: Asking) -> str:
    return json.dumps({"page": one.page, "network": one.network})


def _keep(connection: Connection, askings: Sequence[Asking], source_id: int, now: datetime) -> None:
    """Write the signups down and queue a letter for each: to confirm, or that they have joined already.

    Both cost the same, so that the time an answer takes tells nobody who is on a list.
    """
    ids = _ids(connection, [address_key(one.email) for one in askings])
    statuses = _statuses(connection, list(ids.values()))
    rows, kinds = [], []
    for one in askings:
        reader = ids.get(address_key(one.email))
        if reader is None:  # suppressed: nothing goes there
            continue
        is_on = all(statuses[reader].get(name) == Status.ACTIVE for name in one.lists)
        kinds.append(Kind.ALREADY if is_on else Kind.CONFIRMATION)
        rows.append((reader, json.dumps(one.lists), one.name, one.shown.language, source_id, _proof(one)))
    _insert(connection, rows, kinds, now)


def _insert(connection: Connection, rows: Sequence[tuple[Any, ...]], kinds: Sequence[Kind], now: datetime) -> None:
    numbers = reserve_ids(connection, table, len(rows)) if rows else ()
    columns = ("id", "subscriber_id", "lists", "name", "language", "source_id", "proof", "asked_at")
    insert_many(connection, table, columns, [(id, *row, stamp(now)) for id, row in zip(numbers, rows, strict=True)])
    new = [
        NewLetter(row[0], kind, str(kind), json.loads(row[1])[0], row[3], now, number)
        for number, row, kind in zip(numbers, rows, kinds, strict=True)
    ]
    letters.queue(connection, new, now)


def _find(connection: Connection, signup_id: int, subscriber_id: int) -> Row[Any] | None:
    asked = (
        select(table, table.c.language.label("spoken"), subscriber.c.email, subscriber.c.email_key)
        .join_from(table, subscriber, subscriber.c.id == table.c.subscriber_id)
        .where(table.c.id == signup_id, table.c.subscriber_id == subscriber_id)
    )
    return connection.execute(asked).one_or_none()


def _barred(connection: Connection, email_key: str) -> bool:
    """Whether the address is suppressed for a reason that its owner cannot lift by joining again."""
    why = suppressions.suppressed(connection, [email_key]).get(email_key)
    return why is not None and why not in ASKED_THEMSELVES


def _ids(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    asked = select(subscriber.c.email_key, subscriber.c.id)
    found = connection.execute(asked.where(among(connection, subscriber.c.email_key, keys)))
    return {row.email_key: row.id for row in found}


def _statuses(connection: Connection, ids: Sequence[int]) -> Mapping[int, dict[str, str]]:
    asked = select(subscription.c.subscriber_id, subscription.c.list, subscription.c.status)
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(asked.where(among(connection, subscription.c.subscriber_id, ids))):
        found[row.subscriber_id][row.list] = row.status
    return found
