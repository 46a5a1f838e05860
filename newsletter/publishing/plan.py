"""Plan a campaign: its issue, its readers and its provider, before anything is changed.

A plan is made from the issue file, the readers and the campaign that exists already, if one does. Making a plan
changes nothing; `start_plan` and `schedule_plan` approve it and write to the database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypedDict

from sqlalchemy import Connection

from newsletter.campaigns import approvals, reports
from newsletter.campaigns.audience import got
from newsletter.campaigns.campaign import (
    ENDED,
    Campaign,
    CampaignState,
    approve_again,
    approve_issue,
    get_campaign,
    schedule_campaign,
    start_now,
)
from newsletter.campaigns.campaign_queries import campaign_of_issue, campaigns_of_slug
from newsletter.campaigns.schedule import Timing, hold_unprepared, is_too_late, missing_setting, timing, wall_clock
from newsletter.checks.gate import gate
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import ConfigError, NewsletterError, suggestion
from newsletter.issues.issue import find_issue, slug_of
from newsletter.messages.types import CompiledMessage, WebPage
from newsletter.providers import find_provider, require_unsubscribe_events
from newsletter.providers.base import Provider
from newsletter.publishing.corrections import Chosen, corrected, described
from newsletter.publishing.planned_readers import PlannedReaders
from newsletter.rendering.build import Built, build_issue
from newsletter.signed_links import link_secret
from newsletter.times import Clock, Moment, first_moment, utc_now

_WEST = timezone(timedelta(hours=-12))
"""The zone in which clocks show a time last."""


class UnpreparedError(ConfigError):
    """A campaign that is not over needs a list, segment or provider that newsletter.toml has no longer."""

    def __init__(self, campaign: Campaign, missing: str) -> None:
        hint = f"Put it back, or end the campaign with `newsletter cancel {campaign.id}`."
        super().__init__(f"campaign {campaign.id} cannot be sent: {missing}", hint=hint)
        self.campaign = campaign


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A sending of one issue to one list and segment, as it would be now."""

    file: Built | None
    """The issue built from its file as it is now; None in a plan of an approved campaign whose file cannot be built."""
    list: str
    segment: str
    """The segment's name; empty for the whole list."""
    provider: Provider
    campaign: Campaign | None
    """The campaign of this issue, list and segment that exists already."""
    waiting: int
    """Readers who would be mailed now."""
    corrects: Campaign | None = None
    """The campaign whose readers get this one, a correction; None when the list's readers do."""
    suppressed: int = 0
    """Readers of the list who would be skipped, because their addresses are suppressed."""
    checks: str = "[]"
    """The findings of `checks.gate` as JSON, kept with the campaign."""

    @property
    def built(self) -> Built:
        """The issue built from its file as it is now; only for plans that were made from a file."""
        assert self.file is not None
        return self.file

    @property
    def slug(self) -> str:
        """The issue's slug."""
        return self.campaign.issue if self.campaign else self.built.issue.slug

    @property
    def subject(self) -> str:
        """The subject that is sent: the approved one if the campaign exists, else the file's."""
        return self.campaign.subject if self.campaign else self.own_subject

    @property
    def own_subject(self) -> str:
        """The subject that the file has now, with merge tags as the author wrote them."""
        return self.built.message.open(self.built.message.subject)

    @property
    def audience(self) -> str:
        """The readers in words: `8,120 readers of daily`, with the segment if there is one."""
        part = f", segment {self.segment}" if self.segment else ""
        return (
            f"{reports.readers(self.waiting)} of {self.list}{part}{described(self.corrects) if self.corrects else ''}"
        )

    @property
    def is_over(self) -> bool:
        """True when the campaign has ended, so that nobody will be mailed any more."""
        return self.campaign is not None and self.campaign.state in (CampaignState.SENT, CampaignState.CANCELLED)


def make_plan(
    publication: PublicationSettings,
    database: Database,
    issue: str,
    *,
    list_name: str | None,
    segment: str | None,
    readers_of: str | None = None,
    clock: Clock = utc_now,
) -> Plan:
    """Plan an issue as a user names it; list and segment are the issue's own unless given.

    `readers_of` names a campaign by id or issue: its readers get this issue, a correction, and nobody else does.
    Raises IssueError, and ConfigError for an unknown list, segment or provider: UnpreparedError where a campaign of
    the issue that is not over needs it.
    """
    built = build_issue(publication, find_issue(publication, issue))
    _refuse_welcome(built)
    chosen = Chosen(list=list_name, segment=segment, readers_of=readers_of)
    with database.read() as connection:
        corrects = corrected(connection, built.issue.slug, chosen)
        if corrects:  # exactly its readers: the issue's own list and segment do not count
            to, part = _list(publication, corrects.list), segment or ""
        else:
            to, part = _list(publication, list_name or built.issue.list), segment or built.issue.segment or ""
        campaign = campaign_of_issue(connection, built.issue.slug, to, part, corrects.id if corrects else 0)
        _require_settings(publication, campaign)
        readers = PlannedReaders(publication=publication, list=to, segment=part, corrects=corrects)
        waiting, suppressed = readers.waiting(connection, campaign, clock())
    provider = find_provider(publication, campaign.provider if campaign else "")
    require_unsubscribe_events(publication, provider)
    return Plan(
        file=built,
        list=to,
        segment=part,
        provider=provider,
        campaign=campaign,
        waiting=waiting - suppressed,
        corrects=corrects,
        suppressed=suppressed,
    )


def frozen_plan(
    publication: PublicationSettings,
    database: Database,
    issue: str,
    *,
    list_name: str | None,
    segment: str | None,
    readers_of: str | None = None,
    clock: Clock = utc_now,
) -> Plan | None:
    """Plan the campaign that was approved already, without reading its file; None when there is none.

    Raises UnpreparedError when newsletter.toml has no longer what the campaign needs.
    """
    slug = _slug(publication, issue)
    with database.read() as connection:
        named = campaigns_of_slug(connection, slug)
        corrects = corrected(connection, slug, Chosen(list=list_name, segment=segment, readers_of=readers_of))
        same = [each for each in named if each.readers_of == (corrects.id if corrects else 0)]
        fits = (each for each in same if list_name in (None, each.list) and segment in (None, each.segment))
        campaign = next(fits, None)
        if campaign is None:
            return None
        _require_settings(publication, campaign)
        to, part = campaign.list, campaign.segment
        readers = PlannedReaders(publication=publication, list=to, segment=part, corrects=corrects)
        waiting, suppressed = readers.waiting(connection, campaign, clock())
    return Plan(
        file=None,
        list=to,
        segment=part,
        provider=find_provider(publication, campaign.provider),
        campaign=campaign,
        waiting=waiting - suppressed,
        corrects=corrects,
        suppressed=suppressed,
    )


def _slug(publication: PublicationSettings, issue: str) -> str:
    """Return the slug of the issue that a user names; of one whose file is gone, what they wrote."""
    try:
        return slug_of(find_issue(publication, issue))
    except NewsletterError:
        path = Path(issue)
        return slug_of(path) if path.suffix == ".md" else issue


def _require_settings(publication: PublicationSettings, campaign: Campaign | None) -> None:
    if campaign and campaign.state not in ENDED and (missing := missing_setting(publication, campaign)):
        raise UnpreparedError(campaign, missing)


def hold(publication: PublicationSettings, database: Database, campaign: Campaign, now: datetime) -> bool:
    """Pause the campaign of an UnpreparedError if it is sending; return whether it is paused now."""
    with database.begin() as connection:
        hold_unprepared(connection, publication, campaign.id, now)
        return get_campaign(connection, campaign.id).state is CampaignState.PAUSED


def _list(publication: PublicationSettings, name: str) -> str:
    if name in publication.config.lists:
        return name
    raise ConfigError(f'no list is named "{name}"', hint=suggestion(name, publication.config.lists, "Lists"))


def gated(publication: PublicationSettings, plan: Plan, allow: str | None) -> Plan:
    """The plan with what `check` says of its issue. Raises NewsletterError for an error that `allow` does not name."""
    return replace(plan, checks=gate(publication, plan.built, allow))


def refuse(plan: Plan) -> None:
    """Raise NewsletterError when this cannot be sent now."""
    if plan.campaign and plan.campaign.state is CampaignState.PAUSED:
        hint = f"Let it go on with `newsletter resume {plan.campaign.id}`, then send again."
        raise NewsletterError(f"campaign {plan.campaign.id} is paused: {plan.campaign.reason}", hint=hint)
    if not plan.campaign and not plan.waiting:
        raise NewsletterError(f"there is nobody to send it to: {plan.audience}", hint=_how_to_add(plan))


def refuse_schedule(plan: Plan) -> None:
    """Raise NewsletterError when this cannot be scheduled: it has begun or ended, or has no readers."""
    campaign = plan.campaign
    if campaign and campaign.started_at and campaign.state not in ENDED:
        raise NewsletterError(
            f"campaign {campaign.id} has begun already", hint=f"See `newsletter status {campaign.id}`."
        )
    if campaign and campaign.state in ENDED:
        raise NewsletterError(f"campaign {campaign.id} is {campaign.state} already", hint="Nobody is mailed again.")
    if not plan.waiting:
        raise NewsletterError(f"there is nobody to send it to: {plan.audience}", hint=_how_to_add(plan))


def _how_to_add(plan: Plan) -> str:
    if plan.suppressed:
        return f"All {plan.suppressed:,} are suppressed: `newsletter suppressions list` says why."
    return "Add one with `newsletter subscribers add`, or many with `newsletter subscribers import`."


def remarks(publication: PublicationSettings, plan: Plan, now: datetime) -> list[str]:
    """Return what a user of `send` may not expect, as sentences."""
    sentences: list[str] = []
    if plan.campaign and plan.file and plan.campaign.digest != plan.built.message.digest:
        sentences.append(_edited(plan.campaign, plan.built.issue.path.name))
    if ahead := _ahead(publication, plan, now):
        sentences.append(f"{ahead}; `send` does not wait for it.")
    return sentences


def _edited(campaign: Campaign, name: str) -> str:
    if not (campaign.started_at and campaign.state in ENDED):
        return f"{name} was edited since campaign {campaign.id} was approved; what was approved is sent."
    return (
        f"{name} was edited since it was sent; its readers have what was approved.\n"
        f"  To change its page in the archive: newsletter archive amend {campaign.issue}\n"
        "  To mail them a correction, write it as an issue of its own, then: "
        f"newsletter send CORRECTION --to-readers-of {campaign.id}"
    )


def _ahead(publication: PublicationSettings, plan: Plan, now: datetime) -> str:
    """Return words for a start that lies ahead and that `send` ignores; empty once the campaign has begun."""
    campaign = plan.campaign
    if campaign and (campaign.started_at or campaign.state not in (CampaignState.DRAFT, CampaignState.SCHEDULED)):
        return ""
    if campaign and campaign.start:
        when = _by_own_clocks(campaign.wall) if campaign.wall else wall_clock(publication, campaign.start)
        is_ahead = campaign.start > now or (campaign.wall and first_moment(campaign.wall, _WEST) > now)
        return f"campaign {campaign.id} is scheduled for {when}" if is_ahead else ""
    send_at = plan.file.issue.send_at if plan.file else None
    if send_at is None or send_at.at(_WEST) <= now:
        return ""
    return f"send_at is {send_at.wall:%Y-%m-%d %H:%M}" if send_at.zone else f"send_at is {_by_own_clocks(send_at.wall)}"


def _by_own_clocks(wall: datetime) -> str:
    return f"{wall:%Y-%m-%d %H:%M} by each reader's own clock"


def start_plan(publication: PublicationSettings, database: Database, plan: Plan, now: datetime) -> Campaign:
    """Freeze the plan unless that was done, and start its campaign.

    One transaction does both, so that of two commands that run at once only one freezes it. Raises NewsletterError
    when `[publish]` asks for something that is not there, and nothing is changed.
    """
    with database.begin() as connection:
        return start_in(connection, publication, plan, now)


def start_in(connection: Connection, publication: PublicationSettings, plan: Plan, now: datetime) -> Campaign:
    """Do as `start_plan`, in the caller's transaction."""
    campaign = _approved(connection, plan, now)
    if held := approvals.reason_to_hold(connection, publication, campaign, now):
        raise NewsletterError(f"campaign of {campaign.issue} is {held}", hint="Nothing was changed, nobody was mailed.")
    return campaign if campaign.state is CampaignState.SENDING else start_now(connection, campaign.id, now=now)


def schedule_plan(
    publication: PublicationSettings, database: Database, plan: Plan, moment: Moment, now: datetime
) -> Campaign:
    """Approve the plan and schedule its campaign; one that was scheduled before gets the new time and text.

    Raises NewsletterError for a campaign that has begun, and for a time that is too long ago; ConfigError when the
    secret of readers' links is missing or too short.
    """
    when = check_time(publication, database, plan, moment, now)
    link_secret(publication)  # a missing secret shows now, not on the day of sending
    with database.begin() as connection:
        return schedule_in(connection, plan, when, now)


def schedule_in(connection: Connection, plan: Plan, when: Timing, now: datetime) -> Campaign:
    """Do as `schedule_plan`, in the caller's transaction, for a time that `check_time` returned."""
    campaign = _approved(connection, plan, now)
    campaign = schedule_campaign(connection, campaign.id, send_at=when.start, wall=when.wall, now=now)
    if plan.campaign:
        approve_again(connection, campaign.id, now=now, **_frozen(plan))
    return get_campaign(connection, campaign.id)


def check_time(
    publication: PublicationSettings, database: Database, plan: Plan, moment: Moment, now: datetime
) -> Timing:
    """Return what `moment` means for the plan's readers. Raises NewsletterError when it is too long ago."""
    with database.read() as connection:
        among = got(plan.corrects.id if plan.corrects else 0)
        when = timing(connection, publication, moment, plan.list, plan.segment, now, among)
    if is_too_late(when.start, now, publication.config.send.max_lateness):
        segment = f" --segment {plan.segment}" if plan.segment else ""
        to = f"--to-readers-of {plan.corrects.id}" if plan.corrects else f"--list {plan.list}"
        hint = f"Send it at once with: newsletter send {plan.built.issue.slug} {to}{segment}"
        raise NewsletterError(f"{wall_clock(publication, when.start)} has gone by", hint=hint)
    return when


def freeze_draft(connection: Connection, plan: Plan, now: datetime) -> Campaign:
    """Return the plan's campaign, a new draft when there is none; an older text of a draft gives way to the file's."""
    campaign = _approved(connection, plan, now)
    is_unstarted = campaign.state in (CampaignState.DRAFT, CampaignState.SCHEDULED) and not campaign.started_at
    if plan.file and is_unstarted and campaign.digest != plan.built.message.digest:
        approve_again(connection, campaign.id, now=now, **_frozen(plan))
        return get_campaign(connection, campaign.id)
    return campaign


def _approved(connection: Connection, plan: Plan, now: datetime) -> Campaign:
    """Return the campaign that exists, else a new draft."""
    readers_of = plan.corrects.id if plan.corrects else 0
    campaign = campaign_of_issue(connection, plan.slug, plan.list, plan.segment, readers_of)
    if campaign:
        return campaign
    to = {"list": plan.list, "segment": plan.segment}
    provider = plan.provider.name
    return approve_issue(connection, **to, readers_of=readers_of, provider=provider, now=now, **_frozen(plan))


class _Frozen(TypedDict):
    """The parts of a plan that approval freezes; later edits of the file do not change them."""

    message: CompiledMessage
    page: WebPage
    checks: str
    tracking: str


def _frozen(plan: Plan) -> _Frozen:
    level = plan.built.theme.publication.config.tracking.level
    return _Frozen(message=plan.built.message, page=plan.built.page, checks=plan.checks, tracking=level)


def _refuse_welcome(built: Built) -> None:
    """Raise NewsletterError for a welcome issue, which `serve` sends to each reader who joins."""
    if built.issue.kind == "welcome":
        hint = "`newsletter serve` sends it to each reader who joins; remove `kind: welcome` to send it to everybody."
        raise NewsletterError(f'"{built.issue.slug}" is a welcome and cannot be sent as a campaign', hint=hint)
