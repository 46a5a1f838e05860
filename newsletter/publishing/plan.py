"""Plan: what would be sent, to whom and through whom, before any of it happens.

Made from the issue file, the readers and what there is already of the same campaign.
Making one changes nothing; `start` and `schedule` are the steps that do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypedDict

from sqlalchemy import Connection

from newsletter.campaigns import reports
from newsletter.campaigns.campaign import (
    ENDED,
    Campaign,
    CampaignState,
    approve_again,
    approve_issue,
    campaign_of_issue,
    campaigns_of_slug,
    get_campaign,
    schedule_campaign,
    start_now,
)
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.schedule import Timing, is_too_late, timing, wall_clock
from newsletter.checks.gate import gate
from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.errors import ConfigError, NewsletterError, suggestion
from newsletter.issues.issue import find_issue, slug_of
from newsletter.messages.types import CompiledMessage, WebPage
from newsletter.providers import find_provider
from newsletter.providers.base import Provider
from newsletter.rendering.build import Built, build_issue
from newsletter.subscribers import segments
from newsletter.times import Clock, Moment, first_moment, utc_now

_WEST = timezone(timedelta(hours=-12))
"""Where clocks show a time last."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One issue to one list and segment."""

    file: Built | None
    """The issue as its file has it now; None when it cannot be built, which what is frozen does not need."""
    list: str
    segment: str
    """Empty: the whole list."""
    provider: Provider
    campaign: Campaign | None
    """What there is already of this issue, list and segment."""
    waiting: int
    """Readers who would be mailed now."""
    checks: str = "[]"
    """What `checks.gate` said of the issue; kept with the campaign."""

    @property
    def built(self) -> Built:
        """The issue as its file has it now, of a plan that was made from one."""
        assert self.file is not None
        return self.file

    @property
    def slug(self) -> str:
        """The issue's."""
        return self.campaign.issue if self.campaign else self.built.issue.slug

    @property
    def subject(self) -> str:
        """As its author wrote it; the frozen one when there is one."""
        return self.campaign.subject if self.campaign else self.own_subject

    @property
    def own_subject(self) -> str:
        """As the file has it now."""
        return self.built.message.open(self.built.message.subject)

    @property
    def audience(self) -> str:
        """`8,120 readers of daily`, with the segment if there is one."""
        part = f", segment {self.segment}" if self.segment else ""
        return f"{reports.readers(self.waiting)} of {self.list}{part}"

    @property
    def is_over(self) -> bool:
        """Whether its campaign has ended: nobody will be mailed any more."""
        return self.campaign is not None and self.campaign.state in (CampaignState.SENT, CampaignState.CANCELLED)


def make_plan(
    publication: Publication,
    database: Database,
    issue: str,
    *,
    list_name: str | None,
    segment: str | None,
    clock: Clock = utc_now,
) -> Plan:
    """The plan for an issue as a user names it; list and segment are the issue's own unless given.

    Raises IssueError, and ConfigError for a list, segment or provider that there is not.
    """
    built = build_issue(publication, find_issue(publication, issue))
    _refuse_welcome(built)
    to, part = _list(publication, list_name or built.issue.list), segment or built.issue.segment or ""
    with database.read() as connection:
        campaign = campaign_of_issue(connection, built.issue.slug, to, part)
        waiting = _waiting(connection, publication, campaign, to, part, clock())
    provider = find_provider(publication, campaign.provider if campaign else "")
    return Plan(file=built, list=to, segment=part, provider=provider, campaign=campaign, waiting=waiting)


def frozen_plan(
    publication: Publication,
    database: Database,
    issue: str,
    *,
    list_name: str | None,
    segment: str | None,
    clock: Clock = utc_now,
) -> Plan | None:
    """The plan for a campaign that was approved already, its file not asked; None when there is none such."""
    path = Path(issue)
    slug = slug_of(path) if path.suffix == ".md" else issue
    with database.read() as connection:
        named = campaigns_of_slug(connection, slug)
        fits = (one for one in named if list_name in (None, one.list) and segment in (None, one.segment))
        campaign = next(fits, None)
        if campaign is None:
            return None
        to, part = campaign.list, campaign.segment
        waiting = _waiting(connection, publication, campaign, to, part, clock())
    provider = find_provider(publication, campaign.provider)
    return Plan(file=None, list=to, segment=part, provider=provider, campaign=campaign, waiting=waiting)


def _waiting(
    connection: Connection, publication: Publication, campaign: Campaign | None, to: str, part: str, now: datetime
) -> int:
    """Readers who would be mailed now: the audience, or what is left of it."""
    readers = segments.count(connection, publication, to, part, now=now)
    if campaign is None:
        return readers
    counted = delivery_counts(connection, campaign.id)
    left = 0 if campaign.enqueued else max(0, readers - sum(counted.values()))
    return counted["queued"] + left


def _list(publication: Publication, name: str) -> str:
    if name in publication.config.lists:
        return name
    raise ConfigError(f'no list is named "{name}"', hint=suggestion(name, publication.config.lists, "Lists"))


def gated(publication: Publication, plan: Plan, allow: str | None) -> Plan:
    """The plan with what `check` says of its issue. Raises NewsletterError for an error that `allow` does not name."""
    return replace(plan, checks=gate(publication, plan.built, allow))


def refuse(plan: Plan) -> None:
    """Raise NewsletterError when this cannot be sent now."""
    if plan.campaign and plan.campaign.state is CampaignState.PAUSED:
        hint = f"Let it go on with `newsletter resume {plan.campaign.id}`, then send again."
        raise NewsletterError(f"campaign {plan.campaign.id} is paused: {plan.campaign.reason}", hint=hint)
    if not plan.campaign and not plan.waiting:
        hint = "Add one with `newsletter subscribers add`, or many with `newsletter subscribers import`."
        raise NewsletterError(f"there is nobody to send it to: {plan.audience}", hint=hint)


def refuse_schedule(plan: Plan) -> None:
    """Raise NewsletterError when this cannot be scheduled: it has begun, it is over, there is nobody."""
    found = plan.campaign
    if found and found.started_at and found.state not in ENDED:
        raise NewsletterError(f"campaign {found.id} has begun already", hint=f"See `newsletter status {found.id}`.")
    if found and found.state in ENDED:
        raise NewsletterError(f"campaign {found.id} is {found.state} already", hint="Nobody is mailed again.")
    if not plan.waiting:
        hint = "Add one with `newsletter subscribers add`, or many with `newsletter subscribers import`."
        raise NewsletterError(f"there is nobody to send it to: {plan.audience}", hint=hint)


def remarks(publication: Publication, plan: Plan, now: datetime) -> list[str]:
    """What the user of `send` may not expect, a sentence each."""
    said: list[str] = []
    if plan.campaign and plan.file and plan.campaign.digest != plan.built.message.digest:
        name = plan.built.issue.path.name
        said.append(f"{name} was edited since campaign {plan.campaign.id} was approved; what was approved is sent.")
    if ahead := _ahead(publication, plan, now):
        said.append(f"{ahead}; `send` does not wait for it.")
    return said


def _ahead(publication: Publication, plan: Plan, now: datetime) -> str:
    """The time that lies ahead and is not waited for: the campaign's own, else the file's; nothing once it began."""
    found = plan.campaign
    if found and (found.started_at or found.state not in (CampaignState.DRAFT, CampaignState.SCHEDULED)):
        return ""
    if found and found.start:
        when = _by_own_clocks(found.wall) if found.wall else wall_clock(publication, found.start)
        is_ahead = found.start > now or (found.wall and first_moment(found.wall, _WEST) > now)
        return f"campaign {found.id} is scheduled for {when}" if is_ahead else ""
    send_at = plan.file.issue.send_at if plan.file else None
    if send_at is None or send_at.at(_WEST) <= now:
        return ""
    return f"send_at is {send_at.wall:%Y-%m-%d %H:%M}" if send_at.zone else f"send_at is {_by_own_clocks(send_at.wall)}"


def _by_own_clocks(wall: datetime) -> str:
    return f"{wall:%Y-%m-%d %H:%M} by each reader's own clock"


def start_plan(database: Database, plan: Plan, now: datetime) -> Campaign:
    """Approve if need be, and start; in one transaction, so that of two commands at once one does."""
    with database.begin() as connection:
        found = _approved(connection, plan, now)
        return found if found.state is CampaignState.SENDING else start_now(connection, found.id, now=now)


def schedule_plan(publication: Publication, database: Database, plan: Plan, moment: Moment, now: datetime) -> Campaign:
    """Approve, and let it start at `moment`; scheduled again it gets the new time, and what the file says now.

    Raises NewsletterError for a campaign that has begun, and for a time that has gone by.
    """
    when = check_time(publication, database, plan, moment, now)
    with database.begin() as connection:
        found = _approved(connection, plan, now)
        found = schedule_campaign(connection, found.id, send_at=when.start, wall=when.wall, now=now)
        if plan.campaign:
            approve_again(connection, found.id, **_frozen(plan))
        return get_campaign(connection, found.id)


def check_time(publication: Publication, database: Database, plan: Plan, moment: Moment, now: datetime) -> Timing:
    """What `moment` means for the plan's readers. Raises NewsletterError when it would be too late already."""
    with database.read() as connection:
        when = timing(connection, publication, moment, plan.list, plan.segment, now)
    if is_too_late(when.start, now, publication.config.send.max_lateness):
        segment = f" --segment {plan.segment}" if plan.segment else ""
        hint = f"Send it at once with: newsletter send {plan.built.issue.slug} --list {plan.list}{segment}"
        raise NewsletterError(f"{wall_clock(publication, when.start)} has gone by", hint=hint)
    return when


def _approved(connection: Connection, plan: Plan, now: datetime) -> Campaign:
    """The campaign there is, else a new draft."""
    found = campaign_of_issue(connection, plan.slug, plan.list, plan.segment)
    if found:
        return found
    provider = plan.provider.name
    return approve_issue(connection, list=plan.list, segment=plan.segment, provider=provider, now=now, **_frozen(plan))


class _Frozen(TypedDict):
    """What is approved, and stays when the file is edited."""

    message: CompiledMessage
    page: WebPage
    checks: str
    tracking: str


def _frozen(plan: Plan) -> _Frozen:
    level = plan.built.theme.publication.config.tracking.level
    return _Frozen(message=plan.built.message, page=plan.built.page, checks=plan.checks, tracking=level)


def _refuse_welcome(built: Built) -> None:
    """A welcome goes to whoever joins, by itself."""
    if built.issue.kind == "welcome":
        hint = "`newsletter serve` sends it to each reader who joins; remove `kind: welcome` to send it to everybody."
        raise NewsletterError(f'"{built.issue.slug}" is a welcome, and no campaign\'s', hint=hint)
