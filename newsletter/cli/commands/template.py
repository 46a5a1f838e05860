"""`newsletter template`: list the templates, or copy one into the publication to change it."""

from __future__ import annotations

import json
import os

import click

from newsletter.cli.session import Session
from newsletter.issues import scaffold


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the templates as a JSON list")
@click.pass_obj
def command(session: Session, name: str | None, as_json: bool) -> None:
    """Copy a template into the publication, to change it, and print its path.

    NAME is a layout, a block, an email or a page: `issue`, `blocks/article`, `confirmation`. Without a NAME
    they are listed. A file of the publication stands in for the program's of the same name, and is never
    overwritten here; remove it to have the program's again.

    \b
    Examples:
        newsletter template
        newsletter template issue
        newsletter template blocks/article
        newsletter template emails/confirmation.txt
    """
    if name is None:
        return _list(session, as_json=as_json)
    path = scaffold.copy_template(session.publication, name)
    click.echo(os.path.relpath(session.publication.templates / path))
    if others := [other for other in scaffold.templates_named(name) if other != path]:
        click.echo(f"There are also: {', '.join(others)}.", err=True)
    click.echo("Change it, and see what it does with: newsletter preview", err=True)


def _list(session: Session, *, as_json: bool) -> None:
    """Print each template, and whether the publication has its own."""
    rows = [(path, (session.publication.templates / path).is_file()) for path in scaffold.changeable_templates()]
    if as_json:
        click.echo(json.dumps([{"template": path, "own": is_own} for path, is_own in rows]))
        return
    for path, is_own in rows:
        click.echo(f"{path}   (your own)" if is_own else path)
