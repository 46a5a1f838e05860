"""Show the results of the publication: growth, the last campaigns side by side, the list's health, what comes next."""

from __future__ import annotations

from datetime import date, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.config import PublicationSettings
from newsletter.figures.meanings import MEANINGS, NOT_REPORTED, rate
from newsletter.figures.overview import growth, overview, weeks
from newsletter.figures.types import CampaignFigures, GrowthFigures, Overview
from newsletter.times import utc_now
from newsletter.web.preview.database import database_problem
from newsletter.web.preview.pages import workspace_of
from newsletter.web.preview.results.home import coming
from newsletter.web.preview.results.live_part import page_with_part, part_response
from newsletter.web.preview.results.opened import counted_connection
from newsletter.web.preview.results.shown import base, clock, health, is_delivered_known, percent

SPANS = ((30, "30 days"), (90, "3 months"), (365, "a year"))
"""The spans of growth to choose from, in days."""
BY_DAY = 45
"""Days that are shown one by one; more are shown by week."""
FEW, MANY = 20, 200
"""Campaigns that are shown, and shown on demand."""
MOST_DOMAINS = 12


def show_results(request: Request) -> Response:
    """Show the page."""
    return page_with_part(request, "results.html", "results-figures.html", {**_figures(request), "spans": SPANS})


def show_figures(request: Request) -> Response:
    """Show the figures alone, for a page that is open while they change."""
    return part_response(request, "results-figures.html", _figures(request))


def _figures(request: Request) -> dict[str, object]:
    publication, now = workspace_of(request).publication, utc_now()
    days, most = _choice(request)
    values: dict[str, object] = {"publication": publication, "days": days, "most": most, "figures": None}
    values["trouble"] = database_problem(request, publication)
    values |= {"coming": coming(request, publication, now), "meanings": MEANINGS}
    with counted_connection(request, publication) as connection:
        if connection is not None:
            shown = overview(connection, publication, now=now, days=days, most=most)
            values |= _shown(publication, shown)
            values["month"] = _month(growth(connection, now=now, days=30))
    return values


def _choice(request: Request) -> tuple[int, int]:
    query = request.query_params
    days = next((days for days, _ in SPANS if query.get("days") == str(days)), SPANS[0][0])
    return days, MANY if query.get("campaigns") == str(MANY) else FEW


def _shown(publication: PublicationSettings, figures: Overview) -> dict[str, object]:
    by_week = len(figures.growth) > BY_DAY
    rows = weeks(figures.growth) if by_week else figures.growth
    return {
        "figures": figures,
        "by_week": by_week,
        "growth": [(row, _day(row.day)) for row in rows],
        "is_empty": not figures.campaigns and not sum(part.number for part in health(figures.readers)),
        "campaigns": [_campaign(publication, row) for row in figures.campaigns],
        "health": health(figures.readers),
        "deliveries_reported": any(row.deliveries_reported for row in figures.campaigns),
        "domains": [row for row in figures.domains if row.readers or row.accepted][:MOST_DOMAINS],
    }


def _day(day: str) -> str:
    moment = date.fromisoformat(day)
    return f"{moment.day} {moment:%b}"


def _month(rows: tuple[GrowthFigures, ...]) -> dict[str, int]:
    """Return the growth of the last 30 days in three numbers."""
    return {name: sum(getattr(row, name) for row in rows) for name in ("joined", "left", "net")}


def _campaign(publication: PublicationSettings, row: CampaignFigures) -> dict[str, object]:
    """Return a campaign with its shares: for people, and as numbers for the charts."""
    sent = datetime.fromisoformat(row.sent_at).astimezone(publication.config.publication.timezone)
    whole, clicks_known = base(row), row.tracking == "individual"
    return {
        "row": row,
        "sent": clock(publication, sent),
        "short": f"{sent.day} {sent:%b}",
        "delivered": percent(row.delivered, row.accepted) if is_delivered_known(row) else "",
        "clicked": percent(row.clicked, whole) if clicks_known else "",
        "left": percent(row.unsubscribed, whole),
        "complained": percent(row.complained, whole),
        "rates": {
            "delivered": rate(row.delivered, row.accepted) if is_delivered_known(row) else NOT_REPORTED,
            "clicked": rate(row.clicked, whole) if clicks_known else _clicks(row),
            "left": rate(row.unsubscribed, whole),
            "complained": rate(row.complained, whole),
        },
    }


def _clicks(row: CampaignFigures) -> str:
    return f"{row.clicks:,} clicks" if row.tracking == "aggregate" else "not counted"


ROUTES = [Route("/results", show_results), Route("/results/figures", show_figures)]
