"""`newsletter resume`: let a paused campaign go on."""

from __future__ import annotations

import click

from newsletter.campaigns import reports, schedule
from newsletter.campaigns.campaign import CampaignState, find_campaign, resume_campaign
from newsletter.cli.session import Session
from newsletter.times import utc_now


@click.command()
@click.argument("campaign")
@click.pass_obj
def command(session: Session, campaign: str) -> None:
    """Let a paused campaign go on.

    Only its state changes, nobody is mailed: `run` and `send` do that, and start where it stopped. One
    that was paused before its time goes back to waiting for it.

    \b
    Examples:
        newsletter resume chip-rules
        newsletter resume 12 && newsletter send chip-rules
    """
    with session.database.begin() as connection:
        found = find_campaign(connection, campaign)
        now = resume_campaign(connection, found.id, now=utc_now())
    if now.state is CampaignState.SCHEDULED and now.start:
        when = schedule.wall_clock(session.publication, now.start)
        click.echo(f"Campaign {found.id} waits for {when} again.", err=True)
    else:
        click.echo(f"Campaign {found.id} may go on: {reports.send_command(found)}", err=True)
