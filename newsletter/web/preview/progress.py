"""Show an issue's campaigns while they run, and pause one, as `newsletter status` and `newsletter pause` do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.campaigns import reports
from newsletter.campaigns.campaign import (
    ASKED,
    CAMPAIGN_ARROWS,
    ENDED,
    Campaign,
    CampaignState,
    change_state,
    state_after,
)
from newsletter.campaigns.campaign_queries import campaigns_of_slug, find_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.schedule import until, wall_clock
from newsletter.campaigns.status import campaign_status
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.preview.inbox import subject_as_read
from newsletter.preview.workspace import BuiltIssue, IssueNotFound
from newsletter.publishing import heartbeat
from newsletter.times import utc_now
from newsletter.web.preview import schedule
from newsletter.web.preview.database import database_of
from newsletter.web.preview.pages import page, workspace_of
from newsletter.web.preview.requests import errors_as_json, required_database, with_token

_PARTS = {
    "accepted": "accepted",
    "rejected": "rejected",
    "unknown": "unknown",
    "skipped": "skipped",
    "handed": "in the air",
}
"""The words for the states of deliveries in a campaign's bar, in the bar's order; the rest of it is queued."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A campaign as the panel shows it."""

    campaign: Campaign
    deliveries: dict[str, int]
    words: str
    """How fast it sends, when it starts, or why it is paused."""
    is_outdated: bool
    """Whether the issue was edited since its approval, while readers still get the approved version."""

    @property
    def audience(self) -> int:
        """The number of deliveries."""
        return sum(self.deliveries.values())

    @property
    def bars(self) -> list[tuple[str, str, float, float, int]]:
        """The parts of the bar: state, word, where it begins, its width (of 100), and the number of deliveries."""
        parts, start = [], 0.0
        for state, word in _PARTS.items():
            if number := self.deliveries[state]:
                width = 100 * number / self.audience
                parts.append((state, word, start, width, number))
                start += width
        return parts

    @property
    def can_pause(self) -> bool:
        """Tell whether the campaign can be paused."""
        return self.campaign.state in CAMPAIGN_ARROWS["pause"]


def show_progress(request: Request) -> Response:
    """Show the issue's campaigns; the page fetches this again every second while one is sending."""
    publication, slug = workspace_of(request).publication, request.path_params["slug"]
    database = database_of(request, publication)
    shown = progress_of(publication, database, slug, utc_now(), _current_digest(request, slug))
    return page(request, "progress.html", {"progress": shown, "slug": slug})


def _current_digest(request: Request, slug: str) -> str:
    """Return the issue's digest as its file is now; empty when the file is gone, and while it does not build."""
    try:
        return digest_of(workspace_of(request).issue(slug))
    except IssueNotFound:
        return ""


def digest_of(work: BuiltIssue) -> str:
    """Return the digest that a campaign would be approved with now; empty while the issue does not build."""
    return work.built.message.digest if work.built and not work.failure else ""


def progress_of(
    publication: PublicationSettings, database: Database | None, slug: str, now: datetime, digest: str
) -> list[Progress]:
    """Return every campaign of an issue, the latest first; empty without a database.

    `digest` is the issue's as its file is now.
    """
    if database is None:
        return []
    with database.read() as connection:
        campaigns = campaigns_of_slug(connection, slug)
        has_runner = heartbeat.is_runner_alive(connection, now)
    return [_progress(publication, database, campaign.id, now, digest, has_runner=has_runner) for campaign in campaigns]


def _progress(
    publication: PublicationSettings,
    database: Database,
    campaign_id: int,
    now: datetime,
    digest: str,
    *,
    has_runner: bool,
) -> Progress:
    status = campaign_status(database, campaign_id)
    campaign = status.campaign
    words = ""
    if campaign.state is CampaignState.SENDING:
        words = reports.remaining(status.deliveries, status.pace, status.rest)
    elif campaign.state is CampaignState.PAUSED:
        words = f"Paused: {campaign.reason}. Let it go on with: `newsletter resume {campaign.id}`"
    elif campaign.state is CampaignState.SCHEDULED and campaign.start:
        words = f"Starts at {wall_clock(publication, campaign.start)}, {until(campaign.start, now)}."
        words += "" if has_runner else f" {schedule.NO_RUNNER}"
    # An empty digest is of an issue that does not build, of which nobody can tell.
    outdated = campaign.state not in ENDED and digest not in ("", campaign.digest)
    return Progress(campaign=campaign, deliveries=status.deliveries, words=words, is_outdated=outdated)


@errors_as_json
def pause_question(request: Request) -> Response:
    """Return the question before a pause: how many readers would wait."""
    with required_database(request).read() as connection:
        campaign = find_campaign(connection, str(request.path_params["campaign"]))
        state_after(campaign.state, "pause")
        left = delivery_counts(connection, campaign.id)["queued"]
    waits = campaign.state is CampaignState.SCHEDULED
    kept = "It does not start." if waits else f"{reports.readers(left)} who wait for it get nothing until it goes on."
    subject = subject_as_read(workspace_of(request).publication, campaign.subject)
    details = [f"“{subject}”", kept, f"It goes on with: `newsletter resume {campaign.id}`"]
    return JSONResponse({"question": f"Pause campaign {campaign.id}?", "details": details, "button": "Pause it"})


@with_token
def pause(request: Request) -> Response:
    """Pause a campaign: nothing more of it is handed over."""
    with required_database(request).begin() as connection:
        campaign = find_campaign(connection, str(request.path_params["campaign"]))
        change_state(connection, campaign.id, "pause", now=utc_now(), reason=ASKED)
    return JSONResponse({"message": f"Campaign {campaign.id} is paused."})


ROUTES = [
    Route("/issues/{slug}/progress", show_progress),
    Route("/campaigns/{campaign:number}/pause", pause_question),
    Route("/campaigns/{campaign:number}/pause", pause, methods=["POST"]),
]
