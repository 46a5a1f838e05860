"""`newsletter why`: what happened to one reader's copy."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from sqlalchemy import Connection

from newsletter.campaigns import delivery_history
from newsletter.campaigns.campaign import ENDED, Campaign, campaigns_of_slug, find_campaign
from newsletter.campaigns.delivery_history import DeliveryHistory
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.errors import NewsletterError
from newsletter.subscribers.subscriber import find_subscriber


@click.command()
@click.argument("address")
@click.argument("issue")
@json_option("it")
@click.pass_obj
def command(session: Session, address: str, issue: str, as_json: bool) -> None:
    """Say what happened to one reader's copy.

    From the moment it was enqueued to the last that is known. ISSUE is a slug, a file, a part of its
    name, or a campaign's number. Exits 1 when the reader is unknown, or was never to get it.

    \b
    Examples:
        newsletter why ada@example.com chip-rules
        newsletter why ada@example.com chip-rules --json
    """
    found = _campaigns(session, issue)
    with session.database.read() as connection:
        reader = find_subscriber(connection, address)
        if reader is None:
            hint = "See who there is with: newsletter subscribers list"
            raise NewsletterError(f"no reader has the address {address}", hint=hint)
        campaign, story = _story(connection, found, reader.id, reader.email)
    if as_json:
        click.echo(json.dumps(story.as_json(reader.email, campaign)))
        return
    click.echo(f"{reader.email}: {story.state} (campaign {campaign.id}, {campaign.issue}, batch {story.batch})")
    for at, what in story.history:
        click.echo(f"  {at}  {what}")


def _campaigns(session: Session, name: str) -> Sequence[Campaign]:
    """Those of the issue a user means, the latest first. Raises NewsletterError."""
    with session.database.read() as connection:
        if found := campaigns_of_slug(connection, name):
            return found
        if name.isdigit():
            return [find_campaign(connection, name)]
    from newsletter.issues.issue import find_issue, slug_of  # markdown-it: only where a part of a name was given

    slug = slug_of(find_issue(session.publication, name))
    with session.database.read() as connection:
        return campaigns_of_slug(connection, slug) or [find_campaign(connection, slug)]


def _story(
    connection: Connection, found: Sequence[Campaign], subscriber_id: int, email: str
) -> tuple[Campaign, DeliveryHistory]:
    """The copy that the reader got, else the one that the reader did not. Raises NewsletterError."""
    stories = [(one, delivery_history.story(connection, one, subscriber_id)) for one in found]
    known = [(one, told) for one, told in stories if told]
    if not known:
        named = ", ".join(f"campaign {one.id} to {one.audience}, {one.state}" for one in found)
        hint = "Readers get an issue when they are active on its list at the time it starts."
        if any(not one.enqueued and one.state not in ENDED for one in found):
            raise NewsletterError(f"it is not decided yet whether {email} gets {found[0].issue} ({named})", hint=hint)
        raise NewsletterError(f"{email} was not to get {found[0].issue} ({named})", hint=hint)
    return next((one for one in known if one[1].state != "skipped"), known[0])
