"""`newsletter resume`: let a paused campaign go on."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from newsletter import campaigns
from newsletter.session import Session


@click.command()
@click.argument("campaign")
@click.pass_obj
def command(session: Session, campaign: str) -> None:
    """Let a paused campaign go on.

    Only its state changes, nobody is mailed: `send` does that, and starts where it stopped.

    \b
    Examples:
        newsletter resume chip-rules
        newsletter resume 12 && newsletter send chip-rules
    """
    with session.database.begin() as connection:
        found = campaigns.find(connection, campaign)
        campaigns.move(connection, found.id, "resume", now=datetime.now(UTC))
    click.echo(f"Campaign {found.id} may go on: newsletter send {found.issue}", err=True)
