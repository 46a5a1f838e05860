"""`newsletter cancel`: end a campaign for good."""

from __future__ import annotations

import json

import click

from newsletter.campaigns import abandoned_batches, audience, counts, reports
from newsletter.campaigns.campaign import change_state, find_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.send_result import recover_first, tell_doubt
from newsletter.cli.session import Session
from newsletter.times import utc_now


@click.command()
@click.argument("campaign")
@click.option("--json", "as_json", is_flag=True, help="Print the campaign's status as JSON")
@click.pass_obj
def command(session: Session, campaign: str, as_json: bool) -> None:
    """End a campaign for good.

    Whoever has not been handed over never will be; what is in the air is finished, and its outcome
    written down. There is no way back: `pause` has one.

    \b
    Examples:
        newsletter cancel chip-rules
        newsletter cancel 12 --json
    """
    with session.database.begin() as connection:
        found = find_campaign(connection, campaign)
        now = change_state(connection, found.id, "cancel", now=utc_now())
        audience.complete(connection, session.publication, found.id, now=utc_now())
        abandoned_batches.cancel(connection, found.id, utc_now())
    recover_first(session.publication, session.database, found.id)
    with session.database.read() as connection:
        counted = delivery_counts(connection, found.id)
    click.echo(f"Campaign {found.id} is cancelled. {reports.who_has_it(counted)}", err=True)
    tell_doubt(session.database, now, counted)
    click.echo(json.dumps(counts.status(now, counted)) if as_json else reports.tally(counted))
