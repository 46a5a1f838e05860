"""The schedule: when a campaign starts, and what becomes of one whose time has gone by.

Says what is due; who acts on it is `runner`. What a time means in a time zone is `zones`.

Waves: the readers of a `local` campaign by their own clocks.

Reads the readers' time zones and writes nothing; what a time means in a zone is `zones`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, select

from newsletter.campaigns import reports
from newsletter.campaigns.campaign import Campaign, CampaignState, campaigns_in_state, change_state
from newsletter.config import Publication
from newsletter.database.tables import subscriber
from newsletter.subscribers import segments
from newsletter.times import OFF, Duration, Moment, first_moment, zone_or


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When a campaign will start, and who gets it when."""

    start: datetime
    """UTC."""
    wall: datetime | None
    """By each reader's own clock, naive; None: everyone at once."""
    waves: Mapping[datetime, int]
    """Readers by the moment they are due, the first first; empty unless there is a `wall`."""

    def late(self, now: datetime) -> int:
        """How many readers' own time has gone by already."""
        return sum(number for due, number in self.waves.items() if due < now)


def timing(
    connection: Connection, publication: Publication, moment: Moment, list_name: str, segment: str, now: datetime
) -> Timing:
    """What `moment` means for the audience: `local` starts with the first of its readers, but not in the past."""
    if moment.zone is not None:
        return Timing(start=moment.at(), wall=None, waves={})
    waves = sizes(connection, publication, moment.wall, list_name, segment, now)
    first = min(waves, default=moment.at(publication.config.publication.timezone))
    last = max(waves, default=first)
    return Timing(start=max(first, now) if last > now else first, wall=moment.wall, waves=waves)


def is_too_late(start: datetime, now: datetime, most: Duration) -> bool:
    """Whether a campaign that was to start at `start` is held; `off` holds none."""
    return most != OFF and now - start > most.delta


def begin_due(connection: Connection, publication: Publication, now: datetime) -> list[Campaign]:
    """Start every campaign whose time has come, and pause those that are too late; return them as they are then."""
    scheduled = campaigns_in_state(connection, CampaignState.SCHEDULED)
    return [
        _begin(connection, publication, campaign.id, start, now)
        for campaign in scheduled
        if (start := campaign.start) and start <= now
    ]


def _begin(
    connection: Connection, publication: Publication, campaign_id: int, start: datetime, now: datetime
) -> Campaign:
    most = publication.config.send.max_lateness
    if not is_too_late(start, now, most):
        return change_state(connection, campaign_id, "start", now=now)
    late = reports.duration(now - start)
    reason = f"it was to start at {wall_clock(publication, start)}, {late} ago; max_lateness is {most}"
    return change_state(connection, campaign_id, "pause", now=now, reason=reason)


def wall_clock(publication: Publication, moment: datetime) -> str:
    """`2026-11-24 07:00 EST`: in the publication's zone; with seconds where there are some."""
    there = moment.astimezone(publication.config.publication.timezone)
    return there.strftime("%Y-%m-%d %H:%M:%S %Z" if there.second else "%Y-%m-%d %H:%M %Z")


def until(moment: datetime, now: datetime) -> str:
    """`in 12 h 5 min`, `in 12 days`, or `at once` for a moment that has gone by."""
    left = moment - now
    if left > timedelta(days=2):
        return f"in {left.days:,} days"
    return f"in {reports.duration(left)}" if left > timedelta(0) else "at once"


MOST_ASKED = 10_000
"""Readers in one question; SQLite takes 32,766 values in one statement."""


def moments(
    connection: Connection, publication: Publication, wall: datetime, ids: Sequence[int]
) -> Mapping[int, datetime]:
    """When clocks show `wall` (naive) where each of these readers is, UTC.

    Who named no zone, or one that there is not, lives by the publication's.
    """
    in_zone = cache(lambda name: _moment(publication, wall, name))
    found = dict.fromkeys(ids, in_zone(""))
    for start in range(0, len(ids), MOST_ASKED):
        named = select(subscriber.c.id, subscriber.c.timezone).where(
            subscriber.c.id.in_(ids[start : start + MOST_ASKED]), subscriber.c.timezone != ""
        )
        found.update({id: in_zone(zone) for id, zone in connection.execute(named)})
    return found


def sizes(
    connection: Connection, publication: Publication, wall: datetime, list_name: str, segment: str, now: datetime
) -> dict[datetime, int]:
    """How many of the audience are due at each moment, the first moment first."""
    found: dict[datetime, int] = {}
    for zone, number in segments.by_zone(connection, publication, list_name, segment, now=now).items():
        due = _moment(publication, wall, zone)
        found[due] = found.get(due, 0) + number
    return dict(sorted(found.items()))


def _moment(publication: Publication, wall: datetime, zone: str) -> datetime:
    return first_moment(wall, zone_or(zone, publication.config.publication.timezone))
