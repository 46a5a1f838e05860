"""Issues from a repository: hand one over, see what became of it, approve it, and change its campaign's state.

A key with the scope `publish` is enough for all of it. No answer names a reader.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import Connection

from newsletter.api_keys import Scope
from newsletter.campaigns import approvals, reports
from newsletter.campaigns.campaign import Campaign, CampaignState, get_campaign
from newsletter.campaigns.campaign_queries import campaigns_of_slug
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.schedule import wall_clock
from newsletter.errors import NewsletterError
from newsletter.publication import campaigns
from newsletter.publishing.push import CheckedPush, Push, RefusedPushError, accept, check_push, lift_hold
from newsletter.subscribers import segments
from newsletter.web.api.operations import ApiRequest, ApiResponse, Change, Operation
from newsletter.web.api.problems import RefusalError, refusal_of
from newsletter.web.api.routes.campaigns import CampaignStats, DeliveryCounts, StateName, campaign_stats

MAX_BYTES = 40 * 1024 * 1024
"""Bytes of the largest push: an issue with its pictures."""


class PushedCampaign(Struct, kw_only=True):
    """The campaign of an issue from a repository."""

    campaign: int | None
    """Null when nothing was changed, with `dry_run`."""
    issue: str
    subject: str
    list: str
    segment: str
    state: StateName
    digest: str
    send_at: str | None
    audience: int
    deliveries: DeliveryCounts
    approvals: tuple[str, ...]
    """Who approved this text."""
    approvals_needed: int
    sentence: str
    """What became of it, for a person: `scheduled for 2025-01-17 07:00 EST`."""
    url: str
    """The issue's page, once it is sent."""


class NewApproval(Struct, kw_only=True, forbid_unknown_fields=True):
    """The text that is approved."""

    digest: Annotated[
        str, Meta(pattern="^([0-9a-f]{6,64})?$", description="The digest, or how it begins; without it, what is there.")
    ] = ""


def push(request: ApiRequest) -> Change:
    """Verify and check a push; the change makes its campaign."""
    checked = check_push(request.publication, request.body)
    return lambda connection: _accepted(request, connection, checked)


def _accepted(request: ApiRequest, connection: Connection, checked: CheckedPush) -> ApiResponse:
    attempt = connection.begin_nested()  # undone by a dry run, and by a refusal
    try:
        pushed = accept(connection, request.publication, checked, request.key.name, request.at)
        value = _shown(request, connection, pushed.campaign)
    except NewsletterError as error:
        attempt.rollback()
        raise refusal_of(error, "conflict" if isinstance(error, RefusedPushError) else "refused") from error
    if checked.push.dry_run:
        attempt.rollback()
        value.campaign = None
        return ApiResponse(value=value)
    attempt.commit()
    return ApiResponse(
        value=value,
        status=201 if pushed.is_new else 200,
        target=f"campaign {pushed.campaign.id} {pushed.campaign.digest}",
    )


def show(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return the campaign of an issue."""
    return ApiResponse(value=_shown(request, connection, _named(request, connection)))


def stats(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return the figures of an issue's campaign."""
    return ApiResponse(value=campaign_stats(request, connection, _named(request, connection)))


def approve(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Approve the text of an issue, in the name of the key."""
    campaign = _named(request, connection)
    wanted = request.body.digest
    if wanted and not campaign.digest.startswith(wanted):
        raise RefusalError("conflict", f"the text that waits is {campaign.digest}", hint="Read it, and approve that.")
    try:
        approvals.approve(connection, campaign, request.key.name, request.at)
    except NewsletterError as error:
        raise RefusalError("conflict", error.message, hint=error.hint) from error
    changed = lift_hold(connection, request.publication, campaign, request.at)
    return _changed(request, connection, changed)


def pause(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Pause an issue's campaign."""
    reason = f"{request.key.evidence} asked for it"
    campaign = campaigns.pause(connection, _named(request, connection), request.at, reason=reason)
    return _changed(request, connection, campaign)


def resume(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Let an issue's paused campaign go on, unless it waits for approvals."""
    campaign = _named(request, connection)
    if held := approvals.reason_to_hold(connection, request.publication, campaign, request.at):
        raise RefusalError("conflict", held)
    return _changed(request, connection, campaigns.resume(connection, campaign, request.at))


def cancel(request: ApiRequest, connection: Connection) -> ApiResponse:
    """End an issue's campaign for good."""
    campaign = campaigns.cancel(connection, request.publication, _named(request, connection), request.at)
    return _changed(request, connection, campaign)


def _named(request: ApiRequest, connection: Connection) -> Campaign:
    named = campaigns_of_slug(connection, request.path["issue"])
    if not named:
        raise RefusalError("not-found", "no issue of this slug was handed over or sent")
    return named[0]


def _changed(request: ApiRequest, connection: Connection, campaign: Campaign) -> ApiResponse:
    current = get_campaign(connection, campaign.id)
    return ApiResponse(value=_shown(request, connection, current), target=f"campaign {campaign.id}")


def _shown(request: ApiRequest, connection: Connection, campaign: Campaign) -> PushedCampaign:
    publication = request.publication
    counted = delivery_counts(connection, campaign.id)
    audience = sum(counted.values())
    if not campaign.enqueued:
        audience = segments.count(connection, publication, campaign.list, campaign.segment, now=request.at)
    return PushedCampaign(
        campaign=campaign.id,
        issue=campaign.issue,
        subject=campaign.subject,
        list=campaign.list,
        segment=campaign.segment,
        state=campaign.state.value,
        digest=campaign.digest,
        send_at=campaign.send_at,
        audience=audience,
        deliveries=DeliveryCounts(**counted),
        approvals=tuple(approvals.names(connection, campaign)),
        approvals_needed=publication.config.publish.approvals,
        sentence=_sentence(request, connection, campaign, audience, counted["accepted"]),
        url=f"{publication.config.publication.url}/issues/{campaign.issue}",
    )


def _sentence(request: ApiRequest, connection: Connection, campaign: Campaign, audience: int, accepted: int) -> str:
    lacks = "" if campaign.started_at else approvals.missing(connection, request.publication, campaign)
    readers = reports.readers(audience)
    if campaign.state is CampaignState.SENT:
        return f"sent to {accepted:,}"
    if campaign.state is CampaignState.SENDING:
        return f"being sent: {accepted:,} of {audience:,}"
    if campaign.state is CampaignState.PAUSED:
        return campaign.reason if campaign.reason.startswith(approvals.HELD) else f"paused: {campaign.reason}"
    if campaign.state is CampaignState.SCHEDULED and campaign.send_at:
        when = wall_clock(request.publication, datetime.fromisoformat(campaign.send_at))
        return f"scheduled for {when}, for {readers}" + (f"; {lacks}" if lacks else "")
    if campaign.state is CampaignState.CANCELLED:
        return "cancelled"
    return lacks or f"a draft, for {readers}"


def _change_of_state(verb: str, run: object, summary: str) -> Operation:
    return Operation(
        name=f"{verb}Push",
        method="POST",
        path=f"/pushes/{{issue}}/{verb}",
        scope=Scope.PUBLISH,
        summary=summary,
        command=f"newsletter {verb} --remote",
        answers={200: PushedCampaign},
        refusals=(409,),
        run=run,  # type: ignore[arg-type]
    )


OPERATIONS = [
    Operation(
        name="pushIssue",
        method="POST",
        path="/pushes",
        scope=Scope.PUBLISH,
        summary="Hand over an issue from a repository",
        description=(
            "The digest is verified, and the source is checked by this server's settings. The same digest again is the "
            "same campaign. Another text replaces that of a draft, and drops its approvals; one that has begun stays."
        ),
        command="newsletter push",
        body=Push,
        max_bytes=MAX_BYTES,
        answers={201: PushedCampaign, 200: PushedCampaign},
        refusals=(409,),
        prepare=push,
    ),
    Operation(
        name="getPush",
        method="GET",
        path="/pushes/{issue}",
        scope=Scope.PUBLISH,
        summary="Show what became of an issue",
        command="newsletter status --remote",
        answers={200: PushedCampaign},
        run=show,
    ),
    Operation(
        name="getPushStats",
        method="GET",
        path="/pushes/{issue}/stats",
        scope=Scope.PUBLISH,
        summary="Count what happened to an issue's deliveries",
        command="newsletter stats --remote",
        answers={200: CampaignStats},
        run=stats,
    ),
    Operation(
        name="approvePush",
        method="POST",
        path="/pushes/{issue}/approvals",
        scope=Scope.PUBLISH,
        summary="Approve an issue's text, in the name of the key",
        description="Who handed the text over cannot approve it. With enough approvals a campaign that waited goes on.",
        command="newsletter approve --remote",
        body=NewApproval,
        answers={200: PushedCampaign},
        refusals=(409,),
        run=approve,
    ),
    _change_of_state("pause", pause, "Stop handing over an issue's messages"),
    _change_of_state("resume", resume, "Let an issue's paused campaign go on"),
    _change_of_state("cancel", cancel, "End an issue's campaign for good"),
]
