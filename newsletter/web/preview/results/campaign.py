"""Show the results of one issue: its funnel, the email with its clicks, bounces, mailbox providers and hours."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.campaigns.campaign import Campaign, frozen_message
from newsletter.campaigns.campaign_queries import campaigns_of_slug
from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.figures.campaigns import campaign_details
from newsletter.figures.meanings import MEANINGS
from newsletter.figures.types import CampaignDetails
from newsletter.preview.dark_mode import by_day
from newsletter.preview.local_images import local_pictures, shown_locally
from newsletter.preview.numbered_links import with_numbers
from newsletter.preview.versions import filled
from newsletter.preview.workspace import IssueNotFound
from newsletter.web.preview.issue import email_document
from newsletter.web.preview.pages import page, render, workspace_of
from newsletter.web.preview.readers import reader_of
from newsletter.web.preview.results.live_part import page_with_part, part_response
from newsletter.web.preview.results.opened import counted_connection
from newsletter.web.preview.results.shown import BOUNCE_KINDS, NOT_COUNTED, clock, funnel

MOST_DOMAINS = 12
LAST_HOUR = 168
"""Stands for all hours after a week."""


def show_results(request: Request) -> Response:
    """Show the page; without a campaign that has started it says so."""
    values = _values(request)
    if not values["started"]:
        workspace_of(request).path_of(request.path_params["slug"])
        return page(request, "issue-results.html", values)
    return page_with_part(request, "issue-results.html", "issue-results-figures.html", values)


def show_figures(request: Request) -> Response:
    """Show the figures alone, for a page that is open while they change."""
    values = _values(request)
    if not values["started"]:
        raise IssueNotFound(f'no campaign of "{values["slug"]}" has started')
    return part_response(request, "issue-results-figures.html", values)


def show_panel(request: Request) -> Response:
    """Show the panel beside the email: the funnel, and the way to all the rest."""
    return page(request, "results-panel.html", _values(request))


def _values(request: Request) -> dict[str, object]:
    publication, slug = workspace_of(request).publication, request.path_params["slug"]
    values: dict[str, object] = {"publication": publication, "slug": slug, "started": [], "chosen": None}
    with counted_connection(request, publication) as connection:
        if connection is None:
            return values
        started = [campaign for campaign in campaigns_of_slug(connection, slug) if campaign.started_at]
        if not started:
            return values
        chosen = _chosen(request, started)
        details = campaign_details(connection, publication, chosen.id)
    return {**values, "started": started, "chosen": chosen, **_shown(publication, chosen, details)}


def _chosen(request: Request, started: list[Campaign]) -> Campaign:
    """Return the campaign that `?campaign=` names, else the latest."""
    wanted = request.query_params.get("campaign", "")
    if not wanted:
        return started[0]
    chosen = next((campaign for campaign in started if str(campaign.id) == wanted), None)
    if chosen is None:
        raise HTTPException(404, "This issue has no such campaign, or it has not started.")
    return chosen


def _shown(publication: PublicationSettings, campaign: Campaign, details: CampaignDetails) -> dict[str, object]:
    row = details.row
    return {
        "details": details,
        "row": row,
        "sent": clock(publication, campaign.date),
        "funnel": funnel(row),
        "meanings": MEANINGS,
        "not_counted": NOT_COUNTED if row.tracking == "none" else "",
        "most_clicks": max((link.clicks for link in details.links), default=0),
        "bounces": [(BOUNCE_KINDS.get(kind, kind), kind, number) for kind, number in details.bounces.items()],
        "domains": details.domains[:MOST_DOMAINS],
        "domains_left_out": len(details.domains[MOST_DOMAINS:]),
        "hours": [(hour, _hour(hour.hour)) for hour in details.hours],
    }


def _hour(hour: int) -> str:
    return "after a week" if hour == LAST_HOUR else f"{hour} h"


def show_email(request: Request) -> Response:
    """Show the email as it was approved, its links marked with their numbers, for a frame."""
    publication, slug = workspace_of(request).publication, request.path_params["slug"]
    with counted_connection(request, publication) as connection:
        campaigns = campaigns_of_slug(connection, slug) if connection else []
        if connection is None or not campaigns:
            raise IssueNotFound(f'no campaign of "{slug}" has started')
        message = frozen_message(connection, _chosen(request, campaigns).id)
    try:
        copy = filled(with_numbers(message), reader_of(request).recipient(publication, slug)).html
    except NewsletterError as error:
        copy = render(request, "said.html", {"error": error})
    shown = shown_locally(copy, publication, local_pictures(publication, copy))
    return email_document(request, by_day(shown))


ROUTES = [
    Route("/issues/{slug}/results", show_results),
    Route("/issues/{slug}/results/figures", show_figures),
    Route("/issues/{slug}/results/panel", show_panel),
    Route("/issues/{slug}/results/email", show_email),
]
