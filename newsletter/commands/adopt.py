"""`newsletter adopt`: a database that was copied to this machine may send from here."""

from __future__ import annotations

import click

from newsletter import hosts
from newsletter.clock import utc_now
from newsletter.session import Session


@click.command()
@click.pass_obj
def command(session: Session) -> None:
    """Let a database that was copied here send from here.

    A copy knows who had an issue when it was made, and nothing since: two of one database would mail
    readers twice. So a copy does not send until you say that it is the one.

    \b
    Examples:
        newsletter adopt
        newsletter adopt && newsletter send chip-rules
    """
    with session.database.begin() as connection:
        changed = hosts.adopt(connection, hosts.here(session.database), utc_now())
    if changed:
        click.echo("This database sends from here now. Never send from the other one again.", err=True)
    else:
        click.echo("This database sends from here already.", err=True)
