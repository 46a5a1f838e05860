"""Show the panel "Send": what test_send.py, schedule.py and progress.py need to know before they act."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.campaigns import reports
from newsletter.campaigns.campaign import ENDED, Campaign, CampaignState
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import ConfigError
from newsletter.preview.workspace import BuiltIssue
from newsletter.providers import find_provider
from newsletter.subscribers.segments import count, count_suppressed
from newsletter.times import utc_now
from newsletter.web.preview.database import database_of, database_problem
from newsletter.web.preview.pages import page, workspace_of
from newsletter.web.preview.progress import digest_of, progress_of

MORNING = time(7)
"""The time of day proposed for an issue whose file and settings name none."""


def show_panel(request: Request) -> Response:
    """Show the panel, to be put into the page."""
    publication, now = workspace_of(request).publication, utc_now()
    work = workspace_of(request).issue(request.path_params["slug"])
    database = database_of(request, publication)
    shown = progress_of(publication, database, work.slug, now, digest_of(work))
    planned = next((each.campaign for each in shown if _is_planned(each.campaign, work)), None)
    values = {
        "work": work,
        "slug": work.slug,
        "publication": publication,
        "addresses": [test.address for test in publication.config.preview.test_addresses],
        "trouble": database_problem(request, publication),
        "waiting": _waiting(publication, database, work, now),
        "provider": _provider(publication),
        "at": _proposed_time(work, publication, now, planned),
        "by_own_clock": bool(planned and planned.wall),
        "begun": next((each.campaign for each in shown if _is_begun(each.campaign, work)), None),
        "progress": shown,
    }
    return page(request, "act.html", values)


def _is_begun(campaign: Campaign, work: BuiltIssue) -> bool:
    """Tell whether the issue's campaign to its own list and segment has started or ended: it cannot be scheduled."""
    return _is_own(campaign, work) and bool(campaign.started_at or campaign.state in ENDED)


def _is_planned(campaign: Campaign, work: BuiltIssue) -> bool:
    """Tell whether the issue is scheduled: scheduling it again keeps that time, unless another is chosen."""
    return _is_own(campaign, work) and campaign.state is CampaignState.SCHEDULED


def _is_own(campaign: Campaign, work: BuiltIssue) -> bool:
    issue = work.built.issue if work.built else None
    return issue is not None and (campaign.list, campaign.segment) == (issue.list, issue.segment or "")


def _waiting(publication: PublicationSettings, database: Database | None, work: BuiltIssue, now: datetime) -> str:
    """Return how many readers a schedule would reach now, as `8,120 readers of daily`; empty when unknown."""
    if work.built is None or database is None:
        return ""
    issue = work.built.issue
    part = f", segment {issue.segment}" if issue.segment else ""
    with database.read() as connection:
        number = count(connection, publication, issue.list, issue.segment, now=now)
        number -= count_suppressed(connection, publication, issue.list, issue.segment, now=now)
    return f"{reports.readers(number)} of {issue.list}{part}"


def _provider(publication: PublicationSettings) -> str:
    """Return the provider's name; empty when its settings are wrong, which sending says."""
    try:
        return find_provider(publication).title
    except ConfigError:
        return ""


def _proposed_time(work: BuiltIssue, publication: PublicationSettings, now: datetime, planned: Campaign | None) -> str:
    """Return the time that the form proposes, such as `2026-11-24T07:00`.

    It is the scheduled time, else `send_at` of the issue, else the issue's day or tomorrow, whichever is later.
    """
    issue = work.built.issue if work.built else None
    if planned and planned.start:
        start = planned.wall or planned.start.astimezone(publication.config.publication.timezone)
        return f"{start:%Y-%m-%dT%H:%M}"
    if issue and issue.send_at:
        return f"{issue.send_at.wall:%Y-%m-%dT%H:%M}"
    tomorrow = (now.astimezone(publication.config.publication.timezone) + timedelta(days=1)).date()
    day = max(issue.date, tomorrow) if issue else tomorrow
    return f"{day}T{publication.config.schedule.daily.of_day or MORNING:%H:%M}"


ROUTES = [Route("/issues/{slug}/act", show_panel)]
