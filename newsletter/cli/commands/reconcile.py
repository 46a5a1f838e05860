"""`newsletter reconcile`: ask the provider about unknown deliveries."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from newsletter.campaigns import counts, reports
from newsletter.campaigns.campaign import Campaign, CampaignState, change_state, get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.options import json_option
from newsletter.cli.progress import CampaignProgress
from newsletter.cli.send_result import STOPPED, print_unsettled, recover_first, unsettled_code
from newsletter.cli.session import Session
from newsletter.providers import find_provider, read_settings
from newsletter.publishing.campaign_names import named_campaign
from newsletter.sending import database_guard, reconcile
from newsletter.sending.reconcile import BatchFinding
from newsletter.sending.sender import Job, Sender
from newsletter.times import utc_now


@click.command()
@click.argument("campaign")
@json_option()
@click.pass_obj
def command(session: Session, campaign: str, as_json: bool) -> None:
    """Ask the provider what became of unknown deliveries.

    Nobody is mailed a second time: a provider that remembers our keys is asked by the same call, others by
    their search. A delivery that was certainly never sent becomes rejected, and waits for `retry`. The exit
    code is 3 when deliveries are still unknown, and 4 when the provider stopped while it was asked.

    \b
    Examples:
        newsletter reconcile chip-rules
        newsletter reconcile 12 --json
    """
    with session.database.read() as connection:
        database_guard.require_home(connection, database_guard.here(session.database))
        found = named_campaign(connection, session.publication, campaign)
    recover_first(session.publication, session.database, found.id)
    findings = reconcile.ask(session.database, session.publication, found, utc_now())
    before = found.state
    _record(session, found, findings)
    with session.database.read() as connection:
        found = get_campaign(connection, found.id)
        counted = delivery_counts(connection, found.id)
    is_stopped = before is CampaignState.SENT and found.state is CampaignState.PAUSED
    if is_stopped:
        why = f"campaign {found.id} is paused: {found.reason}"
        click.echo(f"Asking stopped, and {why}. Put that right first.", err=True)
    _tell(found, findings, counted)
    print_unsettled(session.database, found, counted)
    click.echo(json.dumps(counts.status(found, counted)) if as_json else reports.tally(counted))
    raise SystemExit(STOPPED if is_stopped else unsettled_code(counted))


def _record(session: Session, found: Campaign, findings: list[BatchFinding]) -> None:
    with session.database.begin() as connection:
        reconcile.record(connection, [one for one in findings if not one.may_repeat], utc_now())
    for provider in dict.fromkeys(one.unknown.provider for one in findings if one.may_repeat):
        mine = [one for one in findings if one.may_repeat and one.unknown.provider == provider]
        _repeat(session, found, provider, mine)


def _repeat(session: Session, found: Campaign, provider: str, findings: list[BatchFinding]) -> None:
    """Queue these calls again; a campaign that has ended is sent for nothing else, so it is done here."""
    asked = find_provider(session.publication, provider)
    settings = read_settings(session.publication, asked)
    with session.database.begin() as connection:
        if get_campaign(connection, found.id).state is not found.state:  # the provider before this one stopped it
            return
        reconcile.record(connection, findings, utc_now())
        if found.state is not CampaignState.SENT:
            return
        opened = change_state(connection, found.id, "reopen", now=utc_now())
    job = Job(
        publication=session.publication,
        database=session.database,
        campaign=opened,
        provider=asked,
        settings=settings,
        rate=session.publication.config.send.rate,
    )
    with CampaignProgress() as progress:
        Sender(job, progress).run()


def _tell(found: Campaign, findings: Iterable[BatchFinding], counted: dict[str, int]) -> None:
    asked = [*findings]
    if not asked and not counted["handed"]:
        click.echo(f"Nothing of campaign {found.id} is unknown.", err=True)
    for remark in dict.fromkeys(one.remark for one in asked if one.remark):
        click.echo(remark[0].upper() + remark[1:] + ".", err=True)
    if unsent := sum(len(one.unsent) for one in asked):
        click.echo(f"{reports.readers(unsent)} were never sent it. Send it with: newsletter retry {found.id}", err=True)
    if counted["unknown"] and not all(one.is_early or one.is_decided for one in asked):
        click.echo(f"Decide about the unknown with: newsletter resolve {found.id}", err=True)
