"""`newsletter send`: an issue to a list's readers, to each once."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click

from newsletter import accounts, campaigns, reports, segments
from newsletter.build import Built, build_issue
from newsletter.campaigns import Campaign, State
from newsletter.config import Publication
from newsletter.errors import MOST_SHOWN, ConfigError, NewsletterError, ProviderStopped, suggestion
from newsletter.issues import find_issue
from newsletter.pacing import batch_size
from newsletter.progress import CampaignProgress
from newsletter.providers import find_provider, read_settings
from newsletter.providers.record import Provider
from newsletter.sender import Ending, Job, Sender
from newsletter.session import Session
from newsletter.times import Rate

UNKNOWN_LEFT = 3
"""The exit code when it ended, but with unknown deliveries."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be sent, to whom, through whom; nothing of it has happened."""

    built: Built
    list: str
    segment: str
    provider: Provider
    rate: Rate
    campaign: Campaign | None
    """What there is already of this issue, list and segment."""
    waiting: int
    """Readers who would be mailed now."""

    @property
    def subject(self) -> str:
        """As its author wrote it; the frozen one when there is one."""
        return self.campaign.subject if self.campaign else self.built.message.open(self.built.message.subject)

    @property
    def audience(self) -> str:
        """`8,120 readers of daily`, with the segment if there is one."""
        part = f", segment {self.segment}" if self.segment else ""
        return f"{reports.readers(self.waiting)} of {self.list}{part}"


def _rate(_ctx: click.Context, _option: click.Parameter, value: str | None) -> Rate | None:
    try:
        return Rate(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("issue")
@click.option("--list", "list_name", metavar="LIST", help="Whose readers get it  [default: the issue's list]")
@click.option("--segment", metavar="SEGMENT", help="Which of them  [default: the issue's segment, else all]")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, to how many, and change nothing")
@click.option("--yes", is_flag=True, help="Do not ask")
@click.option("--rate", metavar="N/s", callback=_rate, help="At most so many messages  [default: [send] rate]")
@click.option("--allow", metavar="RULES", help="Rules of `check` that may complain, separated by commas")
@click.option("--json", "as_json", is_flag=True, help="Print the campaign's status as JSON")
@click.pass_obj
def command(
    session: Session,
    issue: str,
    list_name: str | None,
    segment: str | None,
    dry_run: bool,
    yes: bool,
    rate: Rate | None,
    allow: str | None,
    as_json: bool,
) -> None:
    """Send an issue, to each reader once.

    Safe to stop and to run again: whoever has it is not sent it twice. What is sent is frozen when
    sending starts; editing the file afterwards changes nothing.

    \b
    Exits 0 when everyone has it, 3 when some deliveries are unknown, 4 when the provider stopped the
    campaign, 1 when it was refused or interrupted, 2 when something is set wrong or nobody could be asked.

    \b
    Examples:
        newsletter send chip-rules --dry-run
        newsletter send chip-rules
        newsletter send chip-rules --list weekly --segment engaged --rate 20/s --yes
    """
    plan = _plan(session, issue, list_name, segment, rate)
    if dry_run or (plan.campaign and plan.campaign.state in (State.SENT, State.CANCELLED)):
        _show_only(session, plan, as_json)
        return
    _refuse(plan)
    _remark(plan)
    settings = read_settings(session.publication, plan.provider)
    _ask(plan, yes)
    campaign = _start(session, plan)
    job = Job(
        publication=session.publication,
        database=session.database,
        campaign=campaign,
        provider=plan.provider,
        settings=settings,
        rate=plan.rate,
    )
    began = time.monotonic()
    with CampaignProgress() as progress:
        ending = Sender(job, progress).run()
    _report(session, ending, timedelta(seconds=time.monotonic() - began), as_json)


def _plan(session: Session, name: str, list_name: str | None, segment: str | None, rate: Rate | None) -> Plan:
    publication = session.publication
    built = build_issue(publication, find_issue(publication, name))
    for warning in built.warnings:
        click.echo(f"newsletter: warning: {warning}", err=True)
    to, part = _list(publication, list_name or built.issue.list), segment or built.issue.segment or ""
    with session.database.read() as connection:
        campaign = campaigns.of_issue(connection, built.issue.slug, to, part)
        waiting = segments.count(connection, publication, to, part)
        if campaign:
            counted = accounts.counts(connection, campaign.id)
            left = 0 if campaign.enqueued else max(0, waiting - sum(counted.values()))
            waiting = counted["queued"] + left
    return Plan(
        built=built,
        list=to,
        segment=part,
        provider=find_provider(publication, campaign.provider if campaign else ""),
        rate=rate or publication.config.send.rate,
        campaign=campaign,
        waiting=waiting,
    )


def _list(publication: Publication, name: str) -> str:
    if name in publication.config.lists:
        return name
    raise ConfigError(f'no list is named "{name}"', hint=suggestion(name, publication.config.lists, "Lists"))


def _refuse(plan: Plan) -> None:
    """Say why this cannot be sent now. Raises NewsletterError."""
    if plan.campaign and plan.campaign.state is State.PAUSED:
        hint = f"Let it go on with `newsletter resume {plan.campaign.id}`, then send again."
        raise NewsletterError(f"campaign {plan.campaign.id} is paused: {plan.campaign.reason}", hint=hint)
    if not plan.campaign and not plan.waiting:
        hint = "Add one with `newsletter subscribers add`, or many with `newsletter subscribers import`."
        raise NewsletterError(f"there is nobody to send it to: {plan.audience}", hint=hint)


def _remark(plan: Plan) -> None:
    """Say what the user may not expect."""
    if plan.campaign and plan.campaign.digest != plan.built.message.digest:
        what = f"{plan.built.issue.path.name} was edited since campaign {plan.campaign.id} was approved"
        click.echo(f"{what}; what was approved is sent.", err=True)
    send_at = plan.built.issue.send_at
    if send_at and send_at.zone and send_at.at() > datetime.now(UTC):
        click.echo(f"send_at is {send_at.wall:%Y-%m-%d %H:%M}; sending starts now nevertheless.", err=True)


def _ask(plan: Plan, yes: bool) -> None:
    """Let a person decide, with the count. Raises ConfigError when there is none to ask."""
    if yes:
        return
    verb = "Go on sending" if plan.campaign and plan.campaign.state is State.SENDING else "Send"
    question = f'{verb} "{plan.subject}" to {plan.audience} through {plan.provider.name}?'
    if not sys.stdin.isatty():
        raise ConfigError(f"not sent: no terminal to ask on. {question}", hint="Add --yes to send without asking.")
    if not click.confirm(question, err=True):
        raise NewsletterError("not sent", hint="Nothing was changed.")


def _start(session: Session, plan: Plan) -> Campaign:
    """Approve if need be, and start; in one transaction, so that of two commands at once one does."""
    now = datetime.now(UTC)
    with session.database.begin() as connection:
        found = campaigns.of_issue(connection, plan.built.issue.slug, plan.list, plan.segment) or campaigns.approve(
            connection,
            message=plan.built.message,
            page=plan.built.page,
            list=plan.list,
            segment=plan.segment,
            provider=plan.provider.name,
            now=now,
        )
        return found if found.state is State.SENDING else campaigns.move(connection, found.id, "start", now=now)


def _show_only(session: Session, plan: Plan, as_json: bool) -> None:
    """For a dry run, and for a campaign that is over: who got it or would get it. Nobody is mailed."""
    if plan.campaign and plan.campaign.state in (State.SENT, State.CANCELLED):
        with session.database.read() as connection:
            counted = accounts.counts(connection, plan.campaign.id)
        click.echo(f"Campaign {plan.campaign.id} is {plan.campaign.state} already. Nobody was mailed.", err=True)
        click.echo(_json(plan.campaign, counted) if as_json else reports.tally(counted))
        sys.exit(UNKNOWN_LEFT if counted["unknown"] else 0)
    _say_plan(session, plan)
    if as_json:
        queued = {**dict.fromkeys(accounts.STATES, 0), "queued": plan.waiting}
        state = plan.campaign.state if plan.campaign else State.DRAFT
        found = {"campaign": plan.campaign.id if plan.campaign else None, "issue": plan.built.issue.slug}
        click.echo(json.dumps({**found, "state": state, "audience": plan.waiting, "deliveries": queued}))


def _say_plan(session: Session, plan: Plan) -> None:
    _remark(plan)
    size = batch_size(session.publication, plan.provider, plan.rate)
    click.echo(f'Would send "{plan.subject}" to {plan.audience} through {plan.provider.name}.', err=True)
    click.echo(f"{-(-plan.waiting // size):,} batches of up to {size}, rate {plan.rate}.", err=True)
    if plan.provider.unsubscribe != "ours":
        click.echo(f"{plan.provider.title} may put its own unsubscribe link beside ours: docs/sending.md.", err=True)
    click.echo("Nothing was changed.", err=True)


def _report(session: Session, ending: Ending, took: timedelta, as_json: bool) -> None:
    """What happened, and the exit code that says the same. Raises NewsletterError when it is not finished."""
    campaign, counted = ending.campaign, ending.deliveries
    click.echo(_json(campaign, counted) if as_json else f"{reports.tally(counted)}   {reports.duration(took)}")
    with session.database.read() as connection:
        for state in ("rejected", "unknown"):
            if counted[state]:
                named = accounts.named(connection, campaign.id, state, MOST_SHOWN)
                click.echo(reports.named(named, counted[state], state), err=True)
    if campaign.state is State.PAUSED:
        raise ProviderStopped(campaign.reason, hint=_what_happened(campaign, counted))
    if campaign.state is State.SENDING:
        left = reports.readers(counted["queued"]) if campaign.enqueued else "the others"
        hint = f"Go on with: newsletter send {campaign.issue}"
        raise NewsletterError(f"stopped; {left} did not get it yet", hint=hint)
    click.echo(f"See it with: newsletter status {campaign.id}", err=True)
    if counted["unknown"]:
        sys.exit(UNKNOWN_LEFT)


def _what_happened(campaign: Campaign, counted: dict[str, int]) -> str:
    changed = sum(counted.values()) - counted["queued"]
    nothing = "" if counted["accepted"] or counted["unknown"] or counted["handed"] else "Nothing was sent. "
    return (
        f"{nothing}{changed:,} of {sum(counted.values()):,} deliveries changed; the campaign is paused.\n"
        f"  Put it right, then: newsletter resume {campaign.id} && newsletter send {campaign.issue}"
    )


def _json(campaign: Campaign, counted: dict[str, int]) -> str:
    return json.dumps(accounts.status(campaign, counted))
