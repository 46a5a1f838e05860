"""`newsletter retry`: the rejected that may work now, and nobody else."""

from __future__ import annotations

import json

import click

from newsletter.campaigns import counts, reports, resolution
from newsletter.campaigns.campaign import get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.options import json_option, yes_option
from newsletter.cli.send_result import send_and_report
from newsletter.cli.session import Session
from newsletter.cli.terminal import ask
from newsletter.publication import campaigns
from newsletter.publishing.campaign_names import named_campaign
from newsletter.sending import database_guard
from newsletter.sending.sender import job_of
from newsletter.times import utc_now


@click.command()
@click.argument("campaign")
@click.option("--dry-run", is_flag=True, help="Say how many there are, and change nothing")
@yes_option
@json_option()
@click.pass_obj
def command(session: Session, campaign: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Send again what was rejected and may work now.

    Only readers whose message the provider certainly did not take, for a reason that may have gone away;
    nobody else is mailed. Exits as `send` does.

    \b
    Examples:
        newsletter retry chip-rules --dry-run
        newsletter retry 12 --yes
    """
    with session.database.read() as connection:
        database_guard.require_home(connection, database_guard.here(session.database))
        found = named_campaign(connection, session.publication, campaign)
        number = resolution.count_retryable(connection, found.id)
        counted = delivery_counts(connection, found.id)
    campaigns.require_sendable(found)
    if dry_run or not number:
        nobody = f"{reports.readers(number)} would be tried again" if number else "Nobody is to be tried again"
        click.echo(f"{nobody}: campaign {found.id}, {counted['rejected']:,} rejected. Nothing was changed.", err=True)
        click.echo(json.dumps(counts.status(found, counted)) if as_json else reports.tally(counted))
        return
    job = job_of(session.publication, session.database, found)
    ask(f'Send "{found.subject}" again to {reports.readers(number)} through {found.provider}?', yes=yes)
    with session.database.begin() as connection:
        campaigns.queue_retries(connection, session.publication, get_campaign(connection, found.id), utc_now())
    send_and_report(job, as_json=as_json)
