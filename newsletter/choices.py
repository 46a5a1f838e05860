"""Choices: what readers decide themselves by the links in their mail: leave, pause, come back, choose lists.

Many readers' in one transaction, each with its evidence; a choice made twice is made once. Whose link it
was, the caller knows. What forgetting a reader takes is `erasure`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, select

from newsletter import consent, events, subscribers, suppressions
from newsletter.consent import Change
from newsletter.database.bulk import among
from newsletter.database.tables import campaign, subscriber, subscription
from newsletter.entries import Status, subscribe
from newsletter.events import Event, Kind
from newsletter.times import stamp

PAUSED = "paused"
"""What the evidence of a pause says; on the list the reader stays active."""


class Wish(StrEnum):
    """What a reader wants of a list."""

    LEAVE = "leave"
    PAUSE = "pause"
    JOIN = "join"
    """Join, come back, or end a pause."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One reader's wish, and how we know of it."""

    subscriber_id: int
    wish: Wish
    lists: tuple[str, ...] | None
    """None: each list the reader is on."""
    source: str
    """Of the evidence: `one click`, `unsubscribe page`, ..."""
    campaign_id: int = 0
    """Whose email the link was in; 0: no campaign's."""
    at: datetime
    until: datetime | None = None
    """Of a pause."""


class Standing(NamedTuple):
    """Where a reader stands on a list."""

    status: str
    paused_until: str | None
    """Past or not."""


def standings(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, dict[str, Standing]]:
    """Where each of these readers stands, by list; who is unknown is not in it."""
    ids = list(subscriber_ids)
    found: dict[int, dict[str, Standing]] = {}
    for (id,) in connection.execute(select(subscriber.c.id).where(among(connection, subscriber.c.id, ids))):
        found[id] = {}
    columns = subscription.c
    asked = select(columns.subscriber_id, columns.list, columns.status, columns.paused_until).order_by(columns.list)
    for id, name, *standing in connection.execute(asked.where(among(connection, columns.subscriber_id, ids))):
        found[id][name] = Standing(*standing)
    return found


def choose(connection: Connection, choices: Sequence[Choice]) -> list[tuple[str, ...]]:
    """Make these choices, in their order; of each the lists on which something changed.

    Of a reader who is unknown nothing changes, and nobody joins who was never active: that takes a confirmation.
    Whoever joins lifts a suppression that was their own wish.
    """
    known = standings(connection, {choice.subscriber_id for choice in choices})
    joining = {choice.subscriber_id for choice in choices if choice.wish is Wish.JOIN}
    run = _Run(known=known, proven=consent.once_active(connection, joining) if joining else frozenset())
    if joining := joining & run.proven:
        suppressions.lift_by_owner(connection, subscribers.keys_of(connection, joining))
    changed = [run.take(choice) for choice in choices]
    if run.stored:
        run.write(connection, max(choice.at for choice in choices))
        left = [one for one, lists in zip(choices, changed, strict=True) if lists and one.wish is Wish.LEAVE]
        _tell_campaigns(connection, [one for one in left if one.campaign_id])
    return changed


def _tell_campaigns(connection: Connection, left: Sequence[Choice]) -> None:
    """That a campaign's email was what a reader left by is an event of the campaign, once."""
    if not left:
        return
    wanted = {choice.campaign_id for choice in left}
    known = set(connection.scalars(select(campaign.c.id).where(campaign.c.id.in_(wanted))))
    told = [_event(choice) for choice in left if choice.campaign_id in known]
    events.record(connection, told)


def _event(choice: Choice) -> Event:
    return Event(
        kind=Kind.UNSUBSCRIBED,
        campaign_id=choice.campaign_id,
        subscriber_id=choice.subscriber_id,
        at=choice.at,
        key=f"left:{choice.campaign_id}.{choice.subscriber_id}",
        source=choice.source,
    )


@dataclass(kw_only=True)
class _Run:
    """Choices while they are made: as things stand, and what has to be written."""

    known: dict[int, dict[str, Standing]]
    proven: frozenset[int]
    stored: dict[tuple[int, str], Standing | None] = field(default_factory=dict)
    """As it was before, of what changed."""
    evidence: dict[tuple[str, int], list[Change]] = field(default_factory=lambda: defaultdict(list))
    """By source and campaign."""

    def take(self, choice: Choice) -> tuple[str, ...]:
        """Make one choice; the lists on which something changed."""
        standing = self.known.get(choice.subscriber_id)
        if standing is None:
            return ()
        names = standing if choice.lists is None else choice.lists
        return tuple(name for name in list(names) if self._move(choice, standing, name))

    def _move(self, choice: Choice, standing: dict[str, Standing], name: str) -> bool:
        before = standing.get(name)
        after = self._after(choice, before)
        if after is None or after == before:
            return False
        standing[name] = after
        self.stored.setdefault((choice.subscriber_id, name), before)
        said = PAUSED if choice.wish is Wish.PAUSE else after.status
        self.evidence[choice.source, choice.campaign_id].append(Change(choice.subscriber_id, name, said))
        return True

    def _after(self, choice: Choice, before: Standing | None) -> Standing | None:
        """Where the reader stands then; None when the wish cannot be granted."""
        if choice.wish is Wish.JOIN:
            return Standing(Status.ACTIVE, None) if choice.subscriber_id in self.proven else None
        if before is None:
            return None
        if choice.wish is Wish.LEAVE:
            return Standing(Status.UNSUBSCRIBED, None)
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
        subscribers.pause(connection, {key: one.paused_until for key, one in final.items() if one.paused_until})
        for (source, campaign_id), evidence in self.evidence.items():
            detail = {"campaign": campaign_id} if campaign_id else {}
            source_id = consent.shared_source(connection, source, detail, now)
            consent.record(connection, evidence, source_id, stamp(now))
