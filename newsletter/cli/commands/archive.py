"""`newsletter archive`: amend or withdraw the page of a sent issue."""

from __future__ import annotations

import json

import click

from newsletter.cli.options import allow_option, json_option
from newsletter.cli.session import Session
from newsletter.publishing import archive_changes
from newsletter.publishing.archive_changes import Changed
from newsletter.times import utc_now


@click.group()
def command() -> None:
    """Amend or withdraw the page of a sent issue in the archive.

    Mail that was sent stays as it is; a correction by mail is `newsletter send --to-readers-of`. What was
    approved is kept in the database.

    \b
    Examples:
        newsletter archive amend chip-rules --note "The vote is on Monday, not on Friday."
        newsletter archive withdraw chip-rules
    """


@command.command(short_help="Show the issue file as it is now.")
@click.argument("issue")
@click.option("--note", default="", metavar="TEXT", help="What the page tells its readers about the change")
@allow_option
@json_option("what was done")
@click.pass_obj
def amend(session: Session, issue: str, note: str, allow: str | None, as_json: bool) -> None:
    """Show the issue file as it is now, in the place of the page that was approved.

    The page and the feed say since when, in the issue's language. A page that was withdrawn is shown again.
    archive.json keeps the change for `newsletter build --site`; commit it with the issue.

    \b
    Examples:
        newsletter archive amend chip-rules
        newsletter archive amend chip-rules --note "The vote is on Monday, not on Friday."
    """
    changed = archive_changes.amend(session.publication, session.database, issue, note=note, allow=allow, now=utc_now())
    _print(session, changed, "amended", as_json)


@command.command(short_help="Take the page off the web.")
@click.argument("issue")
@click.option("--reason", default="", metavar="TEXT", help="What its readers are told in its place")
@json_option("what was done")
@click.pass_obj
def withdraw(session: Session, issue: str, reason: str, as_json: bool) -> None:
    """Take the page of a sent issue off the web.

    Its address says so from now on (410 Gone), and so does its entry in the feed; the list and the sitemap
    leave it out. `newsletter archive amend` shows it again.

    \b
    Examples:
        newsletter archive withdraw chip-rules
        newsletter archive withdraw chip-rules --reason "Its figures were made up by its source."
    """
    changed = archive_changes.withdraw(session.publication, session.database, issue, reason=reason, now=utc_now())
    _print(session, changed, "withdrawn", as_json)


def _print(session: Session, changed: Changed, state: str, as_json: bool) -> None:
    url = f"{session.publication.config.publication.url}/issues/{changed.slug}"
    if as_json:
        click.echo(json.dumps({"issue": changed.slug, "state": state, "changed": changed.is_new, "url": url}))
    else:
        click.echo(url)
    unchanged = f"The page of {changed.slug} is the same already; nothing was changed."
    click.echo(
        f"{changed.slug} is {state}. Servers show it within a second." if changed.is_new else unchanged, err=True
    )
