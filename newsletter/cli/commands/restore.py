"""`newsletter restore`: put a backup in the place of the database."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli.session import Session
from newsletter.cli.terminal import ask
from newsletter.database.backup import unpacked
from newsletter.database.connection import database_file
from newsletter.publishing.restoring import Restored, restore
from newsletter.times import utc_now


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask before a database that is there is replaced")
@click.pass_obj
def command(session: Session, file: Path, yes: bool) -> None:
    """Put the backup in FILE in the place of the database.

    A database that is there is moved aside, not deleted. Nothing is sent from a restored database before
    `newsletter adopt`; campaigns of which some may have been sent after the backup was made are paused, and
    `newsletter reconcile` asks the provider about them. So nobody is mailed twice.

    \b
    Examples:
        newsletter restore /backups/news-2026-11-29.backup
        newsletter restore /backups/news-2026-11-29.backup --yes && newsletter adopt
    """
    place = database_file(session.publication)
    with unpacked(file, place.parent) as backup:
        made = backup.about.made_at[:16].replace("T", " ")
        if place.exists():
            ask(f"Replace {place.name} with the backup of {made} UTC?", yes=yes)
        restored = restore(session.publication, place, backup, utc_now())
    click.echo(
        f"Restored: {restored.readers:,} readers and {restored.campaigns:,} campaigns, as of {made} UTC.", err=True
    )
    _print_kept(restored, has_secret=backup.secret is not None)
    _print_next(restored)


def _print_kept(restored: Restored, *, has_secret: bool) -> None:
    if restored.kept:
        click.echo(f"What was there is now {restored.kept.name}.", err=True)
    if restored.other_secret:
        click.echo(f"The secret of readers' links was another; that one is now {restored.other_secret.name}.", err=True)
    if not has_secret:
        click.echo("The backup has no secret of readers' links: put back the one that it was made with.", err=True)


def _print_next(restored: Restored) -> None:
    click.echo("Next, once the other database will never send again:\n    newsletter adopt", err=True)
    for campaign in restored.held:
        click.echo(f"    newsletter reconcile {campaign.id}    # {campaign.issue}, paused", err=True)
    if restored.unknown:
        told = f"Of {restored.unknown:,} deliveries it is unknown whether they left after the backup was made."
        click.echo(f"{told} They are not sent again by themselves.", err=True)
    click.echo(
        "An issue whose first campaign began after the backup was made is not in it: do not send it again.", err=True
    )
