"""Preferences: leave, pause, come back and choose lists, by the links in a reader's mail.

Changes of many readers are made in one transaction, each with its evidence; a change made twice has one effect.
A link was mailed to the reader's address: whoever fills in the form behind it reads that mailbox, and may join there
without another confirmation.
`campaigns/unsubscribes.py` wraps `change_preferences` and records which campaign's email a reader left by; erasing a
reader is `erasure.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from newsletter.counters import readers as counters
from newsletter.database.bulk import among
from newsletter.database.tables import subscriber, subscription
from newsletter.subscribers import consent, suppressions
from newsletter.subscribers.consent import Change
from newsletter.subscribers.subscriber import address_keys, link_keys, pause_subscriptions
from newsletter.subscribers.transactional_queue import ASKED_THEMSELVES
from newsletter.subscribers.welcomes import Welcome, queue_welcomes
from newsletter.subscribers.writes import Status, subscribe
from newsletter.times import stamp

PAUSED = "paused"
"""The status in the evidence of a pause; on the list the reader stays active."""


class PreferenceAction(StrEnum):
    """An action of a reader on a list."""

    LEAVE = "leave"
    PAUSE = "pause"
    JOIN = "join"
    """Join, come back, or end a pause."""
    RESUME = "resume"
    """End a pause; brings back nobody who has left."""
    STAY = "stay"
    """Say that they still want it: changes nothing but the evidence, and only on lists they are on."""


@dataclass(frozen=True, kw_only=True)
class PreferenceChange:
    """A change that one reader asks for, and where it came from."""

    subscriber_id: int
    action: PreferenceAction
    lists: tuple[str, ...] | None
    """None: each list the reader is on."""
    source: str
    """The kind of the evidence's source: `one click`, `unsubscribe page`, ..."""
    campaign_id: int = 0
    """The campaign whose email had the link; 0 when none had it."""
    at: datetime
    until: datetime | None = None
    """The end of a pause."""
    key: str | None = None
    """The key in the reader's link, which must be the reader's; None: no link asks for it."""
    is_confirmation: bool = False
    """Whether the reader filled in a form that the link showed, so that the address is known to be theirs."""
    network: str = ""
    """The network address that it came from; kept as evidence when the reader joins."""
    welcomes: tuple[Welcome, ...] = ()
    """The welcomes for a reader who was active on no list before."""


class ListState(NamedTuple):
    """The state of a reader on a list."""

    status: str
    paused_until: str | None
    """The end of a pause, past or not; None: never paused."""
    changed_at: str = ""
    """When the status last changed."""


def list_states(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, dict[str, ListState]]:
    """Return the state of each of these readers on each list; unknown readers are left out."""
    ids = list(subscriber_ids)
    states: dict[int, dict[str, ListState]] = {}
    for (id,) in connection.execute(select(subscriber.c.id).where(among(connection, subscriber.c.id, ids))):
        states[id] = {}
    columns = subscription.c
    rows = select(
        columns.subscriber_id, columns.list, columns.status, columns.paused_until, columns.changed_at
    ).order_by(columns.list)
    for id, name, *state in connection.execute(rows.where(among(connection, columns.subscriber_id, ids))):
        states[id][name] = ListState(*state)
    return states


def change_preferences(connection: Connection, changes: Sequence[PreferenceChange]) -> list[tuple[str, ...]]:
    """Make these changes in their order; return for each the lists on which something changed.

    A change for an unknown reader does nothing, nor does one by the link of another reader who had the number before.
    A reader who was never active joins nothing: that takes a confirmation, or a form that the reader's link showed.
    Joining lifts a suppression that the reader asked for; with any other suppression nothing is joined.
    """
    ids = {change.subscriber_id for change in changes}
    joining = {change.subscriber_id for change in changes if change.action is PreferenceAction.JOIN}
    run = _PreferenceRun(
        states=list_states(connection, ids),
        keys=link_keys(connection, ids),
        proven=consent.once_active(connection, joining) if joining else frozenset(),
        barred=_barred(connection, joining) if joining else frozenset(),
    )
    changed = [run.apply(change) for change in changes]
    if run.joined:
        latest = max(change.at for change in changes)
        suppressions.lift_by_owner(connection, address_keys(connection, run.joined), latest)
    if run.stored or run.evidence:
        run.write(connection, max(change.at for change in changes))
    for change, lists in zip(changes, changed, strict=True):
        if change.welcomes and change.action is PreferenceAction.JOIN and change.subscriber_id not in run.proven:
            _welcome(connection, change, lists)
    return changed


def _barred(connection: Connection, subscriber_ids: Iterable[int]) -> frozenset[int]:
    """Return those of these readers whose address is suppressed for a reason that they cannot lift by joining."""
    ids = select(subscriber.c.id, subscriber.c.email_key).where(
        among(connection, subscriber.c.id, list(subscriber_ids))
    )
    keys = {row.email_key: row.id for row in connection.execute(ids)}
    barred = suppressions.suppressed(connection, list(keys))
    return frozenset(keys[key] for key, reason in barred.items() if reason not in ASKED_THEMSELVES)


def _welcome(connection: Connection, change: PreferenceChange, joined: tuple[str, ...]) -> None:
    of_reader = select(subscriber.c.language).where(subscriber.c.id == change.subscriber_id)
    language = connection.scalar(of_reader) or ""
    queue_welcomes(connection, change.welcomes, change.subscriber_id, joined, language, change.at)


@dataclass(kw_only=True)
class _PreferenceRun:
    """Changes while they are made: the states they lead to, and what has to be written."""

    states: dict[int, dict[str, ListState]]
    keys: Mapping[int, str]
    """The key of each reader's links."""
    proven: frozenset[int]
    """The readers who were active at some time, so that their address is known to be theirs."""
    barred: frozenset[int]
    """The readers who cannot join: no mail may go to their address."""
    joined: set[int] = field(default_factory=set)
    """The readers who were allowed to join, whether it changed anything or not."""
    stored: dict[tuple[int, str], ListState | None] = field(default_factory=dict)
    """The states in the database, of those that changed, by reader and list."""
    evidence: dict[tuple[str, int], list[Change]] = field(default_factory=lambda: defaultdict(list))
    """The consent to record, by source and campaign."""

    def apply(self, change: PreferenceChange) -> tuple[str, ...]:
        """Make one change; return the lists on which something changed."""
        states = self.states.get(change.subscriber_id)
        if states is None or (change.key is not None and change.key != self.keys[change.subscriber_id]):
            return ()
        names = states if change.lists is None else change.lists
        return tuple(name for name in list(names) if self._move(change, states, name))

    def _move(self, change: PreferenceChange, states: dict[str, ListState], name: str) -> bool:
        before = states.get(name)
        if change.action is PreferenceAction.STAY:
            return self._stay(change, before, name)
        after = self._after(change, before)
        if after is None or (before and after[:2] == before[:2]):
            return False
        states[name] = after
        # setdefault: of several changes of one list, the state before the first is the stored one.
        self.stored.setdefault((change.subscriber_id, name), before)
        status = PAUSED if change.action is PreferenceAction.PAUSE else after.status
        is_joining = change.action is PreferenceAction.JOIN and change.network
        detail = msgspec.json.encode({"network": change.network}).decode() if is_joining else ""
        self.evidence[change.source, change.campaign_id].append(Change(change.subscriber_id, name, status, detail))
        return True

    def _stay(self, change: PreferenceChange, before: ListState | None, name: str) -> bool:
        if before is None or before.status != Status.ACTIVE:
            return False
        self.evidence[change.source, change.campaign_id].append(Change(change.subscriber_id, name, Status.ACTIVE))
        return True

    def _after(self, change: PreferenceChange, before: ListState | None) -> ListState | None:
        """Return the state that a change leads to, or None when it may not be made."""
        if change.action is PreferenceAction.JOIN:
            return ListState(Status.ACTIVE, None, stamp(change.at)) if self._may_join(change) else None
        if before is None:
            return None
        if change.action is PreferenceAction.LEAVE:
            return ListState(Status.UNSUBSCRIBED, None, stamp(change.at))
        if before.status != Status.ACTIVE:
            return None
        if change.action is PreferenceAction.RESUME:
            return before._replace(paused_until=None)
        return before._replace(paused_until=stamp(change.until)) if change.until else None

    def _may_join(self, change: PreferenceChange) -> bool:
        may = change.subscriber_id not in self.barred
        may = may and (change.is_confirmation or change.subscriber_id in self.proven)
        if may:
            self.joined.add(change.subscriber_id)
        return may

    def write(self, connection: Connection, now: datetime) -> None:
        """Write the final states, and every step to them as evidence."""
        final = {key: self.states[key[0]][key[1]] for key in self.stored}
        changes = {key: Change(*key, state.status) for key, state in final.items()}
        with counters.changing(connection, {reader for reader, _list in final}, stamp(now)):
            subscribe(
                connection,
                added=[change for key, change in changes.items() if self.stored[key] is None],
                changed=[change for key, change in changes.items() if self.stored[key] is not None],
                at=stamp(now),
            )
        pauses = {key: state.paused_until for key, state in final.items() if state.paused_until}
        pause_subscriptions(connection, pauses)
        for (source, campaign_id), evidence in self.evidence.items():
            detail = {"campaign": campaign_id} if campaign_id else {}
            source_id = consent.shared_source(connection, source, detail, now)
            consent.record(connection, evidence, source_id, stamp(now))
