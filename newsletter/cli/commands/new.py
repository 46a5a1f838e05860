"""`newsletter new`: start an issue file."""

from __future__ import annotations

import os

import click

from newsletter.cli.session import Session
from newsletter.issues import scaffold
from newsletter.issues.issue import slug_of


@click.command()
@click.argument("title")
@click.option("--date", "day", metavar="DATE", help="The day it is for, as 2025-01-17  [default: today]")
@click.option("--template", metavar="NAME", help="Text to begin with: weekly, or a template of your own")
@click.pass_obj
def command(session: Session, title: str, day: str | None, template: str | None) -> None:
    """Start an issue called TITLE and print its path.

    The file builds as it is; write over it. An issue that exists is never overwritten.

    \b
    Examples:
        newsletter new "Hello"
        newsletter new "Chip rules, explained" --date 2025-01-17
        newsletter new "Five stories that mattered" --template weekly
    """
    path = scaffold.new_issue(title, session.publication, day=day, template=template)
    click.echo(os.path.relpath(path))
    click.echo(f"Write it, then: newsletter preview {slug_of(path)}", err=True)
