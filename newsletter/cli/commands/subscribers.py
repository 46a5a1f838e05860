"""`newsletter subscribers`: readers added, imported, exported, listed, shown and removed; why some left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.options import json_option
from newsletter.cli.safe_output import data_output
from newsletter.cli.session import Session
from newsletter.cli.subscriber_import import import_command
from newsletter.cli.sunset_command import sunset_command
from newsletter.config import PublicationSettings
from newsletter.config.fields import BUILT_IN, READER_COLUMNS
from newsletter.errors import ConfigError
from newsletter.printable import one_line
from newsletter.publication.readers import Source, reader_conditions, unknown_reader
from newsletter.subscribers import erasure, leaving_reasons, suppressions
from newsletter.subscribers.files.exports import export_csv
from newsletter.subscribers.importers.cells import parse_statuses
from newsletter.subscribers.subscriber import Subscriber, find_subscriber, subscriber_pages
from newsletter.subscribers.writes import Status

if TYPE_CHECKING:
    from sqlalchemy import Connection

STATUSES = click.Choice([status.value for status in Status])


def _column_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option per built-in field: `--first-name`, ..."""
    for name in reversed(BUILT_IN):
        column = READER_COLUMNS[name]
        option = f"--{name.replace('_', '-')}"
        command = click.option(option, name, metavar=column.metavar, default="", help=column.help)(command)
    return command


@click.group()
def command() -> None:
    """Add, import, export, list, show and remove readers.

    \b
    Examples:
        newsletter subscribers import readers.csv
        newsletter subscribers add ada@example.com --first-name Ada
        newsletter subscribers list --status active
    """


@command.command()
@click.argument("address")
@_column_options
@click.option("--list", "lists", metavar="LIST", multiple=True, help="A list to join, else the default; repeatable")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag; repeatable")
@click.option("--field", "fields", metavar="NAME=VALUE", multiple=True, help="A field of your own; repeatable")
@click.option("--status", type=STATUSES, help="On these lists  [default: active]")
@click.option("--resubscribe", is_flag=True, help="Bring back somebody who left")
@json_option("it")
@click.pass_obj
def add(session: Session, /, address: str, resubscribe: bool, as_json: bool, **said: Any) -> None:
    """Add the reader at ADDRESS, or tell more about one who is there.

    No confirmation is sent: that the reader agreed is your word, and is put on record. Whoever
    left stays out unless --resubscribe is given.

    \b
    Examples:
        newsletter subscribers add ada@example.com
        newsletter subscribers add ada@example.com --first-name Ada --list weekly --tag vip
        newsletter subscribers add ada@example.com --field plan=pro --timezone Europe/London
    """
    added = session.opened.subscribers.add(
        address,
        lists=_statuses(session.publication, said["lists"], said["status"] or ""),
        tags=said["tags"],
        fields=dict(_field(text) for text in said["fields"]),
        resubscribe=resubscribe,
        source=Source(kind="command line", detail={"command": "subscribers add"}),
        **{name: said[name] for name in BUILT_IN},
    )
    reader = added.subscriber
    if as_json:
        click.echo(_json(reader.as_json(datetime.now(UTC)), indent=2))
    click.echo(f"{added.effect}: {reader.email}, {reader.status}", err=True)


def _statuses(publication: PublicationSettings, lists: Sequence[str], status: str) -> dict[str, str]:
    """Return the statuses by list that the options of `add` name. Raises ConfigError."""
    try:
        return dict(parse_statuses(publication.config.lists, publication.default_list, ",".join(lists), status))
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _field(text: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value:
        raise ConfigError(f'"{text}" sets no field; write --field plan=pro')
    return name, value


command.add_command(import_command, "import")
command.add_command(sunset_command, "sunset")


@command.command()
@click.pass_obj
def export(session: Session) -> None:
    """Write every reader of every status to standard output, as CSV.

    The columns are those that `import` reads; exported and imported again, nothing changes.
    Cells that a spreadsheet would run as a formula get an apostrophe in front.

    \b
    Examples:
        newsletter subscribers export > readers.csv
    """
    with data_output() as stream:
        count = export_csv(session.database, session.publication, stream)
    click.echo(_readers(count), err=True)


@command.command("list")
@click.option("--list", "list_name", metavar="LIST", help="Only those on this list")
@click.option("--segment", metavar="NAME", help="Only those in this segment of newsletter.toml")
@click.option("--status", type=STATUSES, help="Only those with this status, on the list or as a whole")
@click.option("--tag", metavar="TAG", help="Only those with this tag")
@json_option("it")
@click.pass_obj
def list_(session: Session, /, list_name: str | None, as_json: bool, **wanted: Any) -> None:
    """List readers, in the order they joined.

    All conditions have to hold. With --json, each reader is as `show --json` prints it.

    \b
    Examples:
        newsletter subscribers list
        newsletter subscribers list --list weekly --status unsubscribed
        newsletter subscribers list --segment engaged --json
    """
    count, now = 0, datetime.now(UTC)
    with session.database.read() as connection, _array() if as_json else nullcontext():
        conditions = reader_conditions(connection, session.publication, list_name, **wanted)
        for page in subscriber_pages(connection, *conditions, with_consent=as_json):
            lines = [_json(one.as_json(now)) for one in page] if as_json else _table(page)
            click.echo(("," if as_json and count else "") + (",\n" if as_json else "\n").join(lines))
            count += len(page)
    if not as_json:
        click.echo(_readers(count), err=True)


@contextmanager
def _array() -> Iterator[None]:
    click.echo("[")
    yield
    click.echo("]")


def _table(page: list[Subscriber]) -> list[str]:
    width = max(len(one.email) for one in page)
    return [
        f"{one.email:<{width}}  {one.status:<12}  {', '.join(one.lists):<16}  {one_line(', '.join(one.tags))}".rstrip()
        for one in page
    ]


@command.command()
@click.argument("address")
@json_option("it")
@click.pass_obj
def show(session: Session, address: str, as_json: bool) -> None:
    """Show everything that is known of one reader.

    That is what to answer when a reader asks for it. Exit code 1 when the address is unknown.

    \b
    Examples:
        newsletter subscribers show ada@example.com
        newsletter subscribers show ada@example.com --json
    """
    with session.database.read() as connection:
        reader = _found(connection, address)
        barred = suppressions.find(connection, reader.email)
    if as_json:
        suppressed = {"suppressed": barred.as_json()} if barred is not None else {}
        click.echo(_json({**reader.as_json(datetime.now(UTC)), **suppressed}, indent=2))
        return
    click.echo(f"{reader.email}  {reader.status}")
    for name, status in reader.lists.items():
        until = reader.paused(datetime.now(UTC)).get(name)
        click.echo(f"  list {name}: {status}" + (f", paused until {until}" if until else ""))
    for field, value in reader.fields.items():
        click.echo(f"  {field}: {one_line(str(value))}")
    if reader.tags:
        click.echo(f"  tags: {one_line(', '.join(reader.tags))}")
    if barred is not None:
        click.echo(f"  suppressed since {barred.at}: {one_line(barred.words)}")
    for one in reader.consent:
        click.echo(f"  {one.at}  {one.status} on {one.list}, by {one.source} {_json(one.detail)}")


@command.command()
@click.argument("address", nargs=-1, required=True)
@click.pass_obj
def remove(session: Session, address: tuple[str, ...]) -> None:
    """Erase readers: fields, lists, tags and the record of their consent.

    The ledger keeps that something was sent, not to whom. What waits to be sent to them is skipped. Reports of
    providers that are kept and name them are deleted. To stop mailing somebody, unsubscribe them instead: an erased
    reader can be imported again.

    \b
    Examples:
        newsletter subscribers remove ada@example.com
        newsletter subscribers remove ada@example.com bob@example.com
    """
    with session.database.begin() as connection:
        for one in address:
            if not erasure.erase(connection, one):
                raise unknown_reader(one, "Nobody was removed." if len(address) > 1 else "")
    _clean_calls(session)
    click.echo(f"removed: {_readers(len(address))}", err=True)


def _clean_calls(session: Session) -> None:
    """Take the erased readers out of the calls of providers that are kept."""
    from newsletter.events import erased_calls

    while True:
        with session.database.begin() as connection:
            if not erased_calls.clean_page(connection):
                return


@command.command()
@click.option(
    "--days", type=click.IntRange(min=1), default=90, show_default=True, metavar="N", help="Of the last N days"
)
@json_option("it")
@click.pass_obj
def reasons(session: Session, days: int, as_json: bool) -> None:
    """Show why readers left, as far as they said so.

    They are asked after leaving by the page, and counted by list; nobody's answer can be traced to them.

    \b
    Examples:
        newsletter subscribers reasons
        newsletter subscribers reasons --days 365 --json
    """
    since = datetime.now(UTC).date() - timedelta(days=days - 1)
    with session.database.read() as connection:
        counted = leaving_reasons.count_reasons(connection, since)
    if as_json:
        rows = [{"list": name, "reason": reason, "readers": number} for name, reason, number in counted]
        click.echo(_json(rows, indent=2))
        return
    for name, reason, number in counted:
        click.echo(f"{number:>7,}  {reason:<14}  {name}")
    click.echo(_readers(sum(number for *_words, number in counted)), err=True)


def _found(connection: Connection, address: str) -> Subscriber:
    reader = find_subscriber(connection, address)
    if reader is None:
        raise unknown_reader(address, "See who is there with: newsletter subscribers list")
    return reader


def _readers(count: int) -> str:
    return "1 reader" if count == 1 else f"{count:,} readers"


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=dict)
