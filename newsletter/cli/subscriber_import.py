"""`newsletter subscribers import`: the command; `import_progress.py` reports while it runs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import click

from newsletter.cli.import_progress import ImportProgress
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.config.fields import READER_COLUMNS
from newsletter.errors import ConfigError, NewsletterError
from newsletter.subscribers.files.imports import ImportListener, ImportReport
from newsletter.subscribers.importers.options import parse_options
from newsletter.subscribers.importers.platforms import AUTO, PLATFORMS


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--from",
    "platform",
    type=click.Choice([AUTO, *PLATFORMS]),
    default=AUTO,
    help="Whose export it is  [default: auto]",
)
@click.option("--map", "maps", metavar="COLUMN=FIELD", multiple=True, help="What a column means; repeatable")
@click.option("--ignore", "ignored", metavar="COLUMN", multiple=True, help="Leave a column out; repeatable")
@click.option("--encoding", metavar="NAME", help="The file's encoding, such as windows-1252  [default: as it shows]")
@click.option("--rejects", metavar="CSV", type=click.Path(dir_okay=False), help="Where to write the refused rows")
@click.option("--resubscribe", metavar="ADDRESS", multiple=True, help="Bring back this one who left; repeatable")
@json_option("it")
@click.pass_obj
def import_command(
    session: Session,
    file: str,
    platform: str,
    maps: tuple[str, ...],
    ignored: tuple[str, ...],
    encoding: str | None,
    rejects: str | None,
    resubscribe: tuple[str, ...],
    as_json: bool,
) -> None:
    """Import readers from a CSV FILE, a platform's zip file, or from `-`, the standard input.

    Columns: {columns}; others become fields.
    Exports of Mailchimp, Substack, beehiiv, Kit, Ghost, listmonk and Buttondown are recognised.
    Who left, bounced or complained there is not mailed from here. A column that may say so and is
    not understood stops the import: say what it means with --map, or leave it out with --ignore.
    A bad row is reported and costs no good one. Whoever left stays out unless named with --resubscribe.
    Stopped half-way, run it again: what is known is left as it is.

    \b
    Examples:
        newsletter subscribers import readers.csv
        newsletter subscribers import readers.csv --rejects refused.csv
        newsletter subscribers import readers.csv --resubscribe ada@example.com
        newsletter subscribers import mailchimp-export.zip
        newsletter subscribers import list-unsubscribed.csv --from sendy
        newsletter subscribers import crm.csv --map "Wants mail=status:Y=active,N=unsubscribed"
        newsletter subscribers import crm.csv --map Courriel=email --ignore "Account status"
        newsletter subscribers import old.csv --encoding windows-1251
        gunzip -c readers.csv.gz | newsletter subscribers import -
    """
    options = parse_options(platform, maps, ignored, encoding)
    if rejects and Path(rejects).exists() and file != "-" and os.path.samefile(file, rejects):
        raise ConfigError("--rejects names the file to import", hint="Name another; this one would be lost.")
    with ExitStack() as stack:
        source = stack.enter_context(_source(file))
        told = stack.enter_context(ImportProgress(_name(file), rejects))
        report = session.opened.subscribers.import_csv(
            source,
            name=_name(file),
            resubscribe=resubscribe,
            options=options,
            listener=ImportListener(started=told.started, refused=told.refused, progress=told.progress, told=told.say),
        )
    printed = json.dumps(report.as_json(), ensure_ascii=False, indent=2)
    click.echo(printed if as_json else _summary(report))
    told.conclude(report)
    if report.rows == report.refused:
        raise NewsletterError("no row was imported", place=_name(file))


import_command.help = (import_command.help or "").replace(
    "{columns}", f"email, then any of {', '.join([*READER_COLUMNS][1:])}"
)


def _name(file: str) -> str:
    # A name that is not UTF-8 is written with the sign for a character that does not exist.
    return "standard input" if file == "-" else click.format_filename(file, shorten=True)


@contextmanager
def _source(file: str) -> Iterator[BufferedIOBase]:
    """The file; standard input, and a pipe, are kept in a temporary one that can be read twice."""
    if file != "-":
        with Path(file).open("rb") as opened:
            if opened.seekable():
                yield opened
                return
            with _kept(opened) as copy:
                yield copy
        return
    with _kept(cast(BufferedIOBase, sys.stdin.buffer)) as copy:
        yield copy


@contextmanager
def _kept(stream: BufferedIOBase) -> Iterator[BufferedIOBase]:
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(stream, kept)
        kept.seek(0)
        yield cast(BufferedIOBase, kept)


def _summary(report: ImportReport) -> str:
    names = ("added", "updated", "unchanged", "refused")
    parts = [f"{getattr(report, name):,} {name}" for name in names if getattr(report, name)]
    rows = "1 row" if report.rows == 1 else f"{report.rows:,} rows"
    return f"{rows}: {', '.join(parts)}" if parts else "no rows"
