"""Campaigns: list, get, start or schedule them, and change their state.

Nobody is mailed by a request: `newsletter serve --with-sender`, `newsletter run` or a worker sends what is started.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field
from sqlalchemy import Connection

from newsletter.api_keys import Scope
from newsletter.campaigns import events
from newsletter.campaigns.campaign import Campaign, get_campaign
from newsletter.campaigns.campaign_queries import campaigns_before, find_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.errors import NewsletterError
from newsletter.publication import campaigns, sending
from newsletter.publishing import heartbeat
from newsletter.publishing.plan import schedule_in, start_in
from newsletter.publishing.priorities import prioritise_in
from newsletter.sending import reconcile
from newsletter.web.api.cursors import read_cursor, write_cursor
from newsletter.web.api.operations import ApiRequest, ApiResponse, Change, Operation, PageQuery
from newsletter.web.api.problems import RefusalError
from newsletter.web.api.routes.issues import issue_named

StateName = Literal["draft", "scheduled", "sending", "paused", "sent", "cancelled"]
NOW = "now"
_AT = "`now`, or a time as 2026-11-24 07:00, then a zone or `local` if wanted. Without it, the issue's `send_at`."


class CampaignItem(Struct, kw_only=True):
    """One sending of one issue to one list and segment."""

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
    """A campaign's figures, as `status --json` prints them."""

    campaign: int
    issue: str
    state: StateName
    audience: int
    deliveries: DeliveryCounts
    events: EventCounts


class CampaignPage(Struct, kw_only=True):
    """A page of campaigns, the latest first."""

    data: list[CampaignItem]
    next: str | None


class CampaignQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    """Which campaigns."""

    state: StateName | UnsetType = UNSET
    issue: Annotated[str, Meta(description="Only those of the issue with this slug.")] | UnsetType = UNSET


class NewCampaign(Struct, kw_only=True, forbid_unknown_fields=True):
    """An issue to send: at once, or at a time."""

    issue: Annotated[str, Meta(min_length=1, description="The issue's slug.")]
    allow: Annotated[list[str], Meta(description="Rules of `check` whose errors are accepted.")] = []
    at: Annotated[str, Meta(description=_AT)] | UnsetType = UNSET
    list_name: Annotated[str, Meta(description="Without it, the issue's list.")] | UnsetType = field(
        default=UNSET, name="list"
    )
    segment: Annotated[str, Meta(description="Without it, the issue's, else the whole list.")] | UnsetType = UNSET
    to_readers_of: (
        Annotated[str, Meta(description="A correction: only for those who got this campaign, by number or slug.")]
        | UnsetType
    ) = UNSET
    priority: (
        Annotated[Literal["high", "normal", "low"], Meta(description="Before or after other campaigns.")] | UnsetType
    ) = UNSET


class Resolution(Struct, kw_only=True, forbid_unknown_fields=True):
    """What to do with deliveries that may have been sent or not."""

    decision: Literal["assume-sent", "resend"]


class ChangedCampaign(CampaignDetail, kw_only=True):
    """A campaign after a change of its deliveries."""

    readers: int
    """How many deliveries were changed."""


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
    return ApiResponse(value=_detail(request, connection, _named(request, connection)))


def stats(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return the figures of one campaign."""
    campaign = _named(request, connection)
    counted = delivery_counts(connection, campaign.id)
    value = CampaignStats(
        campaign=campaign.id,
        issue=campaign.issue,
        state=campaign.state.value,
        audience=sum(counted.values()),
        deliveries=DeliveryCounts(**counted),
        events=EventCounts(**events.reader_counts(connection, campaign.id)),
    )
    return ApiResponse(value=value)


def create(request: ApiRequest) -> Change:
    """Approve an issue and start or schedule its campaign; building and checking are done before."""
    body: NewCampaign = request.body
    path = str(issue_named(request, body.issue))
    return _start(request, body, path) if body.at == NOW else _schedule(request, body, path)


def _start(request: ApiRequest, body: NewCampaign, path: str) -> Change:
    site = request.site
    plan, _unbuilt = sending.plan_send(
        request.publication,
        site.database,
        path,
        body.list_name or None,
        body.segment or None,
        readers_of=body.to_readers_of or None,
    )
    if plan.campaign and plan.is_over:
        raise RefusalError("conflict", f"campaign {plan.campaign.id} is {plan.campaign.state}; nobody is mailed again")
    plan = sending.approved(request.publication, plan, ",".join(body.allow) or None)
    sending.require_ready(request.publication, site.database, plan)
    return lambda connection: _created(
        request, connection, start_in(connection, request.publication, plan, request.at), plan.campaign, body
    )


def _schedule(request: ApiRequest, body: NewCampaign, path: str) -> Change:
    site = request.site
    plan, when = sending.plan_schedule(
        request.publication,
        site.database,
        path,
        body.at or None,
        list_name=body.list_name or None,
        segment=body.segment or None,
        allow=",".join(body.allow) or None,
        now=request.at,
        readers_of=body.to_readers_of or None,
    )
    return lambda connection: _created(
        request, connection, schedule_in(connection, plan, when, request.at), plan.campaign, body
    )


def _created(
    request: ApiRequest, connection: Connection, campaign: Campaign, before: Campaign | None, body: NewCampaign
) -> ApiResponse:
    if body.priority:
        prioritise_in(connection, campaign.id, body.priority)
    value = _detail(request, connection, campaign)
    return ApiResponse(value=value, status=200 if before else 201, target=f"campaign {campaign.id}")


def pause(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Pause a campaign, for the key's reason."""
    reason = f"{request.key.evidence} asked for it"
    return _changed(
        request, connection, campaigns.pause(connection, _named(request, connection), request.at, reason=reason)
    )


def resume(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Let a paused campaign go on."""
    return _changed(request, connection, campaigns.resume(connection, _named(request, connection), request.at))


def cancel(request: ApiRequest, connection: Connection) -> ApiResponse:
    """End a campaign for good."""
    campaign = _named(request, connection)
    return _changed(request, connection, campaigns.cancel(connection, request.publication, campaign, request.at))


def retry(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Queue what was rejected and may work now."""
    campaign = _named(request, connection)
    campaigns.require_home(connection, request.site.database)
    readers = campaigns.queue_retries(connection, request.publication, campaign, request.at)
    return _counted(request, connection, campaign, readers)


def resolve(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Decide about unknown deliveries."""
    campaign = _named(request, connection)
    campaigns.require_home(connection, request.site.database)
    readers = campaigns.resolve(connection, campaign, request.body.decision, request.at)
    return _counted(request, connection, campaign, readers)


def ask_provider(request: ApiRequest) -> Change:
    """Ask the provider about unknown deliveries, outside the transaction that writes what it says."""
    with request.site.database.read() as connection:
        campaign = _named(request, connection)
        campaigns.require_home(connection, request.site.database)
    findings = reconcile.ask(request.site.database, request.publication, campaign, request.at)

    def record(connection: Connection) -> ApiResponse:
        readers = campaigns.record_findings(connection, campaign, findings, request.at)
        return _counted(request, connection, campaign, readers)

    return record


def _named(request: ApiRequest, connection: Connection) -> Campaign:
    try:
        return find_campaign(connection, request.path["campaign"])
    except NewsletterError as error:
        raise RefusalError("not-found", "no campaign has this number or slug") from error


def _changed(request: ApiRequest, connection: Connection, campaign: Campaign) -> ApiResponse:
    return ApiResponse(value=_detail(request, connection, campaign), target=f"campaign {campaign.id}")


def _counted(request: ApiRequest, connection: Connection, campaign: Campaign, readers: int) -> ApiResponse:
    detail = _figures(request, connection, get_campaign(connection, campaign.id))
    return ApiResponse(value=ChangedCampaign(**detail, readers=readers), target=f"campaign {campaign.id}")


def _detail(request: ApiRequest, connection: Connection, campaign: Campaign) -> CampaignDetail:
    return CampaignDetail(**_figures(request, connection, campaign))


def _figures(request: ApiRequest, connection: Connection, campaign: Campaign) -> dict[str, Any]:
    counted = delivery_counts(connection, campaign.id)
    return {
        **_known(campaign),
        "audience": sum(counted.values()),
        "deliveries": DeliveryCounts(**counted),
        "has_runner": heartbeat.is_runner_alive(connection, request.at),
    }


def _known(campaign: Campaign) -> dict[str, Any]:
    return {name: getattr(campaign, name) for name in CampaignItem.__struct_fields__}


def _change_of_state(verb: str, run: Any, summary: str, description: str = "") -> Operation:
    return Operation(
        name=f"{verb}Campaign",
        method="POST",
        path=f"/campaigns/{{campaign}}/{verb}",
        scope=Scope.CAMPAIGNS,
        summary=summary,
        description=description,
        command=f"newsletter {verb}",
        answers={200: CampaignDetail},
        run=run,
    )


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
        name="createCampaign",
        method="POST",
        path="/campaigns",
        scope=Scope.CAMPAIGNS,
        summary="Approve an issue, and start or schedule its campaign",
        description=(
            "The issue is built, checked and frozen; one with an error is refused. With `at: now` it starts, else it "
            "starts at the time. A campaign that exists already is started, or gets the new time and text."
        ),
        command="newsletter send` or `newsletter schedule",
        body=NewCampaign,
        answers={201: CampaignDetail, 200: CampaignDetail},
        refusals=(404,),
        prepare=create,
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
    _change_of_state("pause", pause, "Stop handing over a campaign's messages", "The call under way is finished."),
    _change_of_state("resume", resume, "Let a paused campaign go on"),
    _change_of_state("cancel", cancel, "End a campaign for good", "Who has it not yet does not get it."),
    Operation(
        name="retryCampaign",
        method="POST",
        path="/campaigns/{campaign}/retry",
        scope=Scope.CAMPAIGNS,
        summary="Queue again what was rejected and may work now",
        command="newsletter retry",
        answers={200: ChangedCampaign},
        run=retry,
    ),
    Operation(
        name="reconcileCampaign",
        method="POST",
        path="/campaigns/{campaign}/reconcile",
        scope=Scope.CAMPAIGNS,
        summary="Ask the provider about unknown deliveries",
        command="newsletter reconcile",
        answers={200: ChangedCampaign},
        prepare=ask_provider,
    ),
    Operation(
        name="resolveCampaign",
        method="POST",
        path="/campaigns/{campaign}/resolve",
        scope=Scope.CAMPAIGNS,
        summary="Decide about unknown deliveries",
        description="With `resend` some readers may get it twice.",
        command="newsletter resolve",
        body=Resolution,
        answers={200: ChangedCampaign},
        run=resolve,
    ),
]
