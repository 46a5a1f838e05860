"""`newsletter why`: show what happened to one reader's copy of an issue."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from sqlalchemy import Connection

from newsletter.campaigns import delivery_history
from newsletter.campaigns.campaign import ENDED, Campaign
from newsletter.campaigns.campaign_queries import campaigns_of_slug
from newsletter.campaigns.delivery_history import DeliveryHistory
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.errors import NewsletterError
from newsletter.printable import one_line
from newsletter.publishing.campaign_names import named_campaign
from newsletter.subscribers import suppressions
from newsletter.subscribers.subscriber import find_subscriber


@click.command()
@click.argument("address")
@click.argument("issue")
@json_option("it")
@click.pass_obj
def command(session: Session, address: str, issue: str, as_json: bool) -> None:
    """Show what happened to one reader's copy.

    Begins when it was enqueued and ends with the last event that is known. ISSUE is a slug, a file, a part
    of its name, or a campaign's number. Exits 1 when the reader is unknown, or not one of those it is for.

    \b
    Examples:
        newsletter why ada@example.com chip-rules
        newsletter why ada@example.com chip-rules --json
    """
    campaigns = _campaigns(session, issue)
    with session.database.read() as connection:
        reader = find_subscriber(connection, address)
        if reader is None:
            hint = "See who there is with: newsletter subscribers list"
            raise NewsletterError(f"no reader has the address {address}", hint=hint)
        campaign, history = _history(connection, campaigns, reader.id, reader.email)
        barred = suppressions.find(connection, reader.email)
    if as_json:
        click.echo(json.dumps(history.as_json(reader.email, campaign)))
        return
    click.echo(f"{reader.email}: {history.state} (campaign {campaign.id}, {campaign.issue}, batch {history.batch})")
    for at, what in history.history:
        click.echo(f"  {at}  {one_line(what)}")
    if barred is not None:
        click.echo(f"Not mailed any more since {barred.at}: {one_line(barred.words)}")


def _campaigns(session: Session, name: str) -> Sequence[Campaign]:
    """Return the campaigns of the issue that a user means, the latest first. Raises NewsletterError."""
    with session.database.read() as connection:
        if campaigns := campaigns_of_slug(connection, name):
            return campaigns
        campaign = named_campaign(connection, session.publication, name)
        return [campaign] if name.isdigit() else campaigns_of_slug(connection, campaign.issue)


def _history(
    connection: Connection, campaigns: Sequence[Campaign], subscriber_id: int, email: str
) -> tuple[Campaign, DeliveryHistory]:
    """Return the campaign and history of the copy that the reader got, else of one that was skipped.

    Says so and exits when no campaign is for this reader; raises NewsletterError while that is not decided.
    """
    histories = [(each, delivery_history.read_history(connection, each, subscriber_id)) for each in campaigns]
    known = [(campaign, history) for campaign, history in histories if history]
    if not known:
        named = ", ".join(f"campaign {each.id} to {each.audience}, {each.state}" for each in campaigns)
        if pruned_at := next((each.pruned_at for each in campaigns if each.pruned_at), None):
            hint = "The figures of the campaign are still there: newsletter status"
            raise NewsletterError(f"who had {campaigns[0].issue} was pruned on {pruned_at[:10]}", hint=hint)
        hint = "Readers get an issue when they are active on its list at the time it starts."
        if any(not each.enqueued and each.state not in ENDED for each in campaigns):
            raise NewsletterError(
                f"it is not decided yet whether {email} gets {campaigns[0].issue} ({named})", hint=hint
            )
        # The answer to the question, and no error; scripts tell it by the exit code.
        gets = "did not get" if all(each.state in ENDED for each in campaigns) else "does not get"
        click.echo(f"{email} {gets} {campaigns[0].issue} ({named}).\n  {hint}", err=True)
        raise SystemExit(1)
    return next((copy for copy in known if copy[1].state != "skipped"), known[0])
