"""The issue's campaigns as they go, and holding one: what `newsletter status` and `newsletter pause` say and do."""

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
    campaigns_of_slug,
    change_state,
    find_campaign,
    state_after,
)
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.schedule import until, wall_clock
from newsletter.campaigns.status import campaign_status
from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.preview.workspace import BuiltIssue, IssueNotFound
from newsletter.publishing import heartbeat
from newsletter.times import utc_now
from newsletter.web.preview import schedule
from newsletter.web.preview.database import database_of
from newsletter.web.preview.pages import page, workspace_of
from newsletter.web.preview.requests import act, in_json, readers_of

_PARTS = {
    "accepted": "accepted",
    "rejected": "rejected",
    "unknown": "unknown",
    "skipped": "skipped",
    "handed": "in the air",
}
"""What a campaign's deliveries are called in its bar, in this order; the rest waits."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A campaign as the panel shows it."""

    campaign: Campaign
    deliveries: dict[str, int]
    words: str
    """How fast it goes, when it starts, why it waits."""
    is_outdated: bool
    """Whether the issue reads otherwise by now, while readers still get what was approved."""

    @property
    def audience(self) -> int:
        """Everybody it is for, as far as is known."""
        return sum(self.deliveries.values())

    @property
    def bars(self) -> list[tuple[str, str, float, float, int]]:
        """State, word, where its part of the bar begins and how wide it is (of 100), and how many they are."""
        found, at = [], 0.0
        for state, word in _PARTS.items():
            if number := self.deliveries[state]:
                width = 100 * number / self.audience
                found.append((state, word, at, width, number))
                at += width
        return found

    @property
    def can_pause(self) -> bool:
        """Whether there is something to hold."""
        return self.campaign.state in CAMPAIGN_ARROWS["pause"]


def show(request: Request) -> Response:
    """The issue's campaigns, as far as they are; asked for again and again while one is sending."""
    publication, slug = workspace_of(request).publication, request.path_params["slug"]
    found = progress_of(publication, database_of(request, publication), slug, utc_now(), _digest(request, slug))
    return page(request, "progress.html", {"progress": found, "slug": slug})


def _digest(request: Request, slug: str) -> str:
    """Of the issue as it is now; empty when it is gone, and while it does not build."""
    try:
        return digest_of(workspace_of(request).issue(slug))
    except IssueNotFound:
        return ""


def digest_of(work: BuiltIssue) -> str:
    """What a campaign of it would be approved under now; empty while it does not build."""
    return work.built.message.digest if work.built and not work.failure else ""


def progress_of(
    publication: Publication, database: Database | None, slug: str, now: datetime, digest: str
) -> list[Progress]:
    """Every campaign of an issue, the latest first, beside the issue of now; nothing without a database."""
    if database is None:
        return []
    with database.read() as connection:
        found = campaigns_of_slug(connection, slug)
        watched = heartbeat.is_anybody_there(connection, now)
    return [_told(publication, database, campaign.id, now, digest, watched=watched) for campaign in found]


def _told(
    publication: Publication, database: Database, id: int, now: datetime, digest: str, *, watched: bool
) -> Progress:
    seen = campaign_status(database, id)
    campaign = seen.campaign
    words = ""
    if campaign.state is CampaignState.SENDING:
        words = reports.remaining(seen.deliveries, seen.pace, seen.rest)
    elif campaign.state is CampaignState.PAUSED:
        words = f"Paused: {campaign.reason}. Let it go on with: `newsletter resume {campaign.id}`"
    elif campaign.state is CampaignState.SCHEDULED and campaign.start:
        words = f"Starts at {wall_clock(publication, campaign.start)}, {until(campaign.start, now)}."
        words += "" if watched else f" {schedule.NOBODY_THERE}"
    outdated = campaign.state not in ENDED and digest not in ("", campaign.digest)
    return Progress(campaign=campaign, deliveries=seen.deliveries, words=words, is_outdated=outdated)


@in_json
def pause_question(request: Request) -> Response:
    """What pausing would hold."""
    with readers_of(request).read() as connection:
        found = find_campaign(connection, str(request.path_params["campaign"]))
        state_after(found.state, "pause")
        left = delivery_counts(connection, found.id)["queued"]
    waits = found.state is CampaignState.SCHEDULED
    kept = "It does not start." if waits else f"{reports.readers(left)} who wait for it get nothing until it goes on."
    details = [f"“{found.subject}”", kept, f"It goes on with: `newsletter resume {found.id}`"]
    return JSONResponse({"question": f"Pause campaign {found.id}?", "details": details, "button": "Pause it"})


@act
def pause(request: Request) -> Response:
    """Hand over nothing more of it."""
    with readers_of(request).begin() as connection:
        found = find_campaign(connection, str(request.path_params["campaign"]))
        change_state(connection, found.id, "pause", now=utc_now(), reason=ASKED)
    return JSONResponse({"message": f"Campaign {found.id} is paused."})


ROUTES = [
    Route("/issues/{slug}/progress", show),
    Route("/campaigns/{campaign:int}/pause", pause_question),
    Route("/campaigns/{campaign:int}/pause", pause, methods=["POST"]),
]
