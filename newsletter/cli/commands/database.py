"""`newsletter database`: copy everything into another database, and delete what is old."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.cli.terminal import ProgressBar, counted
from newsletter.errors import ConfigError, NewsletterError
from newsletter.sending.lock import SenderLock
from newsletter.times import parse_moment, stamp, utc_now

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from newsletter.database.connection import Database


@click.group()
def command() -> None:
    """Copy everything into another database, or delete what is old.

    \b
    Examples:
        newsletter database copy --to env:NEW_DATABASE_URL
        newsletter database prune --before 2025-01-01
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


@command.command(short_help="Delete what providers said long ago, and old deliveries.")
@click.option("--before", metavar="DAY", help="Delete the deliveries of campaigns that ended before this day")
@click.option("--dry-run", is_flag=True, help="Only say what would go")
@click.pass_obj
def prune(session: Session, before: str | None, dry_run: bool) -> None:
    """Delete the calls of providers after `[events] keep`, and the deliveries of campaigns that ended before DAY.

    All figures stay: counts, events, who was rejected. What goes is who had the issue: `newsletter why` cannot
    tell any more, and the issue cannot be sent again. Campaigns with unknown deliveries are left alone.

    \b
    Examples:
        newsletter database prune
        newsletter database prune --before 2025-01-01 --dry-run
    """
    from newsletter.campaigns import pruning
    from newsletter.events import calls

    now, day = utc_now(), _day(session, before)
    keep = session.publication.config.events.keep.delta
    database = session.database
    with database.read() as connection:
        ids = pruning.prunable(connection, day) if day else []
        numbers = {id: pruning.count_deliveries(connection, id) for id in ids}
    total = sum(numbers.values())
    if dry_run:
        click.echo(f"{_deliveries(total)} of {counted(len(ids), 'campaign')} would go", err=True)
        return
    deleted = _until_none(database, lambda connection: calls.prune(connection, now - keep)) if keep else 0
    done = 0
    with ProgressBar() as bar:
        for id in ids:
            with database.begin() as connection:
                is_over = day is not None and pruning.begin_pruning(connection, id, day, now)
            while is_over and (page := _once(database, partial(pruning.prune_page, campaign_id=id))):
                done += page
                bar.show(done, total, f"{done:,}/{total:,} deliveries, {done / max(bar.seconds, 0.001):,.0f}/s")
    click.echo(f"deleted {counted(deleted, 'call')} of providers", err=True)
    click.echo(f"deleted {_deliveries(done)} of {counted(len(ids), 'campaign')}", err=True)


def _day(session: Session, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_moment(f"{text} 00:00", session.publication.config.publication.timezone).at()
    except ValueError as error:
        raise ConfigError(f"--before {error}", hint="Write a day: 2025-01-17.") from error


def _deliveries(number: int) -> str:
    return "1 delivery" if number == 1 else f"{number:,} deliveries"


def _once(database: Database, delete: Callable[[Connection], int]) -> int:
    with database.begin() as connection:
        return delete(connection)


def _until_none(database: Database, delete: Callable[[Connection], int]) -> int:
    """Delete page after page, each in a transaction of its own; return how many rows went."""
    total = 0
    while number := _once(database, delete):
        total += number
    return total


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
