"""`newsletter resolve`: a person decides about unknown deliveries."""

from __future__ import annotations

import json

import click

from newsletter.campaigns import counts, reports, resolution
from newsletter.campaigns.campaign import Campaign, get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.options import json_option, yes_option
from newsletter.cli.send_result import print_unsettled, recover_first, send_and_report, unsettled_code
from newsletter.cli.session import Session
from newsletter.cli.terminal import ask
from newsletter.publication import campaigns
from newsletter.publishing.campaign_names import named_campaign
from newsletter.sending import database_guard
from newsletter.sending.sender import job_of
from newsletter.times import utc_now


@click.command()
@click.argument("campaign")
@click.option("--assume-sent", is_flag=True, help="Take them as sent; nobody is mailed")
@click.option("--resend", is_flag=True, help="Send it to them again; some may get it twice")
@yes_option
@json_option()
@click.pass_obj
def command(session: Session, campaign: str, assume_sent: bool, resend: bool, yes: bool, as_json: bool) -> None:
    """Decide about unknown deliveries: those that may have been sent or not.

    Ask the provider first, with `reconcile`. Only what is unknown changes; what was decided stays in
    each reader's history.

    \b
    Examples:
        newsletter resolve chip-rules --assume-sent
        newsletter resolve 12 --resend
    """
    policy = _policy(assume_sent=assume_sent, resend=resend)
    with session.database.read() as connection:
        database_guard.require_home(connection, database_guard.here(session.database))
        found = named_campaign(connection, session.publication, campaign)
    recover_first(session.publication, session.database, found.id)
    with session.database.read() as connection:
        counted = delivery_counts(connection, found.id)
    if not counted["unknown"]:
        return _say_nothing(session, found, counted, as_json=as_json)
    if policy == "resend":
        return _resend(session, found, counted["unknown"], yes=yes, as_json=as_json)
    with session.database.begin() as connection:
        number = campaigns.resolve(connection, found, policy, utc_now())
        counted = delivery_counts(connection, found.id)
    click.echo(f"{reports.readers(number)} of campaign {found.id} count as having it.", err=True)
    print_unsettled(session.database, found, counted)
    click.echo(json.dumps(counts.status(found, counted)) if as_json else reports.tally(counted))


def _policy(*, assume_sent: bool, resend: bool) -> resolution.Policy:
    """Return the decision. Raises UsageError unless exactly one is given, since neither can be taken back."""
    if not (assume_sent or resend):
        raise click.UsageError("Say what to do with them: --assume-sent or --resend.")
    if assume_sent and resend:
        raise click.UsageError("Say one of them: --assume-sent or --resend.")
    return "resend" if resend else "assume-sent"


def _say_nothing(session: Session, found: Campaign, counted: dict[str, int], *, as_json: bool) -> None:
    """Print that nothing is unknown, or what may still become so, and exit."""
    if not counted["handed"]:
        click.echo(f"Nothing of campaign {found.id} is unknown. Nothing was changed.", err=True)
    print_unsettled(session.database, found, counted)
    click.echo(json.dumps(counts.status(found, counted)) if as_json else reports.tally(counted))
    raise SystemExit(unsettled_code(counted))


def _resend(session: Session, found: Campaign, number: int, *, yes: bool, as_json: bool) -> None:
    campaigns.require_sendable(found)
    job = job_of(session.publication, session.database, found)
    some = "some of whom may have it already"
    ask(f'Send "{found.subject}" to {reports.readers(number)}, {some}, through {found.provider}?', yes=yes)
    with session.database.begin() as connection:
        campaigns.resolve(connection, get_campaign(connection, found.id), "resend", utc_now())
    send_and_report(job, as_json=as_json)
