"""`newsletter pause`, `resume` and `cancel`: change a campaign's state, and say how far it is."""

from __future__ import annotations

import json

import click

from newsletter.campaigns import counts, reports, schedule
from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.counts import delivery_counts
from newsletter.cli.options import json_option
from newsletter.cli.remote import remote_change, remote_option
from newsletter.cli.send_result import print_unsettled, recover_first
from newsletter.cli.session import Session
from newsletter.publication import campaigns
from newsletter.publishing.campaign_names import named_campaign
from newsletter.times import utc_now


@click.command()
@click.argument("campaign")
@remote_option
@click.pass_obj
def pause(session: Session, campaign: str, remote: bool) -> None:
    """Stop handing over a campaign's messages.

    Nothing is handed over from this moment on; the call that is under way is finished, and its outcome
    written down. A scheduled campaign does not start. `newsletter resume` lets it go on.

    \b
    Examples:
        newsletter pause chip-rules
        newsletter pause 12
    """
    if remote:
        return remote_change(session, campaign, "pause")
    with session.database.begin() as connection:
        known = named_campaign(connection, session.publication, campaign)
        campaigns.pause(connection, known, utc_now())
        deliveries = delivery_counts(connection, known.id)
    how_far = f": {reports.tally(deliveries)}" if known.started_at else "; it had not begun"
    click.echo(f"Campaign {known.id} is paused{how_far}.", err=True)
    click.echo(f"Let it go on with: newsletter resume {known.id}", err=True)


@click.command()
@click.argument("campaign")
@remote_option
@click.pass_obj
def resume(session: Session, campaign: str, remote: bool) -> None:
    """Let a paused campaign go on.

    Only its state changes, nobody is mailed: `run` and `send` do that, and start where it stopped. A campaign
    that was paused before its time waits for its time again.

    \b
    Examples:
        newsletter resume chip-rules
        newsletter resume 12 && newsletter send chip-rules
    """
    if remote:
        return remote_change(session, campaign, "resume")
    with session.database.begin() as connection:
        known = named_campaign(connection, session.publication, campaign)
        resumed = campaigns.resume(connection, known, utc_now())
    if resumed.state is CampaignState.SCHEDULED and resumed.start:
        when = schedule.wall_clock(session.publication, resumed.start)
        click.echo(f"Campaign {known.id} waits for {when} again.", err=True)
    else:
        click.echo(f"Campaign {known.id} may go on: {reports.send_command(known)}", err=True)


@click.command()
@click.argument("campaign")
@remote_option
@json_option()
@click.pass_obj
def cancel(session: Session, campaign: str, remote: bool, as_json: bool) -> None:
    """End a campaign for good.

    Readers whose message was not handed over do not get it; the call that is under way is finished, and its
    outcome written down. A cancelled campaign cannot go on: to stop for a while, use `pause`.

    \b
    Examples:
        newsletter cancel chip-rules
        newsletter cancel 12 --json
    """
    if remote:
        return remote_change(session, campaign, "cancel", as_json=as_json)
    with session.database.begin() as connection:
        known = named_campaign(connection, session.publication, campaign)
        cancelled = campaigns.cancel(connection, session.publication, known, utc_now())
    recover_first(session.publication, session.database, known.id)
    with session.database.read() as connection:
        deliveries = delivery_counts(connection, known.id)
    click.echo(f"Campaign {known.id} is cancelled. {reports.who_has_it(deliveries)}", err=True)
    print_unsettled(session.database, cancelled, deliveries)
    click.echo(json.dumps(counts.status(cancelled, deliveries)) if as_json else reports.tally(deliveries))
