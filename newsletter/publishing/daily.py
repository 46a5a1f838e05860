"""Schedule the issue of the day at the time of `[schedule] daily`, and report what keeps it from being sent.

The issue is found by its date. A missing or broken one is reported an hour before its time. Only scheduling happens
here: `scheduler` sends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from newsletter.campaigns import reports, schedule
from newsletter.campaigns.campaign_queries import campaigns_of_slug
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.issues.front_matter_yaml import parse_front_matter
from newsletter.issues.issue import date_of, issue_files, read_issue, shown_path, slug_of
from newsletter.issues.summaries import read_summary
from newsletter.messages.merge_tags import TagStore
from newsletter.publishing.plan import gated, make_plan, refuse_schedule, schedule_plan
from newsletter.times import OFF, Moment, first_moment, parse_moment

logger = logging.getLogger(__name__)

AHEAD = timedelta(hours=1)
"""Time before an issue is due when a missing or broken one is reported."""
_EAST = timezone(timedelta(hours=14))
"""The zone in which clocks show a time first."""


@dataclass(frozen=True, kw_only=True)
class ScheduleProblem:
    """A reason why there will be no issue today."""

    key: str
    """An identifier of this problem on this day, so that the editors are alerted once."""
    sentence: str
    subject: str = "no issue today"
    """The subject of the alert, after the publication's name."""


@dataclass(frozen=True, kw_only=True)
class _Time:
    """The times at which the issue of a day is scheduled and sent."""

    picked: datetime
    """The time when the file is frozen and scheduled, UTC; for `local`, in time for its first reader."""
    start: datetime
    """The start of its campaign, UTC; one that is too long ago is left to a person."""


def due_at(publication: PublicationSettings, day: date) -> datetime | None:
    """Return the time, UTC, of a day's issue without a `send_at`; None when `[schedule] daily` is off."""
    of_day = publication.config.schedule.daily.of_day
    zone = publication.config.publication.timezone
    return first_moment(datetime.combine(day, of_day), zone) if of_day is not None else None


def schedule_today(publication: PublicationSettings, database: Database, now: datetime) -> list[ScheduleProblem]:
    """Schedule the day's issue when its time has come, and return the problems with it from an hour before.

    An issue that has a campaign, in whatever state, is left alone. An issue that would be too late by now is left to
    a person, since the file may be a draft of something else.
    """
    if publication.config.schedule.daily.of_day is None:
        return []
    days = {day: due for day in _days(publication, now) if (due := due_at(publication, day))}
    files = dated(publication, days)
    problems = [_schedule_day(publication, database, day, due, files[day], now) for day, due in days.items()]
    return [problem for problem in problems if problem]


def _days(publication: PublicationSettings, now: datetime) -> list[date]:
    """Return the days whose issue may be due: yesterday until today's is near, today, and tomorrow for midnight."""
    today = now.astimezone(publication.config.publication.timezone).date()
    due, near = due_at(publication, today), [today, today + timedelta(days=1)]
    is_time = due is None or now >= due - AHEAD or publication.config.send.max_lateness == OFF
    return near if is_time else [today - timedelta(days=1), *near]


def dated(publication: PublicationSettings, days: Iterable[date]) -> dict[date, list[Path]]:
    """Return the issue files of each of the days."""
    files: dict[date, list[Path]] = {day: [] for day in days}
    for path in issue_files(publication):
        summary = read_summary(path)
        day = (summary and summary.date) or date_of(path)
        if day in files and not (summary and summary.is_welcome):
            files[day].append(path)
    return files


def _schedule_day(
    publication: PublicationSettings, database: Database, day: date, due: datetime, paths: list[Path], now: datetime
) -> ScheduleProblem | None:
    if _has_campaign(database, paths):
        return None
    if len(paths) == 1:
        return _schedule_file(publication, database, paths[0], due, now)
    is_late = schedule.is_too_late(due, now, publication.config.send.max_lateness)
    if now < due - AHEAD or (is_late and _is_over(publication, day, now)):
        return None
    if not paths:
        would, when = "was to" if is_late else "would", schedule.wall_clock(publication, due)
        return ScheduleProblem(
            key=f"missing {day}", sentence=f"There is no issue dated {day}; it {would} be sent at {when}."
        )
    return _several(day, paths)


def _is_over(publication: PublicationSettings, day: date, now: datetime) -> bool:
    """Tell whether the day has passed, or the next day's issue is near."""
    coming = due_at(publication, day + timedelta(days=1))
    is_past = day < now.astimezone(publication.config.publication.timezone).date()
    return is_past or (coming is not None and now >= coming - AHEAD)


def _several(day: date, paths: list[Path]) -> ScheduleProblem:
    named = ", ".join(path.name for path in paths)
    sentence = f"{len(paths)} issues are dated {day} ({named}): none is sent by itself. Schedule or send one."
    return ScheduleProblem(key=f"several {day}", sentence=sentence, subject=f"{len(paths)} issues are dated {day}")


def _schedule_file(
    publication: PublicationSettings, database: Database, path: Path, due: datetime, now: datetime
) -> ScheduleProblem | None:
    """Schedule the only issue of its day when it is time. Its errors must not stop other campaigns."""
    try:
        time = _time(publication, database, path, due, now)
        if now < time.picked - AHEAD:
            return None
        if schedule.is_too_late(time.start, now, publication.config.send.max_lateness):
            return _too_late(publication, path, time.start, now)
        _schedule(publication, database, path, due, now, is_time=now >= time.picked)
    except Exception as error:
        if not isinstance(error, NewsletterError):
            logger.exception("today's issue, %s, cannot be sent", path.name)
        kind = "" if isinstance(error, NewsletterError) else f"{type(error).__name__}: "
        cannot = f"{path.name} cannot be sent"
        return ScheduleProblem(key=f"broken {path.name}", sentence=f"{cannot}. {kind}{error}", subject=cannot)
    return None


def _time(publication: PublicationSettings, database: Database, path: Path, due: datetime, now: datetime) -> _Time:
    """Return the times of an issue: by its `send_at` if that can be read, and scheduled at `due` at the latest."""
    try:
        front = _front_matter(publication, path)
        if not (send_at := front.get("send_at")):
            return _Time(picked=due, start=due)
        moment = parse_moment(send_at, publication.config.publication.timezone)
        earliest = moment.at(_EAST)
        if now < earliest - AHEAD:  # counting readers is not free
            return _Time(picked=min(due, earliest), start=max(now, earliest))
        to, segment = front.get("list") or publication.default_list, front.get("segment", "")
        with database.read() as connection:
            when = schedule.timing(connection, publication, moment, to, segment, now)
    except (NewsletterError, ValueError):  # reported with the issue's other mistakes when it is due
        return _Time(picked=due, start=due)
    return _Time(picked=min(due, *when.waves, when.start), start=when.start)


def _front_matter(publication: PublicationSettings, path: Path) -> dict[str, str]:
    """Return the issue's front matter without parsing its text. Raises NewsletterError for an unreadable file."""
    text = read_issue(path, shown_path(publication, path))
    front, _ = parse_front_matter(TagStore.for_text(text).hide(text), path.name)
    return {key: value.text.strip() for key, value in front.values.items()}


def _too_late(publication: PublicationSettings, path: Path, start: datetime, now: datetime) -> ScheduleProblem:
    most, late = publication.config.send.max_lateness, reports.duration(now - start)
    when = schedule.wall_clock(publication, start)
    sentence = (
        f"{path.name} is not sent by itself: it was to start at {when}, {late} ago; max_lateness is {most}. "
        f"Send it nevertheless with: newsletter send {slug_of(path)}"
    )
    key = f"late {path.name} {start:%Y-%m-%d}"
    return ScheduleProblem(key=key, sentence=sentence, subject=f"{path.name} was not sent")


def _schedule(
    publication: PublicationSettings, database: Database, path: Path, due: datetime, now: datetime, *, is_time: bool
) -> None:
    """Check that an issue can be sent, and schedule it when it is time. Raises NewsletterError."""
    plan = make_plan(publication, database, str(path), list_name=None, segment=None)
    refuse_schedule(plan)
    plan = gated(publication, plan, None)
    if is_time:
        moment = plan.built.issue.send_at or Moment(wall=_naive(due), zone=due.tzinfo)
        schedule_plan(publication, database, plan, moment, now)


def _has_campaign(database: Database, paths: list[Path]) -> bool:
    with database.read() as connection:
        return any(campaigns_of_slug(connection, slug_of(path)) for path in paths)


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
