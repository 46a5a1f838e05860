"""Choices: what readers decide themselves by the links in their mail: leave, pause, come back, choose lists.

Many readers' in one transaction, each with its evidence; a choice made twice is made once. Whose link it
was, the caller knows; that a campaign's email led to it is recorded by `campaigns.unsubscribes`.
What forgetting a reader takes is `erasure`.

Parting words: why readers left, counted by list and day.

Nobody's in particular: what is kept cannot be traced to a reader. No other module writes `leaving_reason`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text

from newsletter.database.bulk import among
from newsletter.database.tables import leaving_reason, subscriber, subscription
from newsletter.subscribers import consent, suppressions
from newsletter.subscribers.consent import Change
from newsletter.subscribers.subscriber import address_keys, pause_subscriptions
from newsletter.subscribers.writes import Status, subscribe
from newsletter.times import stamp

PAUSED = "paused"
"""What the evidence of a pause says; on the list the reader stays active."""


class PreferenceAction(StrEnum):
    """What a reader wants of a list."""

    LEAVE = "leave"
    PAUSE = "pause"
    JOIN = "join"
    """Join, come back, or end a pause."""


@dataclass(frozen=True, kw_only=True)
class PreferenceChange:
    """One reader's wish, and how we know of it."""

    subscriber_id: int
    wish: PreferenceAction
    lists: tuple[str, ...] | None
    """None: each list the reader is on."""
    source: str
    """Of the evidence: `one click`, `unsubscribe page`, ..."""
    campaign_id: int = 0
    """Whose email the link was in; 0: no campaign's."""
    at: datetime
    until: datetime | None = None
    """Of a pause."""


class ListStanding(NamedTuple):
    """Where a reader stands on a list."""

    status: str
    paused_until: str | None
    """Past or not."""


def standings(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, dict[str, ListStanding]]:
    """Where each of these readers stands, by list; who is unknown is not in it."""
    ids = list(subscriber_ids)
    found: dict[int, dict[str, ListStanding]] = {}
    for (id,) in connection.execute(select(subscriber.c.id).where(among(connection, subscriber.c.id, ids))):
        found[id] = {}
    columns = subscription.c
    asked = select(columns.subscriber_id, columns.list, columns.status, columns.paused_until).order_by(columns.list)
    for id, name, *standing in connection.execute(asked.where(among(connection, columns.subscriber_id, ids))):
        found[id][name] = ListStanding(*standing)
    return found


def choose(connection: Connection, choices: Sequence[PreferenceChange]) -> list[tuple[str, ...]]:
    """Make these choices, in their order; of each the lists on which something changed.

    Of a reader who is unknown nothing changes, and nobody joins who was never active: that takes a confirmation.
    Whoever joins lifts a suppression that was their own wish.
    """
    known = standings(connection, {choice.subscriber_id for choice in choices})
    joining = {choice.subscriber_id for choice in choices if choice.wish is PreferenceAction.JOIN}
    run = _PreferenceRun(known=known, proven=consent.once_active(connection, joining) if joining else frozenset())
    if joining := joining & run.proven:
        suppressions.lift_by_owner(connection, address_keys(connection, joining))
    changed = [run.take(choice) for choice in choices]
    if run.stored:
        run.write(connection, max(choice.at for choice in choices))
    return changed


@dataclass(kw_only=True)
class _PreferenceRun:
    """Choices while they are made: as things stand, and what has to be written."""

    known: dict[int, dict[str, ListStanding]]
    proven: frozenset[int]
    stored: dict[tuple[int, str], ListStanding | None] = field(default_factory=dict)
    """As it was before, of what changed."""
    evidence: dict[tuple[str, int], list[Change]] = field(default_factory=lambda: defaultdict(list))
    """By source and campaign."""

    def take(self, choice: PreferenceChange) -> tuple[str, ...]:
        """Make one choice; the lists on which something changed."""
        standing = self.known.get(choice.subscriber_id)
        if standing is None:
            return ()
        names = standing if choice.lists is None else choice.lists
        return tuple(name for name in list(names) if self._move(choice, standing, name))

    def _move(self, choice: PreferenceChange, standing: dict[str, ListStanding], name: str) -> bool:
        before = standing.get(name)
        after = self._after(choice, before)
        if after is None or after == before:
            return False
        standing[name] = after
        self.stored.setdefault((choice.subscriber_id, name), before)
        said = PAUSED if choice.wish is PreferenceAction.PAUSE else after.status
        self.evidence[choice.source, choice.campaign_id].append(Change(choice.subscriber_id, name, said))
        return True

    def _after(self, choice: PreferenceChange, before: ListStanding | None) -> ListStanding | None:
        """Where the reader stands then; None when the wish cannot be granted."""
        if choice.wish is PreferenceAction.JOIN:
            return ListStanding(Status.ACTIVE, None) if choice.subscriber_id in self.proven else None
        if before is None:
            return None
        if choice.wish is PreferenceAction.LEAVE:
            return ListStanding(Status.UNSUBSCRIBED, None)
        return before._replace(paused_until=stamp(choice.until)) if choice.until and before.status == "active" else None

    def write(self, connection: Connection, now: datetime) -> None:
        """The final standings, and every step to them as evidence."""
        final = {key: self.known[key[0]][key[1]] for key in self.stored}
        changes = {key: Change(*key, standing.status) for key, standing in final.items()}
        subscribe(
            connection,
            added=[change for key, change in changes.items() if self.stored[key] is None],
            changed=[change for key, change in changes.items() if self.stored[key] is not None],
            at=stamp(now),
        )
        pause_subscriptions(connection, {key: one.paused_until for key, one in final.items() if one.paused_until})
        for (source, campaign_id), evidence in self.evidence.items():
            detail = {"campaign": campaign_id} if campaign_id else {}
            source_id = consent.shared_source(connection, source, detail, now)
            consent.record(connection, evidence, source_id, stamp(now))


class LeavingReason(StrEnum):
    """What a reader may say; the pages' words for it are in their templates."""

    TOO_MUCH = "too-much"
    NOT_FOR_ME = "not-for-me"
    TOO_LONG = "too-long"
    NEVER_JOINED = "never-joined"
    LOOKS_WRONG = "looks-wrong"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class LeavingAnswer:
    """One answer."""

    list: str
    day: date
    reason: LeavingReason


def count(connection: Connection, words: Sequence[LeavingAnswer]) -> list[None]:
    """Add these answers to the numbers; a `Write` for the pages' write queue."""
    rows = [{"list": word.list, "day": word.day.isoformat(), "reason": str(word.reason)} for word in words]
    counted = text(
        "INSERT INTO leaving_reason (list, day, reason, number) VALUES (:list, :day, :reason, 1)"
        " ON CONFLICT (list, day, reason) DO UPDATE SET number = leaving_reason.number + 1"
    )
    connection.execute(counted, rows)
    return [None] * len(words)


def counted(connection: Connection, since: date) -> list[tuple[str, str, int]]:
    """List, reason and how many said it since that day; of each list the most frequent first."""
    number = func.sum(leaving_reason.c.number)
    asked = select(leaving_reason.c.list, leaving_reason.c.reason, number).where(
        leaving_reason.c.day >= since.isoformat()
    )
    asked = asked.group_by(leaving_reason.c.list, leaving_reason.c.reason)
    found = connection.execute(asked.order_by(leaving_reason.c.list, number.desc(), leaving_reason.c.reason))
    return [(name, reason, int(total)) for name, reason, total in found]
