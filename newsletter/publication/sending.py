"""Plan, start and schedule campaigns: the steps of `send` and `schedule`, which the HTTP API takes as well.

Each step refuses before anything is changed. Nobody is mailed here: `sending.sender` and `run` do that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from newsletter.campaigns.campaign import ENDED, Campaign, CampaignState
from newsletter.campaigns.delivery_states import STATES
from newsletter.campaigns.schedule import Timing
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import ConfigError, NewsletterError
from newsletter.providers import read_settings
from newsletter.publication.campaigns import require_home
from newsletter.publishing.plan import (
    Plan,
    check_time,
    frozen_plan,
    gated,
    make_plan,
    refuse,
    refuse_schedule,
)
from newsletter.rates import Rate
from newsletter.relative_times import parse_at
from newsletter.sending.sender import Job
from newsletter.signed_links import link_secret
from newsletter.times import Moment


def plan_send(
    publication: PublicationSettings,
    database: Database,
    issue: str,
    list_name: str | None,
    segment: str | None,
    *,
    readers_of: str | None = None,
) -> tuple[Plan, NewsletterError | None]:
    """Plan from the issue's file, or from its approved campaign when the file cannot be built any more.

    Returns why the file cannot be built, too. Raises NewsletterError where there is neither.
    """
    try:
        plan = make_plan(publication, database, issue, list_name=list_name, segment=segment, readers_of=readers_of)
        return plan, None
    except NewsletterError as error:
        frozen = frozen_plan(publication, database, issue, list_name=list_name, segment=segment, readers_of=readers_of)
        if frozen is None or frozen.campaign is None:
            raise
        return frozen, error


def approved(publication: PublicationSettings, plan: Plan, allow: str | None) -> Plan:
    """Return the plan with what `check` says of its issue; a campaign that exists was checked when it was approved.

    Raises NewsletterError for an error of the issue that `allow` does not name.
    """
    return plan if plan.campaign else gated(publication, plan, allow)


def require_ready(publication: PublicationSettings, database: Database, plan: Plan) -> Mapping[str, Any]:
    """Return the provider's settings when the plan can be sent from here, now. Raises NewsletterError."""
    refuse(plan)
    with database.read() as connection:
        require_home(connection, database)
    settings = read_settings(publication, plan.provider)
    link_secret(publication)  # every message needs it
    return settings


def job_of_plan(
    publication: PublicationSettings, database: Database, plan: Plan, campaign: Campaign, settings: Any, rate: Rate
) -> Job:
    """Return what the sender needs to send the started campaign of a plan."""
    return Job(
        publication=publication,
        database=database,
        campaign=campaign,
        provider=plan.provider,
        settings=settings,
        rate=rate,
    )


def time_of(publication: PublicationSettings, plan: Plan, at: str | None, now: datetime) -> Moment:
    """Return the time that a user wrote (relative_times.py), else the issue's `send_at`.

    Raises ConfigError when there is neither, ValueError for a text that is no time.
    """
    if at is not None:
        return parse_at(at, publication.config.publication.timezone, now)
    if plan.built.issue.send_at:
        return plan.built.issue.send_at
    hint = 'Say it with --at "2026-11-24 07:00", or as `send_at` in the front matter.'
    raise ConfigError(f"{plan.built.issue.path.name} does not say when to send it", hint=hint)


def plan_schedule(
    publication: PublicationSettings,
    database: Database,
    issue: str,
    moment: Moment | str | None,
    *,
    list_name: str | None,
    segment: str | None,
    allow: str | None,
    now: datetime,
    readers_of: str | None = None,
) -> tuple[Plan, Timing]:
    """Plan a campaign for a time, and check everything that may refuse it. Raises NewsletterError."""
    plan = make_plan(publication, database, issue, list_name=list_name, segment=segment, readers_of=readers_of)
    try:
        time = moment if isinstance(moment, Moment) else time_of(publication, plan, moment, now)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return require_schedulable(publication, database, plan, time, allow, now)


def require_schedulable(
    publication: PublicationSettings, database: Database, plan: Plan, moment: Moment, allow: str | None, now: datetime
) -> tuple[Plan, Timing]:
    """Return the plan with what `check` says of its issue, and what the time means. Raises NewsletterError."""
    refuse_schedule(plan)
    plan = gated(publication, plan, allow)
    when = check_time(publication, database, plan, moment, now)
    link_secret(publication)  # a missing secret shows now, not on the day of sending
    return plan, when


def planned_json(plan: Plan) -> dict[str, object]:
    """Return what `send --dry-run --json` prints: the status that the campaign would begin with."""
    deliveries = {**dict.fromkeys(STATES, 0), "queued": plan.waiting, "skipped": plan.suppressed}
    return {
        "campaign": plan.campaign.id if plan.campaign else None,
        "issue": plan.slug,
        **({"readers_of": plan.corrects.id} if plan.corrects else {}),
        "state": plan.campaign.state if plan.campaign else CampaignState.DRAFT,
        "audience": sum(deliveries.values()),
        "deliveries": deliveries,
    }


def is_over(campaign: Campaign | None) -> bool:
    """Tell whether a campaign has ended, so that nobody will be mailed any more."""
    return campaign is not None and campaign.state in ENDED
