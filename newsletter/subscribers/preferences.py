"""Preferences: leave, pause, come back and choose lists, by the links in a reader's mail.

Changes of many readers are made in one transaction, each with its evidence; a change made twice has one effect.
The caller knows whose link it was. `campaigns/unsubscribes.py` wraps `change_preferences` and records which
campaign's email a reader left by; erasing a reader is `erasure.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, select

from newsletter.database.bulk import among
from newsletter.database.tables import subscriber, subscription
from newsletter.subscribers import consent, suppressions
from newsletter.subscribers.consent import Change
from newsletter.subscribers.subscriber import address_keys, pause_subscriptions
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


class ListState(NamedTuple):
    """The state of a reader on a list."""

    status: str
    paused_until: str | None
    """The end of a pause, past or not; None: never paused."""


def list_states(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, dict[str, ListState]]:
    """Return the state of each of these readers on each list; unknown readers are left out."""
    ids = list(subscriber_ids)
    states: dict[int, dict[str, ListState]] = {}
    for (id,) in connection.execute(select(subscriber.c.id).where(among(connection, subscriber.c.id, ids))):
        states[id] = {}
    columns = subscription.c
    rows = select(columns.subscriber_id, columns.list, columns.status, columns.paused_until).order_by(columns.list)
    for id, name, *state in connection.execute(rows.where(among(connection, columns.subscriber_id, ids))):
        states[id][name] = ListState(*state)
    return states


def change_preferences(connection: Connection, changes: Sequence[PreferenceChange]) -> list[tuple[str, ...]]:
    """Make these changes in their order; return for each the lists on which something changed.

    A change for an unknown reader does nothing. A reader who was never active joins nothing: that takes a
    confirmation. Joining lifts a suppression that the reader asked for.
    """
    states = list_states(connection, {change.subscriber_id for change in changes})
    joining = {change.subscriber_id for change in changes if change.action is PreferenceAction.JOIN}
    run = _PreferenceRun(states=states, proven=consent.once_active(connection, joining) if joining else frozenset())
    if joining := joining & run.proven:
        suppressions.lift_by_owner(connection, address_keys(connection, joining))
    changed = [run.apply(change) for change in changes]
    if run.stored:
        run.write(connection, max(change.at for change in changes))
    return changed


@dataclass(kw_only=True)
class _PreferenceRun:
    """Changes while they are made: the states they lead to, and what has to be written."""

    states: dict[int, dict[str, ListState]]
    proven: frozenset[int]
    """The readers who were active at some time, so that their address is known to be theirs."""
    stored: dict[tuple[int, str], ListState | None] = field(default_factory=dict)
    """The states in the database, of those that changed, by reader and list."""
    evidence: dict[tuple[str, int], list[Change]] = field(default_factory=lambda: defaultdict(list))
    """The consent to record, by source and campaign."""

    def apply(self, change: PreferenceChange) -> tuple[str, ...]:
        """Make one change; return the lists on which something changed."""
        states = self.states.get(change.subscriber_id)
        if states is None:
            return ()
        names = states if change.lists is None else change.lists
        return tuple(name for name in list(names) if self._move(change, states, name))

    def _move(self, change: PreferenceChange, states: dict[str, ListState], name: str) -> bool:
        before = states.get(name)
        after = self._after(change, before)
        if after is None or after == before:
            return False
        states[name] = after
        # setdefault: of several changes of one list, the state before the first is the stored one.
        self.stored.setdefault((change.subscriber_id, name), before)
        status = PAUSED if change.action is PreferenceAction.PAUSE else after.status
        self.evidence[change.source, change.campaign_id].append(Change(change.subscriber_id, name, status))
        return True

    def _after(self, change: PreferenceChange, before: ListState | None) -> ListState | None:
        """Return the state that a change leads to, or None when it may not be made."""
        if change.action is PreferenceAction.JOIN:
            return ListState(Status.ACTIVE, None) if change.subscriber_id in self.proven else None
        if before is None:
            return None
        if change.action is PreferenceAction.LEAVE:
            return ListState(Status.UNSUBSCRIBED, None)
        return before._replace(paused_until=stamp(change.until)) if change.until and before.status == "active" else None

    def write(self, connection: Connection, now: datetime) -> None:
        """Write the final states, and every step to them as evidence."""
        final = {key: self.states[key[0]][key[1]] for key in self.stored}
        changes = {key: Change(*key, state.status) for key, state in final.items()}
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
