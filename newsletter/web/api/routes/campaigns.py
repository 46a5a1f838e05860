"""Campaigns: list them, get one, and count what happened to its messages; campaign_changes.py changes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from newsletter.api_keys import Scope
from newsletter.campaigns import events
from newsletter.campaigns.campaign import Campaign
from newsletter.campaigns.campaign_queries import campaigns_before, find_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.errors import NewsletterError
from newsletter.providers import reports_deliveries
from newsletter.publishing import heartbeat
from newsletter.web.api.cursors import read_cursor, write_cursor
from newsletter.web.api.operations import ApiRequest, ApiResponse, Operation, PageQuery
from newsletter.web.api.problems import RefusalError

StateName = Literal["draft", "scheduled", "sending", "paused", "sent", "cancelled"]


class CampaignItem(Struct, kw_only=True):
    """A campaign: the sending of an issue to a list and segment."""

    id: int
    issue: str
    list: str
    segment: str
    """Empty for the whole list."""
    state: StateName
    reason: str
    """Why it is paused."""
    subject: str
    digest: str
    provider: str
    send_at: str | None
    """The moment it starts, UTC; null when it was started at once."""
    local_at: str | None
    """The time at which each reader gets it by their own clock."""
    started_at: str | None
    finished_at: str | None


class DeliveryCounts(Struct, kw_only=True):
    """Deliveries by state; their sum is the audience."""

    queued: int
    handed: int
    accepted: int
    rejected: int
    unknown: int
    skipped: int


class CampaignDetail(CampaignItem, kw_only=True):
    """A campaign and how far it is."""

    audience: int
    deliveries: DeliveryCounts
    has_runner: bool
    """Whether somebody is there to send it: a runner was seen within a minute."""


class EventCounts(Struct, kw_only=True):
    """Readers to whom each kind of event happened; programs are left out."""

    delivered: int
    deferred: int
    bounced: int
    opened: int
    clicked: int
    complained: int
    unsubscribed: int


class CampaignStats(Struct, kw_only=True):
    """A campaign's figures, as `status --json` prints them, and what they leave out."""

    campaign: int
    issue: str
    state: StateName
    audience: int
    deliveries: DeliveryCounts
    events: EventCounts
    deliveries_reported: bool
    """Whether the provider reports deliveries: `delivered` is 0 where it does not."""


class CampaignPage(Struct, kw_only=True):
    """A page of campaigns, the latest first."""

    data: list[CampaignItem]
    next: str | None


class CampaignQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    """Which campaigns."""

    state: StateName | UnsetType = UNSET
    issue: Annotated[str, Meta(description="Only those of the issue with this slug.")] | UnsetType = UNSET


def list_campaigns(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return a page of campaigns."""
    query: CampaignQuery = request.query
    before = int(read_cursor(request.site.links, "campaigns", query.cursor)) if query.cursor else None
    rows = campaigns_before(connection, before, query.limit + 1, state=query.state or None, issue=query.issue or None)
    shown = rows[: query.limit]
    more = write_cursor(request.site.links, "campaigns", shown[-1].id) if len(rows) > len(shown) else None
    return ApiResponse(value=CampaignPage(data=[CampaignItem(**_known(row)) for row in shown], next=more))


def get_one(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return one campaign and how far it is."""
    return ApiResponse(value=campaign_detail(request, connection, named_campaign(request, connection)))


def stats(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return the figures of one campaign."""
    return ApiResponse(value=campaign_stats(request, connection, named_campaign(request, connection)))


def campaign_stats(request: ApiRequest, connection: Connection, campaign: Campaign) -> CampaignStats:
    """Return a campaign's figures."""
    counted = delivery_counts(connection, campaign.id)
    reported = EventCounts(**events.reader_counts(connection, campaign.id))
    return CampaignStats(
        campaign=campaign.id,
        issue=campaign.issue,
        state=campaign.state.value,
        audience=sum(counted.values()),
        deliveries=DeliveryCounts(**counted),
        events=reported,
        deliveries_reported=reported.delivered > 0 or reports_deliveries(request.publication, campaign.provider),
    )


def named_campaign(request: ApiRequest, connection: Connection) -> Campaign:
    """Return the campaign that the path names. Raises RefusalError."""
    try:
        return find_campaign(connection, request.path["campaign"])
    except NewsletterError as error:
        raise RefusalError("not-found", "no campaign has this number or slug") from error


def campaign_detail(request: ApiRequest, connection: Connection, campaign: Campaign) -> CampaignDetail:
    """Return a campaign and how far it is."""
    return CampaignDetail(**detail_values(request, connection, campaign))


def detail_values(request: ApiRequest, connection: Connection, campaign: Campaign) -> dict[str, Any]:
    """Return the values of a CampaignDetail, by name."""
    counted = delivery_counts(connection, campaign.id)
    return {
        **_known(campaign),
        "audience": sum(counted.values()),
        "deliveries": DeliveryCounts(**counted),
        "has_runner": heartbeat.is_runner_alive(connection, request.at),
    }


def _known(campaign: Campaign) -> dict[str, Any]:
    return {name: getattr(campaign, name) for name in CampaignItem.__struct_fields__}


OPERATIONS = [
    Operation(
        name="listCampaigns",
        method="GET",
        path="/campaigns",
        scope=Scope.READ,
        summary="List campaigns, the latest first",
        command="newsletter campaigns",
        query=CampaignQuery,
        answers={200: CampaignPage},
        run=list_campaigns,
    ),
    Operation(
        name="getCampaign",
        method="GET",
        path="/campaigns/{campaign}",
        scope=Scope.READ,
        summary="Show a campaign and how far it is",
        command="newsletter status",
        is_short=True,
        answers={200: CampaignDetail},
        run=get_one,
    ),
    Operation(
        name="getCampaignStats",
        method="GET",
        path="/campaigns/{campaign}/stats",
        scope=Scope.READ,
        summary="Count what happened to a campaign's deliveries, and what readers did",
        command="newsletter status --json",
        answers={200: CampaignStats},
        run=stats,
    ),
]
