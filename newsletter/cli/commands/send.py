"""`newsletter send`: send an issue to each reader of a list, once."""

from __future__ import annotations

import json
import sys

import click

from newsletter.campaigns import counts, reports
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.doctor_warning import warn_of_last_doctor
from newsletter.cli.options import audience_options, json_option, priority_option
from newsletter.cli.send_result import exit_code, print_unsettled, recover_first, send_and_report
from newsletter.cli.session import Session
from newsletter.cli.terminal import ask
from newsletter.providers import unsubscribe_header
from newsletter.publication import sending
from newsletter.publishing.corrections import Chosen
from newsletter.publishing.plan import Plan, UnpreparedError, hold, remarks, start_plan
from newsletter.publishing.priorities import prioritise
from newsletter.rates import Rate
from newsletter.sending.pacing import batch_size
from newsletter.times import utc_now


def _rate(_ctx: click.Context, _option: click.Parameter, value: str | None) -> Rate | None:
    try:
        return Rate(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("issue")
@audience_options
@click.option("--dry-run", is_flag=True, help="Say what would be sent, to how many, and change nothing")
@click.option(
    "--rate",
    metavar="N/s",
    callback=_rate,
    help="The most messages a second; quotas hold as ever  [default: [send] rate]",
)
@priority_option
@json_option()
@click.pass_obj
def command(
    session: Session,
    issue: str,
    list_name: str | None,
    segment: str | None,
    readers_of: str | None,
    dry_run: bool,
    yes: bool,
    rate: Rate | None,
    priority: str | None,
    allow: str | None,
    as_json: bool,
) -> None:
    """Send an issue, to each reader once.

    Safe to stop and to run again: no reader is sent the issue twice. Its text is frozen when sending
    starts; editing the file afterwards changes nothing. An issue in which `newsletter check` finds an
    error is refused, unless the error's rule is allowed. With --to-readers-of it is a correction: it
    goes to those who got that campaign and are still on its list, and to nobody else.

    \b
    Exits 0 when everyone has it, 3 when some deliveries are unknown, 4 when the provider stopped the
    campaign, 1 when it was refused or interrupted, 2 when a setting is wrong or there is no terminal
    to confirm on and no --yes.

    \b
    Examples:
        newsletter send chip-rules --dry-run
        newsletter send chip-rules
        newsletter send correction --to-readers-of chip-rules
        newsletter send chip-rules --list weekly --segment engaged --rate 20/s --yes
    """
    try:
        plan = _plan(session, issue, Chosen(list=list_name, segment=segment, readers_of=readers_of))
    except UnpreparedError as error:
        if not dry_run and hold(session.publication, session.database, error.campaign, utc_now()):
            click.echo(_held(error.campaign), err=True)
        raise
    configured = session.publication.config.send.rate
    pace = rate.within(configured) if rate else configured
    _print_remarks(session, plan)
    if plan.is_over:
        return _print_ended(session, plan, as_json)
    warn_of_last_doctor(session.publication)
    plan = sending.approved(session.publication, plan, allow)
    if dry_run:
        return _print_plan(session, plan, pace, as_json)
    settings = sending.require_ready(session.publication, session.database, plan)
    ask(_question(plan), yes=yes)
    campaign = start_plan(session.publication, session.database, plan, utc_now())
    prioritise(session.database, campaign.id, priority)
    job = sending.job_of_plan(session.publication, session.database, plan, campaign, settings, pace)
    send_and_report(job, as_json=as_json)


def _plan(session: Session, issue: str, chosen: Chosen) -> Plan:
    """Plan from the file, or from the approved campaign when the file cannot be built any more."""
    to, part, earlier = chosen.list, chosen.segment, chosen.readers_of
    plan, error = sending.plan_send(session.publication, session.database, issue, to, part, readers_of=earlier)
    if error is not None and plan.campaign is not None:
        instead = f"what was approved as campaign {plan.campaign.id} is sent"
        click.echo(f"newsletter: warning: {error}\n  The file cannot be built; {instead}.", err=True)
    return plan


def _held(campaign: Campaign) -> str:
    again = f"newsletter resume {campaign.id} && {reports.send_command(campaign)}"
    return f"Campaign {campaign.id} is paused. When the setting is back, go on with: {again}"


def _print_remarks(session: Session, plan: Plan) -> None:
    for warning in plan.file.warnings if plan.file else ():
        click.echo(f"newsletter: warning: {warning}", err=True)
    for remark in remarks(session.publication, plan, utc_now()):
        click.echo(remark, err=True)


def _question(plan: Plan) -> str:
    verb = "Go on sending" if plan.campaign and plan.campaign.state is CampaignState.SENDING else "Send"
    return f'{verb} "{plan.subject}" to {plan.audience} through {plan.provider.name}?'


def _print_ended(session: Session, plan: Plan, as_json: bool) -> None:
    """Print the counts of a campaign that has ended, and exit as it did; nobody is mailed."""
    assert plan.campaign is not None
    recover_first(session.publication, session.database, plan.campaign.id)
    with session.database.read() as connection:
        counted = delivery_counts(connection, plan.campaign.id)
    click.echo(f"Campaign {plan.campaign.id} is {plan.campaign.state} already. Nobody was mailed.", err=True)
    print_unsettled(session.database, plan.campaign, counted)
    click.echo(json.dumps(counts.status(plan.campaign, counted)) if as_json else reports.tally(counted))
    sys.exit(exit_code(plan.campaign, counted))


def _warmup(session: Session) -> str:
    warmup = session.publication.config.send.warmup
    return f", warm-up {warmup}" if warmup.first else ""


_HEADERS = {
    "ours": "Readers leave with one click by our own unsubscribe header.",
    "option": "{title} may put its own unsubscribe link beside ours: docs/providers.md.",
    "theirs": "{title} puts its own unsubscribe link in place of ours, and its webhook tells who used it.",
}
"""The sentence about whose List-Unsubscribe header readers get."""


def _print_plan(session: Session, plan: Plan, pace: Rate, as_json: bool) -> None:
    size = batch_size(session.publication, plan.provider, pace)
    click.echo(f'Would send "{plan.subject}" to {plan.audience} through {plan.provider.name}.', err=True)
    if plan.suppressed:
        skipped = f"{reports.readers(plan.suppressed)} more {'is' if plan.suppressed == 1 else 'are'} suppressed"
        click.echo(f"{skipped}, and skipped: newsletter suppressions list", err=True)
    calls = -(-plan.waiting // size)
    click.echo(
        f"{calls:,} {'batch' if calls == 1 else 'batches'} of up to {size}, rate {pace}{_warmup(session)}.", err=True
    )
    header = _HEADERS[unsubscribe_header(session.publication, plan.provider)]
    click.echo(header.format(title=plan.provider.title), err=True)
    click.echo("Nothing was changed.", err=True)
    if as_json:
        click.echo(json.dumps(sending.planned_json(plan)))
