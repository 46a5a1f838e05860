"""`newsletter draft`: start an issue file from feeds and pages."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import click

from newsletter.cli.options import json_option
from newsletter.cli.progress import StepProgress
from newsletter.cli.session import Session
from newsletter.config import Publication
from newsletter.errors import ConfigError
from newsletter.issues import scaffold
from newsletter.issues.drafts.draft import Gathered, gather, issue_text, left_out
from newsletter.issues.drafts.story import Story
from newsletter.issues.issue import issue_files, slug_of
from newsletter.issues.slugs import free_slug, slugify
from newsletter.network import network_of
from newsletter.times import OFF, parse_since, utc_now


@click.command()
@click.argument("more", nargs=-1, metavar="[URL|FILE]...")
@click.option("--from", "sources", metavar="URL|FILE", multiple=True,
              help="A feed, an article's page or its text; several may follow  [default: [draft] from]")  # fmt: skip
@click.option("--since", metavar="T", help="Only newer stories: 2d, or 2025-01-17  [default: [draft] since]")
@click.option("--limit", metavar="N", type=click.IntRange(1, 100), help="At most N stories  [default: [draft] limit]")
@click.option("--date", "day", metavar="DATE", help="The day it is for, as 2025-01-17  [default: today]")
@json_option("the path and the stories")
@click.pass_obj
def command(
    session: Session,
    more: tuple[str, ...],
    sources: tuple[str, ...],
    since: str | None,
    limit: int | None,
    day: str | None,
    as_json: bool,
) -> None:
    """Draft an issue from feeds and pages, and print its path.

    Stories that earlier issues link to are left out, and no file is overwritten. Every sentence is the source's
    own, and `newsletter check` marks it until you rewrite it. Only the addresses you name are requested.

    \b
    Examples:
        newsletter draft
        newsletter draft --from https://example.com/feed.xml --since 1d
        newsletter draft --from https://example.com/story notes.txt --limit 5
    """
    publication = session.publication
    settings = publication.config.draft
    named = [*sources, *more]
    names = named or settings.sources
    if not names:
        raise ConfigError("no source is named", hint='Write --from URL, or [draft] from = ["https://..."].')
    when = scaffold.issue_day(day, publication)
    oldest = _oldest(since or settings.since, publication)
    network = network_of(publication.config.publication.url)
    folder = Path.cwd() if named else publication.root
    most = limit or settings.limit
    with StepProgress("sources read", len(names)) as bar:
        gathered = gather(publication, names, network, folder=folder, since=oldest, limit=most, done=bar.step)
    zone = publication.config.publication.timezone
    title = gathered.stories[0].title
    slug = free_slug(slugify(title) or "draft", {slug_of(file) for file in issue_files(publication)})
    name = f"issues/{when}-{slug}.md"
    scaffold.write_new(publication.root, {name: issue_text(gathered.stories, when, zone)})
    _print_draft(os.path.relpath(publication.root / name), slug, gathered, as_json)


def _oldest(text: str, publication: Publication) -> datetime | None:
    """Return the time that `2d` (ago), a day, or a time in the publication's zone means; None for `off`.

    Raises ConfigError for any other text.
    """
    if text == OFF:
        return None
    try:
        return parse_since(text, publication.config.publication.timezone, utc_now())
    except ValueError as error:
        hint = "Write a duration such as 2d, or a day such as 2025-01-17."
        raise ConfigError(f"--since: {error}", hint=hint) from error


def _print_draft(path: str, slug: str, gathered: Gathered, as_json: bool) -> None:
    for error in gathered.failures:
        click.echo(f"newsletter: warning: {error}", err=True)
    for guess in gathered.guesses:
        click.echo(f"newsletter: warning: {guess}", err=True)
    if as_json:
        stories = [_as_json(story) for story in gathered.stories]
        click.echo(json.dumps({"path": path, "stories": stories}, ensure_ascii=False, indent=2))
    else:
        click.echo(path)
    count = len(gathered.stories)
    left = left_out(gathered)
    words = f"{count} {'story' if count == 1 else 'stories'}" + (f"; left out: {left}" if left != "no stories" else "")
    click.echo(f"{words}\nRewrite it, then: newsletter check {slug}", err=True)


def _as_json(story: Story) -> dict[str, object]:
    published = story.published.isoformat() if story.published else None
    return {"title": story.title, "url": story.url, "source": story.source, "published": published}
