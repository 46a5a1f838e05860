"""`newsletter database`: copy everything into another database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.cli.terminal import ProgressBar
from newsletter.errors import ConfigError, NewsletterError
from newsletter.sending.lock import SenderLock
from newsletter.times import stamp, utc_now

if TYPE_CHECKING:
    from newsletter.database.connection import Database


@click.group()
def command() -> None:
    """Copy everything into another database.

    \b
    Examples:
        newsletter database copy --to env:NEW_DATABASE_URL
    """


@command.command(short_help="Copy everything into another database.")
@click.option("--to", "target", required=True, metavar="URL", help="An empty database, or env:NAME for a variable")
@json_option("the tables")
@click.pass_obj
def copy(session: Session, target: str, as_json: bool) -> None:
    """Copy readers, campaigns, ledger and figures into the database at URL, from SQLite to PostgreSQL or back.

    The tables there are made first. A copy that was stopped goes on where it was. At the end every table is
    counted and summed up on both sides. From the beginning on this database sends nothing any more, until
    `newsletter adopt` says that it does. Stop `newsletter serve`, `run` and `worker` before.

    \b
    Examples:
        newsletter database copy --to postgresql://news@db.example.com/news
        NEW=postgresql://news:secret@db.example.com/news newsletter database copy --to env:NEW
        newsletter database copy --to sqlite:///back.db
    """
    from newsletter.database.connection import migrate_database, named_address, open_address
    from newsletter.database.copy import copy_database

    publication = session.publication
    url = named_address(target, "--to", publication)
    source = session.database
    with ExitStack() as stack:
        migrate_database(url, publication)
        other = open_address(url, publication)
        stack.callback(other.close)
        if other.name == source.name:
            raise ConfigError("--to names the database that is in use", hint="Name another one.")
        stack.enter_context(_nobody_sends(source))
        bar = stack.enter_context(ProgressBar())
        sums = copy_database(
            source,
            other,
            stamp(utc_now()),
            tell=lambda done, total: bar.show(
                done, total, f"{done:,}/{total:,} rows, {done / max(bar.seconds, 0.001):,.0f}/s"
            ),
        )
    if as_json:
        rows = [{"table": each.table, "rows": each.rows, "checksum": each.checksum} for each in sums]
        click.echo(json.dumps(rows, indent=2))
    else:
        for each in sums:
            click.echo(f"{each.table:<24}  {each.rows:>12,} rows  {each.checksum}")
    click.echo(
        f"Everything is in {other.name}, and equal on both sides. This database sends nothing any more.", err=True
    )
    click.echo("Now name the new one with [database] url in newsletter.toml.", err=True)


@contextmanager
def _nobody_sends(source: Database) -> Iterator[None]:
    """Keep senders out of a SQLite file. Raises NewsletterError while one sends."""
    if source.engine.dialect.name != "sqlite":
        yield
        return
    with SenderLock(source.name) as campaigns, SenderLock(f"{source.name}.letters") as letters:
        for lock in (campaigns, letters):
            if not lock.acquire():
                hint = "Stop it, then copy again."
                raise NewsletterError(f"{lock.owner} sends from this database", place=source.name, hint=hint)
        yield
