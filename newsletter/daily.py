"""The daily issue: found by its date, scheduled without being told, missed before it is late.

`[schedule] daily` is the time. Looks at files and campaigns, and schedules; sending is `runner`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from newsletter import campaigns, plans, schedule
from newsletter.config import Publication
from newsletter.database import Database
from newsletter.errors import NewsletterError
from newsletter.issues import date_of, is_welcome, issue_files, slug_of
from newsletter.times import OFF, Moment
from newsletter.zones import first_moment

AHEAD = timedelta(hours=1)
"""How long before its time a missing issue is missed."""
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
_DATE = re.compile(r"^date:[ \t]*[\"']?(\d{4}-\d\d-\d\d)", re.MULTILINE)
_HEAD = 4096
"""Characters in which front matter says its date."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why there will be no issue today."""

    key: str
    """The same for the same trouble on the same day."""
    sentence: str


def due_at(publication: Publication, day: date) -> datetime | None:
    """When the issue of that day is sent, UTC; None when `[schedule] daily` is off."""
    of_day = publication.config.schedule.daily.of_day
    zone = publication.config.publication.timezone
    return first_moment(datetime.combine(day, of_day), zone) if of_day is not None else None


def look(publication: Publication, database: Database, now: datetime) -> list[Trouble]:
    """Schedule the day's issue when its time has come; what is wrong with it, from an hour before.

    Nothing is done for an issue that has a campaign already, in whatever state, nor for a day
    whose issue would be too late by now.
    """
    days = ((day, due_at(publication, day)) for day in _days(publication, now))
    found = [_look(publication, database, day, due, now) for day, due in days if due and now >= due - AHEAD]
    return [trouble for trouble in found if trouble]


def _days(publication: Publication, now: datetime) -> list[date]:
    """Whose issue may be due: yesterday's, until it is time for today's; today's; near midnight, tomorrow's."""
    today = now.astimezone(publication.config.publication.timezone).date()
    due, near = due_at(publication, today), [today, today + timedelta(days=1)]
    is_time = due is None or now >= due - AHEAD or publication.config.send.max_lateness == OFF
    return near if is_time else [today - timedelta(days=1), *near]


def _look(publication: Publication, database: Database, day: date, due: datetime, now: datetime) -> Trouble | None:
    if schedule.is_too_late(due, now, publication.config.send.max_lateness):
        return None
    paths = [path for path in issue_files(publication) if _date_of(path) == day and not is_welcome(path)]
    if not paths:
        when = schedule.wall_clock(publication, due)
        return Trouble(key=f"missing {day}", sentence=f"There is no issue dated {day}; it would be sent at {when}.")
    if len(paths) > 1:
        named = ", ".join(path.name for path in paths)
        sentence = f"{len(paths)} issues are dated {day} ({named}): none is sent by itself. Schedule or send one."
        return None if _has_campaign(database, paths) else Trouble(key=f"several {day}", sentence=sentence)
    return None if _has_campaign(database, paths) else _schedule(publication, database, paths[0], due, now)


def _schedule(publication: Publication, database: Database, path: Path, due: datetime, now: datetime) -> Trouble | None:
    try:
        plan = plans.make_plan(publication, database, str(path), list_name=None, segment=None)
        plans.refuse_schedule(plan)
        plan = plans.gated(publication, plan, None)
        if now >= due:
            moment = plan.built.issue.send_at or Moment(wall=_naive(due), zone=due.tzinfo)
            plans.schedule(publication, database, plan, moment, now)
    except NewsletterError as error:
        return Trouble(key=f"broken {path.name}", sentence=f"{path.name} cannot be sent. {error}")
    return None


def _has_campaign(database: Database, paths: list[Path]) -> bool:
    with database.read() as connection:
        return any(campaigns.of_slug(connection, slug_of(path)) for path in paths)


def _date_of(path: Path) -> date | None:
    """The front matter's, else the file name's; a file that cannot be read has none."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            front = _FRONT_MATTER.match(file.read(_HEAD))
        found = _DATE.search(front[1]) if front else None
        return date.fromisoformat(found[1]) if found else date_of(path)
    except (OSError, ValueError):
        return date_of(path)


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
