"""Double opt-in: a sign-up makes a reader active once the owner of the address confirms it.

Nobody is active before. The evidence of the request and of the confirmation is written here with the change, and the
welcomes that follow are queued. A sign-up counts with its own lists, name and language: strangers may have asked, too.
Who has left since a sign-up was asked for is not brought back by it. Requests to join are `signups.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from newsletter.config import PublicationSettings
from newsletter.subscribers import consent, signups, suppressions, writes
from newsletter.subscribers.evidence import read_details
from newsletter.subscribers.preferences import (
    ListState,
    PreferenceAction,
    PreferenceChange,
    change_preferences,
    list_states,
)
from newsletter.subscribers.rate_limits import SignupLimits, address_use
from newsletter.subscribers.subscriber import rename
from newsletter.subscribers.transactional_queue import ASKED_THEMSELVES
from newsletter.subscribers.welcomes import Welcome, queue_welcomes
from newsletter.subscribers.writes import Status, SubscriberEntry
from newsletter.times import digits, stamp

RESUMED = "confirmation page"
"""The kind of the evidence's source when a confirmation ends a pause."""


@dataclass(frozen=True, kw_only=True)
class ConfirmationRequest:
    """A visit to the page that a confirmation's link leads to, or a press of its button."""

    signup_id: int
    subscriber_id: int
    key: str | None = None
    """The key in the link, which must be the reader's; None: no link asks for it."""
    asked: str = ""
    """The digits of the sign-up's time in the link; empty in links that are older than the keys."""
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
    LEFT = "left"
    """The reader has left its lists since; nothing changes."""
    BARRED = "barred"
    """No mail may go to the address."""
    GONE = "gone"
    """The reader was erased, or its lists are gone."""


@dataclass(frozen=True, kw_only=True)
class Signup:
    """A sign-up as the pages show it."""

    step: SignupStep
    email: str = ""
    lists: tuple[str, ...] = ()
    """The lists that its step is about."""
    language: str = ""
    was_active: bool = False
    """Whether a reader who left was active before, and comes back with one press."""
    paused_until: str = ""
    """The end of the reader's pause, when all those lists are paused."""


_GONE = Signup(step=SignupStep.GONE)


class Confirmations:
    """The confirmations of one publication."""

    def __init__(
        self, publication: PublicationSettings, limits: SignupLimits, welcomes: Sequence[Welcome] = ()
    ) -> None:
        self._lists = publication.config.lists
        self._settings = publication.config.signup
        self._limits = limits
        self.welcomes = tuple(welcomes)

    def confirm(self, connection: Connection, requests: Sequence[ConfirmationRequest]) -> list[Signup]:
        """Make readers active, each once; a request that comes too late queues another confirmation."""
        return [self._confirm(connection, request) for request in requests]

    def find(self, connection: Connection, request: ConfirmationRequest) -> Signup:
        """Return a sign-up without changing it; its step is GONE when there is none."""
        row = _row(connection, request)
        return self._signup(connection, row, request.at) if row else _GONE

    def _signup(self, connection: Connection, row: Row[Any], now: datetime) -> Signup:
        """Return the sign-up with its step by what the reader is today."""
        known = tuple(name for name in json.loads(row.lists) if name in self._lists)
        shown = Signup(step=SignupStep.GONE, email=row.email, lists=known, language=row.language)
        barred = suppressions.reasons(connection, [row.email_key]).get(row.email_key)
        if barred and barred.reason not in ASKED_THEMSELVES:
            return replace(shown, step=SignupStep.BARRED)
        if not known:
            return shown
        states = list_states(connection, [row.subscriber_id])[row.subscriber_id]
        has_left_all = barred is not None and (bool(row.confirmed_at) or barred.at > row.asked_at)
        stays = () if has_left_all else tuple(name for name in known if not _has_left(row, states.get(name)))
        if not stays:
            was_active = row.subscriber_id in consent.once_active(connection, [row.subscriber_id])
            return replace(shown, step=SignupStep.LEFT, was_active=was_active)
        return replace(self._at_step(row, states, stays, now), email=row.email, language=row.language)

    def _at_step(self, row: Row[Any], states: Mapping[str, ListState], lists: tuple[str, ...], now: datetime) -> Signup:
        is_on_all = all(name in states and states[name].status == Status.ACTIVE for name in lists)
        within = self._settings.confirm_within.delta
        is_late = bool(within) and now - datetime.fromisoformat(row.asked_at) > within
        if row.confirmed_at or (is_late and is_on_all):
            return Signup(step=SignupStep.CONFIRMED_BEFORE, lists=lists, paused_until=_pause(states, lists, now))
        return Signup(step=SignupStep.EXPIRED if is_late else SignupStep.OPEN, lists=lists)

    def _confirm(self, connection: Connection, request: ConfirmationRequest) -> Signup:
        row = _row(connection, request)
        if row is None:
            return _GONE
        signup = self._signup(connection, row, request.at)
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
            columns={"language": row.language},
            proof=_proof(row, request),
        )
        # The owner of the address has confirmed: who left once comes back, and their own suppression is lifted.
        writes.enter(connection, [entry], row.source_id, request.at, resubscribe={row.email_key})
        if row.name or signups.name_is_typed(connection, row.subscriber_id):
            rename(connection, row.subscriber_id, row.name, request.at)
        signups.mark_confirmed(connection, row.id, request.at)
        change_preferences(connection, [_resumption(row, signup, request)])
        queue_welcomes(connection, self.welcomes, row.subscriber_id, joined, row.language, request.at)

    def _send_again(self, connection: Connection, row: Row[Any], request: ConfirmationRequest) -> None:
        """Queue another confirmation, if the limit of the address allows it, and none was queued a moment ago."""
        if signups.was_requested_again(connection, row, request.at):
            return
        use = address_use(row.email, self._settings.per_address)
        if all(self._limits.take(connection, [use], request.at)):
            signups.request_again(connection, row, request.network, request.at)


def _row(connection: Connection, request: ConfirmationRequest) -> Row[Any] | None:
    """Return the sign-up's row if the link was made for it and its reader, and not for others with their numbers."""
    row = signups.find_signup(connection, request.signup_id, request.subscriber_id)
    if row is None or request.key is None:
        return row
    is_theirs = request.key == row.link_key
    is_old = not request.asked and not row.link_key
    return row if is_theirs and (is_old or request.asked == digits(row.asked_at)) else None


def _has_left(row: Row[Any], state: ListState | None) -> bool:
    """Tell whether the reader has left a list since its sign-up was asked for, or since it was confirmed."""
    if row.confirmed_at:
        return state is None or state.status != Status.ACTIVE
    return state is not None and state.status == Status.UNSUBSCRIBED and state.changed_at > row.asked_at


def _pause(states: Mapping[str, ListState], lists: Sequence[str], now: datetime) -> str:
    """Return the first end of the pauses of these lists; empty when one of them is not paused."""
    ends = [states[name].paused_until or "" for name in lists]
    return min(ends) if min(ends) > stamp(now) else ""


def _resumption(row: Row[Any], signup: Signup, request: ConfirmationRequest) -> PreferenceChange:
    """Return the end of the pause of the sign-up's lists: the reader has just asked for them."""
    return PreferenceChange(
        subscriber_id=row.subscriber_id,
        action=PreferenceAction.RESUME,
        lists=signup.lists,
        source=RESUMED,
        at=request.at,
    )


def _proof(row: Row[Any], request: ConfirmationRequest) -> str:
    signup = read_details(row.proof)
    proof = {
        "page": signup.get("page", ""),
        "asked_at": row.asked_at,
        "asked_from": signup.get("network", ""),
        "network": request.network,
    }
    return json.dumps(proof)
