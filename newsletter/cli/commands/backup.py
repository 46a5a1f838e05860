"""`newsletter backup`: copy the database into one file, while it is in use."""

from __future__ import annotations

import json
from pathlib import Path

import click

from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.cli.terminal import ProgressBar
from newsletter.database.backup import back_up
from newsletter.signed_links import SECRET_FILE
from newsletter.times import stamp, utc_now


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option("what is in it")
@click.pass_obj
def command(session: Session, file: Path, as_json: bool) -> None:
    """Copy the database to FILE, while others read it, send from it and serve it.

    The copy is of one moment: readers, consent, campaigns, the ledger, the archive. It holds the secret of
    readers' links too, unless that is named in newsletter.toml. Only its owner can read FILE; keep it so.
    Issues, pictures and templates are yours to keep, in git for example.

    \b
    Examples:
        newsletter backup /backups/news-$(date +%F).backup
        newsletter restore /backups/news-2026-11-29.backup
    """
    is_named = bool(session.publication.config.environment.secret)
    secret = None if is_named else session.publication.root / SECRET_FILE
    with ProgressBar() as bar:
        about = back_up(
            session.database,
            file,
            publication=session.publication.config.publication.name,
            secret=secret,
            made_at=stamp(utc_now()),
            progress=lambda done, total: bar.show(done, total, "copied"),
        )
    size = file.stat().st_size
    if as_json:
        click.echo(json.dumps({"file": str(file), "bytes": size, "made_at": about.made_at, "secret": about.has_secret}))
    else:
        click.echo(str(file))
    held = "with the secret of readers' links" if about.has_secret else "without the secret of readers' links"
    click.echo(f"{size:,} bytes, {held}. Put it back with: newsletter restore {file}", err=True)
    if is_named:
        click.echo(
            "Keep the secret that newsletter.toml names, too: without it, links in sent mail stop working.", err=True
        )
