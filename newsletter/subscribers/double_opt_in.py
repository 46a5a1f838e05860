"""Double opt-in: a sign-up makes a reader active once the owner of the address confirms it.

Nobody is active before. The evidence of the request and of the confirmation is written here with the change, and the
welcomes that follow are queued. Requests to join are `signups.py`.
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
from newsletter.subscribers.rate_limits import SignupLimits, address_use
from newsletter.subscribers.transactional_queue import ASKED_THEMSELVES, NewTransactionalMessage, TransactionalKind
from newsletter.subscribers.writes import Status, SubscriberEntry


@dataclass(frozen=True, kw_only=True)
class ConfirmationRequest:
    """A press of the button that a confirmation's link leads to."""

    signup_id: int
    subscriber_id: int
    network: str
    """The network address that it came from."""
    at: datetime


class SignupStep(StrEnum):
    """The steps of a sign-up."""

    OPEN = "open"
    """It waits for its confirmation."""
    CONFIRMED = "confirmed"
    """It was confirmed by this request."""
    CONFIRMED_BEFORE = "before"
    """It was confirmed earlier; nothing changes."""
    EXPIRED = "expired"
    """Its link is too old."""
    SENT_AGAIN = "sent again"
    """Its link is too old; another confirmation is on its way, unless too many were sent."""
    GONE = "gone"
    """The reader was erased, or must not be mailed."""


@dataclass(frozen=True, kw_only=True)
class Signup:
    """A sign-up as the pages show it."""

    step: SignupStep
    email: str = ""
    lists: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """A welcome issue, the list whose new readers get it, and how long after they joined."""

    slug: str
    list: str
    after: timedelta


_GONE = Signup(step=SignupStep.GONE)


class Confirmations:
    """The confirmations of one publication."""

    def __init__(self, publication: Publication, limits: SignupLimits, welcomes: Sequence[Welcome] = ()) -> None:
        self._lists = publication.config.lists
        self._settings = publication.config.signup
        self._limits = limits
        self._welcomes = welcomes

    def confirm(self, connection: Connection, requests: Sequence[ConfirmationRequest]) -> list[Signup]:
        """Make readers active, each once; a request that comes too late queues another confirmation."""
        return [self._confirm(connection, request) for request in requests]

    def find(self, connection: Connection, signup_id: int, subscriber_id: int, now: datetime) -> Signup:
        """Return a sign-up without changing it; its step is GONE when there is none."""
        row = signups.find_signup(connection, signup_id, subscriber_id)
        return self._signup(row, now) if row else _GONE

    def _signup(self, row: Row[Any], now: datetime) -> Signup:
        within = self._settings.confirm_within.delta
        is_late = bool(within) and now - datetime.fromisoformat(row.asked_at) > within
        unconfirmed = SignupStep.EXPIRED if is_late else SignupStep.OPEN
        step = SignupStep.CONFIRMED_BEFORE if row.confirmed_at else unconfirmed
        lists = tuple(name for name in json.loads(row.lists) if name in self._lists)
        return Signup(step=step, email=row.email, lists=lists, language=row.language)

    def _confirm(self, connection: Connection, request: ConfirmationRequest) -> Signup:
        row = signups.find_signup(connection, request.signup_id, request.subscriber_id)
        if row is None or _is_barred(connection, row.email_key):
            return _GONE
        signup = self._signup(row, request.at)
        if signup.step is SignupStep.EXPIRED:
            self._send_again(connection, row, request)
            return replace(signup, step=SignupStep.SENT_AGAIN)
        if signup.step is not SignupStep.OPEN:
            return signup
        self._make_active(connection, row, signup, request)
        return replace(signup, step=SignupStep.CONFIRMED)

    def _make_active(self, connection: Connection, row: Row[Any], signup: Signup, request: ConfirmationRequest) -> None:
        statuses = signups.list_statuses(connection, [row.subscriber_id])[row.subscriber_id]
        joined = [name for name in signup.lists if statuses.get(name) != Status.ACTIVE]
        entry = SubscriberEntry(
            email=row.email,
            statuses=tuple((name, str(Status.ACTIVE)) for name in signup.lists),
            columns={**signups.split_name(row.name), "language": row.language},
            proof=_proof(row, request),
        )
        # The owner of the address has confirmed: who left once comes back, and their own suppression is lifted.
        writes.enter(connection, [entry], row.source_id, request.at, resubscribe={row.email_key})
        signups.mark_confirmed(connection, row.id, request.at)
        self._queue_welcomes(connection, row.subscriber_id, joined, row.language, request.at)

    def _queue_welcomes(
        self, connection: Connection, subscriber_id: int, lists: Iterable[str], language: str, now: datetime
    ) -> None:
        """Queue the welcome issues of the lists just joined, but none that the reader had before."""
        had = transactional_queue.had(connection, [subscriber_id])
        new = [
            NewTransactionalMessage(
                subscriber_id=subscriber_id,
                kind=TransactionalKind.WELCOME,
                message=welcome.slug,
                list=welcome.list,
                language=language,
                due_at=now + welcome.after,
            )
            for welcome in self._welcomes
            if welcome.list in lists and (subscriber_id, welcome.slug) not in had
        ]
        transactional_queue.queue(connection, new, now)

    def _send_again(self, connection: Connection, row: Row[Any], request: ConfirmationRequest) -> None:
        """Queue another confirmation, if the limit of the address allows it, and none was queued a moment ago."""
        if signups.was_requested_again(connection, row, request.at):
            return
        use = address_use(row.email, self._settings.per_address)
        if all(self._limits.take(connection, [use], request.at)):
            signups.request_again(connection, row, request.network, request.at)


def _proof(row: Row[Any], request: ConfirmationRequest) -> str:
    signup = json.loads(row.proof)
    proof = {
        "page": signup["page"],
        "asked_at": row.asked_at,
        "asked_from": signup["network"],
        "network": request.network,
    }
    return json.dumps(proof)


def _is_barred(connection: Connection, email_key: str) -> bool:
    """Tell whether the address is suppressed for a reason that its owner cannot lift by joining again."""
    reason = suppressions.suppressed(connection, [email_key]).get(email_key)
    return reason is not None and reason not in ASKED_THEMSELVES
