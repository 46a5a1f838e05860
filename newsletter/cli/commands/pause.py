"""`newsletter pause`: stop handing over a campaign's messages."""

from __future__ import annotations

import click

from newsletter.campaigns import reports
from newsletter.campaigns.campaign import ASKED, change_state, find_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.session import Session
from newsletter.times import utc_now


@click.command()
@click.argument("campaign")
@click.pass_obj
def command(session: Session, campaign: str) -> None:
    """Stop handing over a campaign's messages.

    Nothing is handed over from this moment on; what is in the air is finished, and its outcome written
    down. A scheduled campaign does not start. `newsletter resume` lets it go on.

    \b
    Examples:
        newsletter pause chip-rules
        newsletter pause 12
    """
    with session.database.begin() as connection:
        found = find_campaign(connection, campaign)
        change_state(connection, found.id, "pause", now=utc_now(), reason=ASKED)
        counted = delivery_counts(connection, found.id)
    how_far = f": {reports.tally(counted)}" if found.started_at else "; it had not begun"
    click.echo(f"Campaign {found.id} is paused{how_far}.", err=True)
    click.echo(f"Let it go on with: newsletter resume {found.id}", err=True)
