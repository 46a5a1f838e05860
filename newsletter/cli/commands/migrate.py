"""`newsletter migrate`: bring the database's tables up to date."""

from __future__ import annotations

import click

from newsletter.cli.session import Session


@click.command()
@click.pass_obj
def command(session: Session) -> None:
    """Bring the tables of the database up to date, or make them in an empty one.

    On PostgreSQL every other command refuses until this is done, after the first installation and after
    an upgrade. SQLite needs it never: its file is brought up to date when it is opened. Safe to run twice,
    and by two at once.

    \b
    Examples:
        newsletter migrate
        createdb news && newsletter migrate
    """
    from newsletter.database.connection import address, migrate_database

    done = migrate_database(address(session.publication), session.publication)
    if done.before == done.after:
        click.echo(f"The tables are up to date (schema {done.after}).", err=True)
    elif done.before:
        click.echo(f"The tables are up to date now: schema {done.after}, it was {done.before}.", err=True)
    else:
        click.echo(f"Made the tables (schema {done.after}).", err=True)
