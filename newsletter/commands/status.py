"""`newsletter status`: what became of a campaign's deliveries."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from newsletter import accounts, campaigns, reports
from newsletter.errors import MOST_SHOWN
from newsletter.session import Session


@click.command()
@click.argument("campaign")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON")
@click.pass_obj
def command(session: Session, campaign: str, as_json: bool) -> None:
    """Count what happened to a campaign's deliveries.

    CAMPAIGN is its number, or the slug of an issue (its latest campaign). Every delivery is in one state,
    so the counts add up to the audience. Safe to ask while it is being sent.

    \b
    Examples:
        newsletter status chip-rules
        newsletter status 12 --json
    """
    with session.database.read() as connection:
        found = campaigns.find(connection, campaign)
        counted = accounts.counts(connection, found.id)
        if as_json:
            click.echo(json.dumps(accounts.status(found, counted)))
            return
        click.echo(reports.table(found, counted, accounts.pace(connection, found, datetime.now(UTC))))
        for state in ("rejected", "unknown"):
            if counted[state]:
                named = accounts.named(connection, found.id, state, MOST_SHOWN)
                click.echo(reports.named(named, counted[state], state))
