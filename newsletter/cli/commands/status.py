"""`newsletter status`: what became of a campaign's deliveries."""

from __future__ import annotations

import json
import sys

import click

from newsletter.campaigns import counts, events, reports, schedule
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.status import campaign_status
from newsletter.cli import send_result
from newsletter.cli.follow import follow
from newsletter.cli.options import json_option
from newsletter.cli.remote import remote_option, remote_status
from newsletter.cli.session import Session
from newsletter.errors import ConfigError
from newsletter.events import guard
from newsletter.publishing.campaign_names import named_campaign


@click.command()
@click.argument("campaign", required=False)
@json_option("the counts")
@remote_option
@click.option("--follow", "following", is_flag=True, help="Show it live until it is sent, paused or cancelled")
@click.pass_obj
def command(session: Session, campaign: str | None, as_json: bool, remote: bool, following: bool) -> None:
    """Count what happened to a campaign's deliveries.

    CAMPAIGN is its number, the slug of an issue (its latest campaign) or a part of it; without one, the latest
    of all is shown. Every delivery is in one state, so the counts add up to the audience. Safe to ask while it
    is being sent. With --follow it exits as `send` does, and prints a line (with --json, an object) per change
    where there is no terminal.

    \b
    Examples:
        newsletter status
        newsletter status chip-rules
        newsletter status 12 --json
        newsletter status chip-rules --follow
    """
    if remote:
        if campaign is None:
            raise ConfigError("no issue is named", hint="Name one: newsletter status ISSUE --remote")
        return remote_status(session, campaign, as_json=as_json)
    with session.database.read() as connection:
        found = named_campaign(connection, session.publication, campaign)
    if following:
        last = follow(session.database, found.id, as_json=as_json)
        send_result.print_undelivered(session.database, last.campaign, last.deliveries)
        sys.exit(send_result.exit_code(last.campaign, last.deliveries))
    now = campaign_status(session.database, found.id)
    if as_json:
        with session.database.read() as connection:
            reported = events.reader_counts(connection, found.id)
        click.echo(json.dumps({**counts.status(now.campaign, now.deliveries), "events": reported}))
        return
    click.echo(reports.table(now.campaign, now.deliveries, now.pace, now.rest))
    with session.database.read() as connection:
        if several := reports.through(counts.through(connection, found.id)):
            click.echo(several)
        bounces = events.bounce_counts(connection, found.id)
        if seen := reports.attention(events.figures(connection, found.id), bounces):
            click.echo(seen)
        for trouble in guard.warnings(connection, found.id):
            click.echo(f"\nWarning: {trouble.words}. Mailbox providers refuse senders for that.")
    if start := _start(session, now.campaign):
        click.echo(start)
    send_result.print_undelivered(session.database, now.campaign, now.deliveries)


def _start(session: Session, campaign: Campaign) -> str:
    if campaign.state is not CampaignState.SCHEDULED or campaign.start is None:
        return ""
    wall = f"; {campaign.wall:%Y-%m-%d %H:%M} by each reader's own clock" if campaign.wall else ""
    return f"\nStarts at {schedule.wall_clock(session.publication, campaign.start)}{wall}"
