"""The head of the start page: today's issue, the last result, what comes next, and what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.schedule import until, wall_clock
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.figures.campaigns import campaign_figures
from newsletter.preview.inbox import DRAFT, InboxEntry, IssueStatus, entry, status_of, subject_as_read
from newsletter.publishing import heartbeat
from newsletter.publishing.coming import DayIssue, day_issues, waiting_campaigns
from newsletter.times import utc_now
from newsletter.web.error_log import masked
from newsletter.web.preview import schedule
from newsletter.web.preview.database import database_problem
from newsletter.web.preview.pages import page, workspace_of
from newsletter.web.preview.results.opened import counted_database
from newsletter.web.preview.results.shown import base, clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Coming:
    """The card of what comes next."""

    today: DayIssue
    entries: tuple[tuple[InboxEntry, IssueStatus], ...]
    """The issues dated today, each with its state."""
    due: str
    """When today's issue is sent by itself, in words; empty when nothing is."""
    next: str
    """When the next issue is sent by itself, in words, if nothing is scheduled before; empty when nothing is."""
    scheduled: tuple[tuple[Campaign, str], ...]
    """The campaigns that wait, the next first, each with its time in words."""
    problems: tuple[str, ...]
    """What keeps issues from being sent, each as a sentence with its remedy; commands stand in backquotes."""


def show_home(request: Request) -> Response:
    """Show the head alone, for a page that is open while it changes."""
    return page(request, "home.html", home(request, workspace_of(request).publication))


def home(request: Request, publication: PublicationSettings) -> dict[str, object]:
    """Return what the head of the start page shows; a database that fails is one of its problems."""
    now = utc_now()
    today = now.astimezone(publication.config.publication.timezone)
    values = {"publication": publication, "day": f"{today:%A}, {today.day} {today:%B}"}
    try:
        return {**values, **_last(request, publication), "coming": coming(request, publication, now)}
    except NewsletterError as error:  # the issues can be shown without it
        logger.error("the figures cannot be read", exc_info=masked(error))
        return {**values, "last": None, "coming": coming_of_files(publication, now, problems=(str(error),))}


def _last(request: Request, publication: PublicationSettings) -> dict[str, object]:
    """Return the figures of the campaign that started last."""
    database = counted_database(request, publication)
    if database is None:
        return {"last": None}
    with database.read() as connection:
        last = next(iter(campaign_figures(connection, publication, most=1)), None)
    if last is None:
        return {"last": None}
    return {
        "last": last,
        "last_base": base(last),
        "last_sent": clock(publication, datetime.fromisoformat(last.sent_at)),
    }


def coming(request: Request, publication: PublicationSettings, now: datetime) -> Coming:
    """Return what comes next, and what is wrong."""
    today, tomorrow = _days(publication, now)
    slugs = [*today.slugs, *tomorrow.slugs]
    scheduled, statuses, troubles = _from_database(publication, counted_database(request, publication), slugs, now)
    problem = database_problem(request, publication)
    return _coming(publication, now, (today, tomorrow), scheduled, statuses, [*filter(None, [problem]), *troubles])


def coming_of_files(publication: PublicationSettings, now: datetime, *, problems: Sequence[str]) -> Coming:
    """Return what comes next as far as the issue files say; `problems` tell why the database says nothing."""
    return _coming(publication, now, _days(publication, now), (), {}, problems)


def _days(publication: PublicationSettings, now: datetime) -> tuple[DayIssue, DayIssue]:
    """Return today and tomorrow by the publication's clock."""
    day = now.astimezone(publication.config.publication.timezone).date()
    today, tomorrow = day_issues(publication, [day, day + timedelta(days=1)])
    return today, tomorrow


def _coming(
    publication: PublicationSettings,
    now: datetime,
    days: tuple[DayIssue, DayIssue],
    scheduled: tuple[tuple[Campaign, str], ...],
    statuses: Mapping[str, IssueStatus],
    problems: Sequence[str],
) -> Coming:
    today, tomorrow = days
    return Coming(
        today=today,
        entries=tuple(_today(publication, today, statuses)),
        due=_when(publication, today.due, now),
        next=_next(publication, today, tomorrow, now),
        scheduled=scheduled,
        problems=(*problems, *_days_wrong(publication, today, tomorrow, statuses, now)),
    )


def _today(
    publication: PublicationSettings, today: DayIssue, statuses: Mapping[str, IssueStatus]
) -> Iterator[tuple[InboxEntry, IssueStatus]]:
    for path in today.files:
        if line := entry(publication, path):
            yield line, statuses.get(line.slug, DRAFT)


def _when(publication: PublicationSettings, moment: datetime | None, now: datetime) -> str:
    """Write a time to come: `2026-11-24 07:00 EST, in 12 h`; empty for one that has gone by."""
    if moment is None or moment < now:
        return ""
    return f"{wall_clock(publication, moment)}, {until(moment, now)}"


def _next(publication: PublicationSettings, today: DayIssue, tomorrow: DayIssue, now: datetime) -> str:
    due = today.due if today.due and today.due > now else tomorrow.due
    return _when(publication, due, now)


def _from_database(
    publication: PublicationSettings, database: Database | None, slugs: Sequence[str], now: datetime
) -> tuple[tuple[tuple[Campaign, str], ...], Mapping[str, IssueStatus], list[str]]:
    if database is None:
        return (), {}, []
    with database.read() as connection:
        waiting = waiting_campaigns(connection)
        zone = publication.config.publication.timezone
        statuses = {slug: status_of(connection, slug, zone) for slug in slugs}
        paused = campaigns_in_state(connection, CampaignState.PAUSED)
        last = next(iter(campaign_figures(connection, publication, most=1)), None)
        unknown = delivery_counts(connection, last.campaign)["unknown"] if last else 0
        has_runner = heartbeat.is_runner_alive(connection, now)
    troubles = [_paused(publication, campaign) for campaign in reversed(paused)]
    if waiting and not has_runner:
        troubles.append(f"“{subject_as_read(publication, waiting[0].subject)}” is scheduled. {schedule.NO_RUNNER}")
    if last and unknown and last.state == CampaignState.SENT:
        troubles.append(
            f"Of “{subject_as_read(publication, last.subject)}” nobody knows whether {unknown:,} messages arrived. "
            f"Ask the provider: `newsletter reconcile {last.campaign}`"
        )
    timed = tuple((campaign, _when(publication, campaign.start, now) or "now") for campaign in waiting)
    return timed, statuses, troubles


def _paused(publication: PublicationSettings, campaign: Campaign) -> str:
    subject = subject_as_read(publication, campaign.subject)
    return f"“{subject}” is paused: {campaign.reason}. Let it go on: `newsletter resume {campaign.id}`"


def _days_wrong(
    publication: PublicationSettings,
    today: DayIssue,
    tomorrow: DayIssue,
    statuses: Mapping[str, IssueStatus],
    now: datetime,
) -> Iterator[str]:
    """Yield why there is no issue today, or none tomorrow."""
    for each in (today, tomorrow):
        name = "today" if each is today else "tomorrow"
        if each.is_missing and each.due:
            would = "would be" if each.due > now else "was to be"
            yield f"There is no issue dated {name}, {each.day}; it {would} sent at {wall_clock(publication, each.due)}."
        unsent = [slug for slug in each.slugs if statuses.get(slug, DRAFT) == DRAFT]
        if each.due and len(each.slugs) > 1 and unsent:
            named = ", ".join(each.slugs)
            yield f"{len(each.slugs)} issues are dated {name} ({named}): none is sent by itself. Schedule or send one."


ROUTES = [Route("/home", show_home)]
