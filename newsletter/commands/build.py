"""`newsletter build`: the email of an issue, as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from newsletter.build import Built, build_issue
from newsletter.issues import find_issue
from newsletter.outputs import summary, write_files
from newsletter.session import Session
from newsletter.theme import Theme


@click.command()
@click.argument("issue", nargs=-1, required=True)
@click.option("--out", metavar="DIR", default="build", help="Where the folder of each issue goes  [default: build]")
@click.option("--json", "as_json", is_flag=True, help="Print what was built as JSON")
@click.pass_obj
def command(session: Session, issue: tuple[str, ...], out: str, as_json: bool) -> None:
    """Write the email of an issue to a folder.

    The same issue gives the same bytes, on every machine. Nobody is mailed, nothing is fetched.

    \b
    Examples:
        newsletter build chip-rules
        newsletter build issues/2025-01-17-chip-rules.md --out /tmp/mail
        newsletter build chip-rules --json
    """
    publication = session.publication
    paths = [find_issue(publication, name) for name in issue]
    theme = Theme(publication=publication)
    built = [build_issue(publication, path, theme) for path in paths]
    for one in built:
        _narrate(one, write_files(publication, one, Path(out)), as_json)
    click.echo(f"Check {'it' if len(built) == 1 else 'them'} with: newsletter check {_slugs(built)}", err=True)
    if as_json:
        found = [summary(one) for one in built]
        click.echo(json.dumps(found[0] if len(found) == 1 else found, ensure_ascii=False, indent=2))


def _slugs(built: Sequence[Built]) -> str:
    return " ".join(one.issue.slug for one in built)


def _narrate(built: Built, folder: Path, as_json: bool) -> None:
    """What the build itself noticed; the rules are asked by `check`, which costs as much again."""
    for warning in built.warnings:
        click.echo(f"newsletter: warning: {warning}", err=True)
    size = len(built.message.html.encode()) / 1024
    click.echo(f"{built.issue.path.name}: {size:.1f} KB of HTML, digest {built.message.digest[:12]}", err=True)
    if not as_json:
        for name in ("message.html", "message.txt", "message.eml", "document.mjml", "message.json"):
            click.echo(folder / name)
