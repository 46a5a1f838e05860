"""`newsletter digest`: make one issue of the issues of the last days."""

from __future__ import annotations

import json
import os

import click

from newsletter.campaigns import archive
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.config import PublicationSettings
from newsletter.database.connection import existing_database
from newsletter.errors import ConfigError, suggestion
from newsletter.issues import scaffold
from newsletter.issues.drafts.digest import Digest, digest_text, gather_issues
from newsletter.issues.issue import issue_files, slug_of
from newsletter.issues.slugs import free_slug
from newsletter.rendering.archive_notes import recorded_changes
from newsletter.times import Duration


@click.command()
@click.option("--since", default="7d", show_default=True, metavar="D", help="The days it covers: 7d")
@click.option("--list", "list_name", metavar="L", help="The list whose issues are taken  [default: see above]")
@click.option("--links", default=5, show_default=True, type=click.IntRange(0, 50), help="At most N headlines an issue")
@click.option("--unsent", is_flag=True, help="Take issues that were not sent, too")
@click.option("--date", "day", metavar="DATE", help="The day it is for, as 2025-01-17  [default: today]")
@json_option("the path and the issues")
@click.pass_obj
def command(
    session: Session, since: str, list_name: str | None, links: int, unsent: bool, day: str | None, as_json: bool
) -> None:
    """Make one issue of the last days' issues, and print its path.

    Each issue becomes a headline, its first paragraph and its links, in your own words; nothing is requested from
    the web. The issue goes to the list that has digest_of = "daily" (or another) in newsletter.toml; without such a
    list, and without --list, issues of the default list are taken, and the issue goes to it. Where there is a
    database, only issues that were sent are taken; an issue that was withdrawn never is.

    \b
    Examples:
        newsletter digest
        newsletter digest --since 30d --links 2
        newsletter digest --list daily --unsent
    """
    publication = session.publication
    source, target = _lists(publication, list_name)
    when = scaffold.issue_day(day, publication)
    sent = None if unsent else _sent(publication)
    gone = {slug for slug, recorded in recorded_changes(publication).items() if recorded.is_withdrawn}
    days = _duration(since).delta
    digest = gather_issues(publication, source, when, days, sent=sent, withdrawn=gone, links=links)
    slug = free_slug(f"{target}-digest", {slug_of(file) for file in issue_files(publication)})
    name = f"issues/{when}-{slug}.md"
    scaffold.write_new(publication.root, {name: digest_text(digest, target)})
    _print_digest(os.path.relpath(publication.root / name), slug, digest, as_json)


def _lists(publication: PublicationSettings, named: str | None) -> tuple[str, str]:
    """Return the list whose issues are taken, and the list that the digest goes to. Raises ConfigError."""
    lists = publication.config.lists
    if named and named not in lists:
        raise ConfigError(f'no list is named "{named}"', hint=suggestion(named, lists, "Lists"))
    sources = {name: entry.digest_of for name, entry in lists.items() if entry.digest_of}
    digests = {name: source for name, source in sources.items() if named in (None, source)}
    if len(digests) > 1:
        hint = f"Name one of {', '.join(sorted(set(digests.values())))} with --list."
        raise ConfigError(f"{len(digests)} lists are digests: {', '.join(digests)}", hint=hint)
    if digests:
        ((target, source),) = digests.items()
        return source, target
    source = named or publication.default_list
    return source, source


def _duration(text: str) -> Duration:
    try:
        since = Duration(text)
    except ValueError as error:
        raise ConfigError(f'--since: "{text}" is not a duration', hint="Write one as 7d.") from error
    if since.delta.days < 1:
        raise ConfigError(f'--since: "{text}" is less than a day', hint="Write one as 7d.")
    return since


def _sent(publication: PublicationSettings) -> set[str] | None:
    """Return the slugs of the issues that were sent; None where there is no database, as in a checkout."""
    database = existing_database(publication)
    if database is None:
        return None
    with database.read() as connection:
        slugs = archive.started_issues(connection)
    database.close()
    return slugs


def _print_digest(path: str, slug: str, digest: Digest, as_json: bool) -> None:
    for error in digest.failures:
        click.echo(f"newsletter: warning: left out, {error}", err=True)
    if as_json:
        issues = [
            {"slug": each.issue.slug, "title": each.title, "url": each.url, "links": len(each.headlines)}
            for each in digest.entries
        ]
        click.echo(json.dumps({"path": path, "issues": issues}, ensure_ascii=False, indent=2))
    else:
        click.echo(path)
    count = len(digest.entries)
    left = f"; {digest.unsent} not sent are left out" if digest.unsent else ""
    left += f"; {digest.withdrawn} withdrawn left out" if digest.withdrawn else ""
    click.echo(f"{count} {'issue' if count == 1 else 'issues'}{left}", err=True)
    click.echo(f"Read it, then: newsletter check {slug}", err=True)
