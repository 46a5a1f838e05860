"""The panel that acts: a test, a schedule, what becomes of the issue's campaigns, and the email to take along."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter import accounts, campaigns, heartbeat, reports
from newsletter.build import sample_mailing
from newsletter.campaigns import Campaign, State
from newsletter.clock import utc_now
from newsletter.config import Publication
from newsletter.database import Database
from newsletter.errors import ConfigError, NewsletterError
from newsletter.following import look
from newsletter.mailing import Mailing
from newsletter.messages import Recipient
from newsletter.providers import find_provider
from newsletter.schedule import until, wall_clock
from newsletter.segments import count
from newsletter.web.preview import planning, trial
from newsletter.web.preview.acts import act, in_json, readers_of
from newsletter.web.preview.ledger import database_of
from newsletter.web.preview.pages import page, workshop_of
from newsletter.web.preview.readers import reader_of
from newsletter.workshop import Work

MORNING = time(7)
"""When an issue goes out that says nothing else."""
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
        return self.campaign.state in campaigns.ARROWS["pause"]


def panel(request: Request) -> Response:
    """The panel, to be put into the page."""
    publication, now = workshop_of(request).publication, utc_now()
    work = workshop_of(request).work(request.path_params["slug"])
    database = database_of(request, publication)
    found = _progress(publication, database, work.slug, now)
    values = {
        "work": work,
        "publication": publication,
        "addresses": [one.address for one in publication.config.preview.test_addresses],
        "waiting": _waiting(publication, database, work, now),
        "provider": _provider(publication),
        "at": _planned(work, publication, now),
        "begun": next((one.campaign for one in found if _is_begun(one.campaign, work)), None),
        "progress": found,
    }
    return page(request, "act.html", values)


def _is_begun(campaign: Campaign, work: Work) -> bool:
    """Whether the issue goes, went or will never go to its own list and segment: then it cannot be scheduled."""
    issue = work.built.issue if work.built else None
    is_own = issue is not None and (campaign.list, campaign.segment) == (issue.list, issue.segment or "")
    return is_own and bool(campaign.started_at or campaign.state in campaigns.ENDED)


def progress(request: Request) -> Response:
    """The issue's campaigns, as far as they are; asked for again and again while one is sending."""
    publication = workshop_of(request).publication
    found = _progress(publication, database_of(request, publication), request.path_params["slug"], utc_now())
    return page(request, "progress.html", {"progress": found})


def _waiting(publication: Publication, database: Database | None, work: Work, now: datetime) -> str:
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


def _planned(work: Work, publication: Publication, now: datetime) -> str:
    """What the issue itself says of its time, else its day or the next morning; as a form takes it."""
    issue = work.built.issue if work.built else None
    if issue and issue.send_at:
        return f"{issue.send_at.wall:%Y-%m-%dT%H:%M}"
    tomorrow = (now.astimezone(publication.config.publication.timezone) + timedelta(days=1)).date()
    day = max(issue.date, tomorrow) if issue else tomorrow
    return f"{day}T{publication.config.schedule.daily.of_day or MORNING:%H:%M}"


def _progress(publication: Publication, database: Database | None, slug: str, now: datetime) -> list[Progress]:
    if database is None:
        return []
    with database.read() as connection:
        found = campaigns.of_slug(connection, slug)
        watched = heartbeat.is_anybody_there(connection, now)
    return [_told(publication, database, campaign.id, now, watched=watched) for campaign in found]


def _told(publication: Publication, database: Database, id: int, now: datetime, *, watched: bool) -> Progress:
    seen = look(database, id)
    campaign = seen.campaign
    words = ""
    if campaign.state is State.SENDING:
        words = reports.remaining(seen.deliveries, seen.pace)
    elif campaign.state is State.PAUSED:
        words = f"Paused: {campaign.reason}. Let it go on with: `newsletter resume {campaign.id}`"
    elif campaign.state is State.SCHEDULED and campaign.start:
        words = f"Starts at {wall_clock(publication, campaign.start)}, {until(campaign.start, now)}."
        words += "" if watched else f" {planning.NOBODY_THERE}"
    return Progress(campaign=campaign, deliveries=seen.deliveries, words=words)


@in_json
def pause_question(request: Request) -> Response:
    """What pausing would hold."""
    with readers_of(request).read() as connection:
        found = campaigns.find(connection, str(request.path_params["campaign"]))
        campaigns.after(found.state, "pause")
        left = accounts.counts(connection, found.id)["queued"]
    waits = found.state is State.SCHEDULED
    kept = "It does not start." if waits else f"{reports.readers(left)} who wait for it get nothing until it goes on."
    details = [f"“{found.subject}”", kept, f"It goes on with: `newsletter resume {found.id}`"]
    return JSONResponse({"question": f"Pause campaign {found.id}?", "details": details, "button": "Pause it"})


@act
def pause(request: Request) -> Response:
    """Hand over nothing more of it."""
    with readers_of(request).begin() as connection:
        found = campaigns.find(connection, str(request.path_params["campaign"]))
        campaigns.move(connection, found.id, "pause", now=utc_now(), reason="you asked for it")
    return JSONResponse({"message": f"Campaign {found.id} is paused."})


def html(request: Request) -> Response:
    """The HTML of the message, for the reader who is shown: as a text, to be copied."""
    mailing, recipient = _copy(request)
    return Response(mailing.message(recipient).html, media_type="text/plain")


def whole(request: Request) -> Response:
    """The whole message as it travels, as a file."""
    mailing, recipient = _copy(request)
    name = quote(f"{request.path_params['slug']}.eml")
    held = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(mailing.mime(recipient), media_type="message/rfc822", headers=held)


def _copy(request: Request) -> tuple[Mailing, Recipient]:
    work = workshop_of(request).work(request.path_params["slug"])
    if work.built is None:
        raise NewsletterError("the issue does not build yet")
    publication = work.built.theme.publication
    return sample_mailing(publication, work.built), reader_of(request).recipient(publication, work.slug)


ROUTES = [
    Route("/issues/{slug}/act", panel),
    Route("/issues/{slug}/progress", progress),
    Route("/issues/{slug}/message.html", html),
    Route("/issues/{slug}/message.eml", whole),
    Route("/campaigns/{campaign:int}/pause", pause_question),
    Route("/campaigns/{campaign:int}/pause", pause, methods=["POST"]),
    *trial.ROUTES,
    *planning.ROUTES,
]
