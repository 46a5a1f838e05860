"""The panel that acts: what it has to know. What it does is in `trial`, `planning`, `progress` and `copies`."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.campaigns import reports
from newsletter.campaigns.campaign import ENDED, Campaign, CampaignState
from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.errors import ConfigError
from newsletter.preview.workspace import BuiltIssue
from newsletter.providers import find_provider
from newsletter.subscribers.segments import count
from newsletter.times import utc_now
from newsletter.web.preview.database import database_of, trouble_with
from newsletter.web.preview.pages import page, workspace_of
from newsletter.web.preview.progress import digest_of, progress_of

MORNING = time(7)
"""When an issue goes out that says nothing else."""


def panel(request: Request) -> Response:
    """The panel, to be put into the page."""
    publication, now = workspace_of(request).publication, utc_now()
    work = workspace_of(request).issue(request.path_params["slug"])
    database = database_of(request, publication)
    found = progress_of(publication, database, work.slug, now, digest_of(work))
    planned = next((one.campaign for one in found if _is_planned(one.campaign, work)), None)
    values = {
        "work": work,
        "slug": work.slug,
        "publication": publication,
        "addresses": [one.address for one in publication.config.preview.test_addresses],
        "trouble": trouble_with(request, publication),
        "waiting": _waiting(publication, database, work, now),
        "provider": _provider(publication),
        "at": _planned(work, publication, now, planned),
        "by_own_clock": bool(planned and planned.wall),
        "begun": next((one.campaign for one in found if _is_begun(one.campaign, work)), None),
        "progress": found,
    }
    return page(request, "act.html", values)


def _is_begun(campaign: Campaign, work: BuiltIssue) -> bool:
    """Whether the issue goes, went or will never go to its own list and segment: then it cannot be scheduled."""
    return _is_own(campaign, work) and bool(campaign.started_at or campaign.state in ENDED)


def _is_planned(campaign: Campaign, work: BuiltIssue) -> bool:
    """Whether the issue waits for its time: scheduled again it keeps that, unless another is chosen."""
    return _is_own(campaign, work) and campaign.state is CampaignState.SCHEDULED


def _is_own(campaign: Campaign, work: BuiltIssue) -> bool:
    issue = work.built.issue if work.built else None
    return issue is not None and (campaign.list, campaign.segment) == (issue.list, issue.segment or "")


def _waiting(publication: Publication, database: Database | None, work: BuiltIssue, now: datetime) -> str:
    """`8,120 readers of daily`: whom a schedule would reach now; empty when nobody can say."""
    if work.built is None or database is None:
        return ""
    issue = work.built.issue
    part = f", segment {issue.segment}" if issue.segment else ""
    with database.read() as connection:
        number = count(connection, publication, issue.list, issue.segment, now=now)
    return f"{reports.readers(number)} of {issue.list}{part}"


def _provider(publication: Publication) -> str:
    """Through whom mail would go; empty when the settings for it are wrong, which whoever sends is told."""
    try:
        return find_provider(publication).title
    except ConfigError:
        return ""


def _planned(work: BuiltIssue, publication: Publication, now: datetime, planned: Campaign | None) -> str:
    """When it is scheduled, else what the issue itself says, else its day or the next morning; as a form takes it."""
    issue = work.built.issue if work.built else None
    if planned and planned.start:
        start = planned.wall or planned.start.astimezone(publication.config.publication.timezone)
        return f"{start:%Y-%m-%dT%H:%M}"
    if issue and issue.send_at:
        return f"{issue.send_at.wall:%Y-%m-%dT%H:%M}"
    tomorrow = (now.astimezone(publication.config.publication.timezone) + timedelta(days=1)).date()
    day = max(issue.date, tomorrow) if issue else tomorrow
    return f"{day}T{publication.config.schedule.daily.of_day or MORNING:%H:%M}"


ROUTES = [Route("/issues/{slug}/act", panel)]
