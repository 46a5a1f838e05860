"""Change the state of campaigns: what `pause`, `resume`, `cancel`, `retry`, `resolve` and the HTTP API do.

The functions take a transaction; nobody is mailed by them: `send` and `run` do that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from newsletter.campaigns import abandoned_batches, audience, counts, events, resolution
from newsletter.campaigns.campaign import (
    ASKED,
    Campaign,
    CampaignState,
    change_state,
    get_campaign,
    resume_campaign,
)
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.providers import find_provider
from newsletter.sending import database_guard, reconcile
from newsletter.sending.database_guard import LastSendMarker
from newsletter.sending.pacing import batch_size
from newsletter.sending.reconcile import BatchFinding


def figures(connection: Connection, campaign: Campaign) -> dict[str, Any]:
    """Return what `status --json` prints: deliveries by state, and how many readers each kind of event happened to."""
    counted = delivery_counts(connection, campaign.id)
    return {**counts.status(campaign, counted), "events": events.reader_counts(connection, campaign.id)}


def pause(connection: Connection, campaign: Campaign, now: datetime, *, reason: str = ASKED) -> Campaign:
    """Stop handing over a campaign's messages. Raises NewsletterError when it has ended."""
    return change_state(connection, campaign.id, "pause", now=now, reason=reason)


def resume(connection: Connection, campaign: Campaign, now: datetime) -> Campaign:
    """Let a paused campaign go on, or wait for its time again. Raises NewsletterError when it is not paused."""
    return resume_campaign(connection, campaign.id, now=now)


def cancel(connection: Connection, publication: PublicationSettings, campaign: Campaign, now: datetime) -> Campaign:
    """End a campaign for good: who has it not yet does not get it. Raises NewsletterError when it has ended."""
    cancelled = change_state(connection, campaign.id, "cancel", now=now)
    audience.complete(connection, publication, campaign.id, now=now)
    abandoned_batches.cancel(connection, campaign.id, now)
    return cancelled


def queue_retries(connection: Connection, publication: PublicationSettings, campaign: Campaign, now: datetime) -> int:
    """Queue what was rejected and may work now; return how many readers. Raises NewsletterError."""
    require_sendable(campaign)
    size = batch_size(publication, find_provider(publication, campaign.provider), publication.config.send.rate)
    number = resolution.count_retryable(connection, campaign.id)
    if number:
        resolution.retry(connection, campaign.id, size, now)
        _reopen(connection, campaign, now)
    return number


def resolve(connection: Connection, campaign: Campaign, policy: resolution.Policy, now: datetime) -> int:
    """Decide about unknown deliveries; return how many. Raises NewsletterError when nothing can be sent again."""
    if policy == "resend":
        require_sendable(campaign)
    number = resolution.resolve_campaign(connection, campaign.id, policy, now)
    if policy == "resend" and number:
        _reopen(connection, campaign, now)
    return number


def record_findings(connection: Connection, campaign: Campaign, findings: list[BatchFinding], now: datetime) -> int:
    """Write what the provider said about unknown deliveries; return about how many.

    Calls that are to be made again are queued, and a campaign that has ended is opened for them; the sender makes them.
    """
    repeated = [finding for finding in findings if finding.may_repeat]
    if repeated and get_campaign(connection, campaign.id).state not in (CampaignState.SENT, CampaignState.SENDING):
        findings = [finding for finding in findings if not finding.may_repeat]
        repeated = []
    reconcile.record(connection, findings, now)
    if repeated:
        _reopen(connection, campaign, now)
    return sum(len(finding.sent) + len(finding.unsent) for finding in findings)


def _reopen(connection: Connection, campaign: Campaign, now: datetime) -> None:
    if get_campaign(connection, campaign.id).state is CampaignState.SENT:
        change_state(connection, campaign.id, "reopen", now=now)


def require_sendable(campaign: Campaign) -> None:
    """Raise NewsletterError unless deliveries of the campaign can be queued again: it is sent or sending."""
    if campaign.state in (CampaignState.SENT, CampaignState.SENDING):
        return
    hint = (
        f"Let it go on with `newsletter resume {campaign.id}` first." if campaign.state is CampaignState.PAUSED else ""
    )
    raise NewsletterError(f"campaign {campaign.id} is {campaign.state}: nothing of it can be sent again", hint=hint)


def require_home(connection: Connection, database: Database) -> None:
    """Raise NewsletterError in a copy or an old backup of a database, which must not send."""
    database_guard.require_home(connection, database_guard.here(database))
    LastSendMarker(database).require_newest(connection)
