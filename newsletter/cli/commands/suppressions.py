"""`newsletter suppressions`: list, add, remove, import and export the addresses that are never mailed."""

from __future__ import annotations

import json
import sys
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import click

from newsletter.addresses import address_key, parse_address
from newsletter.cli.options import json_option
from newsletter.cli.safe_output import data_output
from newsletter.cli.session import Session
from newsletter.errors import ConfigError, NewsletterError
from newsletter.subscribers import suppressions
from newsletter.subscribers.files.suppression_files import export_suppressions, import_suppressions
from newsletter.subscribers.suppressions import Reason
from newsletter.times import utc_now

REASONS = click.Choice([str(reason) for reason in Reason if reason is not Reason.ERASED])


@click.group()
def command() -> None:
    """List, add, remove, import, export and fetch the addresses that are never mailed.

    Bounces, complaints and unsubscriptions that the provider reports are added by themselves. An address stays
    suppressed when its reader is removed, and a later import does not bring it back.

    \b
    Examples:
        newsletter suppressions list --reason complained
        newsletter suppressions add ada@example.com
        newsletter suppressions sync
    """


@command.command(name="list", short_help="List suppressed addresses, why, and since when.")
@click.option("--reason", type=click.Choice([str(reason) for reason in Reason]), help="Only those of one reason")
@json_option("them")
@click.pass_obj
def list_(session: Session, reason: str | None, as_json: bool) -> None:
    """List suppressed addresses: why, since when, and the words of whoever reported it.

    \b
    Examples:
        newsletter suppressions list
        newsletter suppressions list --reason bounced --json
    """
    count = 0
    with session.database.read() as connection:
        if as_json:
            click.echo("[", nl=False)
        for page in suppressions.pages(connection, reason=reason or ""):
            for each in page:
                if as_json:
                    click.echo(("," if count else "") + "\n" + json.dumps(each.as_json()), nl=False)
                else:
                    email = each.email or "(erased reader)"
                    click.echo(f"{email:<32}  {each.reason:<12}  {each.at[:10]}  {each.detail}".rstrip())
                count += 1
    if as_json:
        click.echo("\n]" if count else "]")
    else:
        click.echo(_addresses(count), err=True)


@command.command(short_help="Never mail an address again.")
@click.argument("address")
@click.option("--reason", type=REASONS, default=str(Reason.BY_HAND), show_default=True, help="Why")
@click.option("--detail", default="", metavar="WORDS", help="A note for yourself")
@click.pass_obj
def add(session: Session, address: str, reason: str, detail: str) -> None:
    """Never mail ADDRESS again, whether it belongs to a reader or not.

    \b
    Examples:
        newsletter suppressions add ada@example.com
        newsletter suppressions add ada@example.com --reason complained --detail "by phone"
    """
    email = _parsed(address)
    with session.database.begin() as connection:
        new = suppressions.suppress(connection, email, Reason(reason), detail, utc_now())
        known = None if new else suppressions.find(connection, email)
    click.echo(f"suppressed already: {email}, {known.reason}" if known else f"suppressed: {email}", err=True)


@command.command(short_help="Let an address be mailed again.")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.pass_obj
def remove(session: Session, addresses: tuple[str, ...]) -> None:
    """Let ADDRESS be mailed again, each named one.

    Exit code 1 when one of them is not suppressed. The provider has a list of its own, which this does not change.

    \b
    Examples:
        newsletter suppressions remove ada@example.com
    """
    emails = [_parsed(address) for address in addresses]
    with session.database.begin() as connection:
        unknown = [email for email in emails if suppressions.find(connection, email) is None]
        suppressions.lift(connection, [address_key(email) for email in emails])
    for email in emails:
        if email not in unknown:
            click.echo(f"may be mailed again: {email}", err=True)
    if unknown:
        raise NewsletterError(f"not suppressed: {', '.join(unknown)}")


@command.command(name="import", short_help="Suppress every address of a CSV file.")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@json_option("the counts")
@click.pass_obj
def import_(session: Session, file: str, as_json: bool) -> None:
    """Suppress every address of a CSV file: its column `email`, and `reason`, `detail`, `at` where it has them.

    FILE may be `-`, the standard input. A row without a reason is suppressed by hand. Exit code 1 when no row was good.

    \b
    Examples:
        newsletter suppressions import bounces.csv
        gunzip -c bounces.csv.gz | newsletter suppressions import -
    """
    name = "standard input" if file == "-" else Path(file).name
    with click.open_file(file, "rb") as stream:
        report = import_suppressions(session.database, cast(BufferedIOBase, stream), name, utc_now())
    for row, reason in report.refusals[:20]:
        click.echo(f"{name}:{row}: {reason}", err=True)
    if len(report.refusals) > 20:
        click.echo(f"... and {len(report.refusals) - 20:,} more", err=True)
    counts = {"rows": report.rows, "new": report.new, "known": report.known, "refused": len(report.refusals)}
    if as_json:
        click.echo(json.dumps(counts))
    click.echo(
        f"{_addresses(report.new)} suppressed, {report.known:,} known already, {len(report.refusals):,} refused",
        err=True,
    )
    if report.rows and not report.new and not report.known:
        sys.exit(1)


@command.command(name="export", short_help="Write all suppressions as CSV.")
@click.pass_obj
def export_(session: Session) -> None:
    """Write all suppressions as CSV to standard output; an import reads it.

    \b
    Examples:
        newsletter suppressions export > suppressions.csv
    """
    with data_output() as stream:
        written, erased = export_suppressions(session.database, stream)
    left_out = f"; {erased:,} of erased readers are kept as hashes only, and left out" if erased else ""
    click.echo(f"{_addresses(written)}{left_out}", err=True)


@command.command()
@click.option("--provider", metavar="NAME", help="Which provider  [default: every one of [send] provider]")
@json_option("the counts")
@click.pass_obj
def sync(session: Session, provider: str | None, as_json: bool) -> None:
    """Read the provider's own suppression list, and suppress here whom it would not mail.

    \b
    Examples:
        newsletter suppressions sync
        newsletter suppressions sync --provider postmark
    """
    from newsletter.events.sync import sync_suppressions

    names = (provider,) if provider else session.publication.config.send.providers
    counts = {}
    for name in names:
        seen, new = sync_suppressions(session.publication, session.database, name, utc_now)
        counts[name] = {"seen": seen, "new": new}
        click.echo(f"{name}: {_addresses(seen)}, {new:,} of them new", err=True)
    if as_json:
        click.echo(json.dumps(counts))


def _parsed(address: str) -> str:
    try:
        return parse_address(address)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _addresses(count: int) -> str:
    return "1 address" if count == 1 else f"{count:,} addresses"
