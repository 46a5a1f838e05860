"""Start campaigns on time, and find the moment that each reader's own clock shows.

A campaign whose time has gone by for too long is paused with the reason, and so is one that needs what newsletter.toml
has no longer. `publishing.scheduler` asks once a second; what a time means in a time zone is times.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Connection, select

from newsletter.campaigns import approvals, reports
from newsletter.campaigns.campaign import Campaign, CampaignState, change_state, get_campaign
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.config import PublicationSettings
from newsletter.database.tables import subscriber
from newsletter.errors import ConfigError
from newsletter.providers import find_provider
from newsletter.subscribers import segments
from newsletter.times import OFF, Duration, Moment, first_moment, zone_or


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The start of a campaign, and the moments at which its readers get it."""

    start: datetime
    """UTC."""
    wall: datetime | None
    """The time by each reader's own clock, naive; None when everyone gets it at once."""
    waves: Mapping[datetime, int]
    """Readers by the moment they are due, the first first; empty unless there is a `wall`."""

    def late(self, now: datetime) -> int:
        """Return the number of readers whose own time has gone by already."""
        return sum(number for due, number in self.waves.items() if due < now)


def timing(
    connection: Connection,
    publication: PublicationSettings,
    moment: Moment,
    list_name: str,
    segment: str,
    now: datetime,
    among: ColumnElement[bool] | None = None,
) -> Timing:
    """Return what `moment` means for the audience; `local` starts with its first reader, but not in the past.

    `among` is the condition of a correction's readers (`audience.got`).
    """
    if moment.zone is not None:
        return Timing(start=moment.at(), wall=None, waves={})
    waves = sizes(connection, publication, moment.wall, list_name, segment, now, among)
    first = min(waves, default=moment.at(publication.config.publication.timezone))
    last = max(waves, default=first)
    return Timing(start=max(first, now) if last > now else first, wall=moment.wall, waves=waves)


def is_too_late(start: datetime, now: datetime, most: Duration) -> bool:
    """Tell whether a campaign that was to start at `start` is paused instead; `off` pauses none."""
    return most != OFF and now - start > most.delta


def begin_due(connection: Connection, publication: PublicationSettings, now: datetime) -> list[Campaign]:
    """Start every campaign whose time has come, and pause those that are too late; return them as they are then."""
    scheduled = campaigns_in_state(connection, CampaignState.SCHEDULED)
    return [
        _begin(connection, publication, campaign.id, start, now)
        for campaign in scheduled
        if (start := campaign.start) and start <= now
    ]


def _begin(
    connection: Connection, publication: PublicationSettings, campaign_id: int, start: datetime, now: datetime
) -> Campaign:
    campaign = get_campaign(connection, campaign_id)
    if reason := missing_setting(publication, campaign) or approvals.reason_to_hold(
        connection, publication, campaign, now
    ):
        return change_state(connection, campaign_id, "pause", now=now, reason=reason)
    most = publication.config.send.max_lateness
    if not is_too_late(start, now, most):
        return change_state(connection, campaign_id, "start", now=now)
    late = reports.duration(now - start)
    reason = f"it was to start at {wall_clock(publication, start)}, {late} ago; max_lateness is {most}"
    return change_state(connection, campaign_id, "pause", now=now, reason=reason)


def missing_setting(publication: PublicationSettings, campaign: Campaign) -> str:
    """Return why newsletter.toml has not what an approved campaign needs of it; empty when it has.

    Its message and page are frozen, and once everyone is enqueued its readers are, too.
    """
    if campaign.list not in publication.config.lists:
        return f'the list "{campaign.list}" is not in newsletter.toml any more'
    if campaign.segment and not campaign.enqueued and campaign.segment not in publication.config.segments:
        return f'the segment "{campaign.segment}" is not in newsletter.toml any more'
    try:
        find_provider(publication, campaign.provider)
    except ConfigError as error:
        return f"its provider, {campaign.provider}, cannot be used any more: {error.message}"
    return ""


def hold_unprepared(
    connection: Connection, publication: PublicationSettings, campaign_id: int, now: datetime
) -> Campaign | None:
    """Pause a campaign that is sending and for which a setting is missing; return it, or None when it may go on."""
    campaign = get_campaign(connection, campaign_id)
    reason = missing_setting(publication, campaign) if campaign.state is CampaignState.SENDING else ""
    return change_state(connection, campaign_id, "pause", now=now, reason=reason) if reason else None


def wall_clock(publication: PublicationSettings, moment: datetime) -> str:
    """Write a moment in the publication's time zone, with seconds if it has any: `2026-11-24 07:00 EST`."""
    there = moment.astimezone(publication.config.publication.timezone)
    return there.strftime("%Y-%m-%d %H:%M:%S %Z" if there.second else "%Y-%m-%d %H:%M %Z")


def until(moment: datetime, now: datetime) -> str:
    """Write the time left: `in 12 h 5 min`, `in 12 days`, or `at once` for a moment that has gone by."""
    left = moment - now
    if left > timedelta(days=2):
        return f"in {left.days:,} days"
    return f"in {reports.duration(left)}" if left > timedelta(0) else "at once"


MOST_ASKED = 10_000
"""Readers in one question; SQLite takes 32,766 values in one statement."""


def moments(
    connection: Connection, publication: PublicationSettings, wall: datetime, ids: Sequence[int]
) -> Mapping[int, datetime]:
    """Return the moment (UTC) at which clocks show `wall` (naive) where each of these readers is.

    A reader without a time zone, or with an unknown one, lives by the publication's.
    """
    in_zone = cache(lambda name: _moment(publication, wall, name))
    moments = dict.fromkeys(ids, in_zone(""))
    for start in range(0, len(ids), MOST_ASKED):
        named = select(subscriber.c.id, subscriber.c.timezone).where(
            subscriber.c.id.in_(ids[start : start + MOST_ASKED]), subscriber.c.timezone != ""
        )
        moments.update({id: in_zone(zone) for id, zone in connection.execute(named)})
    return moments


def sizes(
    connection: Connection,
    publication: PublicationSettings,
    wall: datetime,
    list_name: str,
    segment: str,
    now: datetime,
    among: ColumnElement[bool] | None = None,
) -> dict[datetime, int]:
    """Return the number of readers who are due at each moment, the first moment first."""
    numbers: dict[datetime, int] = {}
    for zone, number in segments.by_zone(connection, publication, list_name, segment, now=now, among=among).items():
        due = _moment(publication, wall, zone)
        numbers[due] = numbers.get(due, 0) + number
    return dict(sorted(numbers.items()))


def _moment(publication: PublicationSettings, wall: datetime, zone: str) -> datetime:
    return first_moment(wall, zone_or(zone, publication.config.publication.timezone))
