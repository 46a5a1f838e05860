"""Changes of campaigns: start or schedule them, change their state, and settle their deliveries.

Nobody is mailed by a request: `newsletter serve --with-sender`, `newsletter run` or a worker sends what is started.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field
from sqlalchemy import Connection

from newsletter.api_keys import Scope
from newsletter.campaigns.campaign import Campaign, get_campaign
from newsletter.publication import campaigns, sending
from newsletter.publishing.plan import schedule_in, start_in
from newsletter.publishing.priorities import prioritise_in
from newsletter.sending import reconcile
from newsletter.web.api.operations import ApiRequest, ApiResponse, Change, Operation
from newsletter.web.api.problems import RefusalError
from newsletter.web.api.routes.campaigns import CampaignDetail, campaign_detail, detail_values, named_campaign
from newsletter.web.api.routes.issues import issue_named

NOW = "now"
_AT = "`now`, or a time as 2026-11-24 07:00, then a zone or `local` if wanted. Without it, the issue's `send_at`."


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
    """A decision about deliveries that may have been sent or not."""

    decision: Literal["assume-sent", "resend"]


class ChangedCampaign(CampaignDetail, kw_only=True):
    """A campaign after a change of its deliveries."""

    readers: int
    """How many deliveries were changed."""


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
    value = campaign_detail(request, connection, campaign)
    return ApiResponse(value=value, status=200 if before else 201, target=f"campaign {campaign.id}")


def pause(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Pause a campaign, for the key's reason."""
    reason = f"{request.key.evidence} asked for it"
    campaign = campaigns.pause(connection, named_campaign(request, connection), request.at, reason=reason)
    return _changed(request, connection, campaign)


def resume(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Let a paused campaign go on."""
    return _changed(request, connection, campaigns.resume(connection, named_campaign(request, connection), request.at))


def cancel(request: ApiRequest, connection: Connection) -> ApiResponse:
    """End a campaign for good."""
    campaign = named_campaign(request, connection)
    return _changed(request, connection, campaigns.cancel(connection, request.publication, campaign, request.at))


def retry(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Queue what was rejected and may work now."""
    campaign = named_campaign(request, connection)
    campaigns.require_home(connection, request.site.database)
    readers = campaigns.queue_retries(connection, request.publication, campaign, request.at)
    return _counted(request, connection, campaign, readers)


def resolve(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Decide about unknown deliveries."""
    campaign = named_campaign(request, connection)
    campaigns.require_home(connection, request.site.database)
    readers = campaigns.resolve(connection, campaign, request.body.decision, request.at)
    return _counted(request, connection, campaign, readers)


def ask_provider(request: ApiRequest) -> Change:
    """Ask the provider about unknown deliveries, outside the transaction that writes what it says."""
    with request.site.database.read() as connection:
        campaign = named_campaign(request, connection)
        campaigns.require_home(connection, request.site.database)
    findings = reconcile.ask(request.site.database, request.publication, campaign, request.at)

    def record(connection: Connection) -> ApiResponse:
        readers = campaigns.record_findings(connection, campaign, findings, request.at)
        return _counted(request, connection, campaign, readers)

    return record


def _changed(request: ApiRequest, connection: Connection, campaign: Campaign) -> ApiResponse:
    return ApiResponse(value=campaign_detail(request, connection, campaign), target=f"campaign {campaign.id}")


def _counted(request: ApiRequest, connection: Connection, campaign: Campaign, readers: int) -> ApiResponse:
    values = detail_values(request, connection, get_campaign(connection, campaign.id))
    return ApiResponse(value=ChangedCampaign(**values, readers=readers), target=f"campaign {campaign.id}")


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
