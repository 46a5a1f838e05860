"""`newsletter new`: an issue file to begin with."""

from __future__ import annotations

import os
import re
from datetime import date

import click

from newsletter import issues, scaffold
from newsletter.config import Publication
from newsletter.errors import ConfigError, NewsletterError
from newsletter.session import Session
from newsletter.slugs import free_slug, slug_of


@click.command()
@click.argument("title")
@click.option("--date", "day", metavar="DATE", help="The day it is for, as 2025-01-17  [default: today]")
@click.option("--template", metavar="NAME", help="What it begins as: weekly, or a template of your own")
@click.pass_obj
def command(session: Session, title: str, day: str | None, template: str | None) -> None:
    """Start an issue called TITLE and print its path.

    The file builds as it is; write over it. An issue that exists is never touched.

    \b
    Examples:
        newsletter new "Hello"
        newsletter new "Chip rules, explained" --date 2025-01-17
        newsletter new "Five stories that mattered" --template weekly
    """
    publication = session.publication
    title = _title(title)
    when = scaffold.issue_day(day, publication)
    text = scaffold.issue_file(title, publication, template=template)
    slug = _slug(publication, title, when)
    path = publication.issues / f"{when}-{slug}.md"
    scaffold.write_new(publication.root, {f"issues/{path.name}": text})
    click.echo(os.path.relpath(path))
    click.echo(f"Write it, then: newsletter build {slug}", err=True)


def _title(text: str) -> str:
    """One line of words. Raises ConfigError for what no subject may hold."""
    title = " ".join(text.split())
    if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", title):
        raise ConfigError("the title holds a control character", hint="Write it again without.")
    if not slug_of(title):
        hint = "The file and its web address are named for them."
        raise ConfigError(f'the title "{title}" has no letter and no digit', hint=hint)
    return title


def _slug(publication: Publication, title: str, when: date) -> str:
    """A slug no other issue has. Raises NewsletterError when this very issue exists."""
    slug = slug_of(title)
    path = publication.issues / f"{when}-{slug}.md"
    if path.exists():
        raise NewsletterError("this issue exists and is left as it is", place=os.path.relpath(path))
    return free_slug(slug, {issues.slug_of(file) for file in issues.issue_files(publication)})
