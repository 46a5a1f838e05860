"""`newsletter adopt`: allow a database that was copied to this machine to send."""

from __future__ import annotations

import click

from newsletter.cli.session import Session
from newsletter.sending import database_guard
from newsletter.times import utc_now


@click.command()
@click.pass_obj
def command(session: Session) -> None:
    """Let a database that was copied here send from here, or a backup that was put back.

    A copy knows nothing of what was sent after it was made, and would mail readers twice. So it sends
    nothing until you say that it is the one to use.

    \b
    Examples:
        newsletter adopt
        newsletter adopt && newsletter send chip-rules
    """
    last_send_markers = database_guard.markers(session.database)
    with session.database.begin() as connection:
        changed = database_guard.adopt(connection, database_guard.here(session.database), utc_now())
        is_old = any(marker.is_above(connection) for marker in last_send_markers)
    for marker in last_send_markers:
        marker.forget()
    if is_old:
        click.echo("Mail that was sent from here and that this database does not know counts as not sent.", err=True)
    if changed or is_old:
        click.echo("This database sends from here now. Never send from the other one again.", err=True)
    else:
        click.echo("This database sends from here already.", err=True)
