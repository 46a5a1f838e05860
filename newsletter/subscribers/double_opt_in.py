"""Confirmations: a signup becomes a reader, once, when the owner of the address says that it was them.

Nobody is active before. The evidence of both, asking and confirming, is written here with the change;
the welcomes that follow are queued. Who asked, and for what, is `signups`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from newsletter.config import Publication
from newsletter.subscribers import signups, suppressions, transactional_queue, writes
from newsletter.subscribers.rate_limits import SignupLimits
from newsletter.subscribers.transactional_queue import ASKED_THEMSELVES, NewTransactionalMessage, TransactionalKind
from newsletter.subscribers.writes import Status, SubscriberEntry


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


class Confirmations:
    """The confirmations of one publication."""

    def __init__(self, publication: Publication, limits: SignupLimits, welcomes: Sequence[Welcome] = ()) -> None:
        self._lists = publication.config.lists
        self._settings = publication.config.signup
        self._limits = limits
        self._welcomes = welcomes

    def confirm(self, connection: Connection, confirmings: Sequence[Confirming]) -> list[Signup]:
        """Make readers active, each once; one that comes too late is sent another confirmation."""
        return [self._confirm(connection, one) for one in confirmings]

    def look(self, connection: Connection, signup_id: int, subscriber_id: int, now: datetime) -> Signup:
        """Where a signup stands, without changing it."""
        row = signups.find(connection, signup_id, subscriber_id)
        return self._seen(row, now) if row else _GONE

    def _seen(self, row: Row[Any], now: datetime) -> Signup:
        within = self._settings.confirm_within.delta
        is_late = bool(within) and now - datetime.fromisoformat(row.asked_at) > within
        step = Step.BEFORE if row.confirmed_at else Step.EXPIRED if is_late else Step.OPEN
        lists = tuple(name for name in json.loads(row.lists) if name in self._lists)
        return Signup(step=step, email=row.email, lists=lists, language=row.spoken)

    def _confirm(self, connection: Connection, one: Confirming) -> Signup:
        row = signups.find(connection, one.signup_id, one.subscriber_id)
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
        statuses = signups.statuses_of(connection, [row.subscriber_id])[row.subscriber_id]
        joined = [name for name in found.lists if statuses.get(name) != Status.ACTIVE]
        asked = json.loads(row.proof)
        proof = {
            "page": asked["page"],
            "asked_at": row.asked_at,
            "asked_from": asked["network"],
            "network": one.network,
        }
        entry = SubscriberEntry(
            email=row.email,
            statuses=tuple((name, str(Status.ACTIVE)) for name in found.lists),
            columns={**signups.split_name(row.name), "language": row.spoken},
            proof=json.dumps(proof),
        )
        writes.enter(connection, [entry], row.source_id, one.at, resubscribe={row.email_key})
        signups.close(connection, row.id, one.at)
        self._welcome(connection, row.subscriber_id, joined, row.spoken, one.at)

    def _welcome(
        self, connection: Connection, subscriber_id: int, lists: Iterable[str], language: str, now: datetime
    ) -> None:
        """Queue the welcome issues of the lists just joined, but none that the reader had before."""
        had = transactional_queue.had(connection, [subscriber_id])
        due = [one for one in self._welcomes if one.list in lists and (subscriber_id, one.slug) not in had]
        new = [
            NewTransactionalMessage(subscriber_id, TransactionalKind.WELCOME, w.slug, w.list, language, now + w.after)
            for w in due
        ]
        transactional_queue.queue(connection, new, now)

    def _send_again(self, connection: Connection, row: Row[Any], one: Confirming) -> None:
        """The same asking once more, from now."""
        use = signups.use_of(row.email, self._settings.per_address)
        if all(self._limits.take(connection, [use], one.at)):
            signups.repeat(connection, row, one.network, one.at)


def _barred(connection: Connection, email_key: str) -> bool:
    """Whether the address is suppressed for a reason that its owner cannot lift by joining again."""
    why = suppressions.suppressed(connection, [email_key]).get(email_key)
    return why is not None and why not in ASKED_THEMSELVES
