"""`newsletter draft`: start an issue file from feeds and pages."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import click

from newsletter.cli.options import json_option
from newsletter.cli.progress import StepProgress
from newsletter.cli.session import Session
from newsletter.config import PublicationSettings
from newsletter.errors import ConfigError
from newsletter.forge.api import Forge
from newsletter.forge.repository import Repository
from newsletter.issues import scaffold
from newsletter.issues.drafts.draft import Gathered, gather, issue_text, left_out
from newsletter.issues.drafts.pull_request import Proposal, find_request, propose
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
@click.option("--pull-request", is_flag=True, help="Propose it on a branch of its own instead of writing the file")
@json_option("the path and the stories")
@click.pass_obj
def command(
    session: Session,
    more: tuple[str, ...],
    sources: tuple[str, ...],
    since: str | None,
    limit: int | None,
    day: str | None,
    pull_request: bool,
    as_json: bool,
) -> None:
    """Draft an issue from feeds and pages, and print its path.

    Stories that earlier issues link to are left out, and no file is overwritten. Every sentence is the source's
    own, and `newsletter check` marks it until you rewrite it. Only the addresses you name are requested.

    With --pull-request the file is committed on the branch draft/DATE, pushed to `origin`, and proposed at GitHub or
    GitLab; the token is GITHUB_TOKEN or GITLAB_TOKEN. Your working tree stays as it is. A day has one draft: when its
    branch is there already, nothing is done. For a cron job.

    \b
    Examples:
        newsletter draft
        newsletter draft --from https://example.com/feed.xml --since 1d
        newsletter draft --from https://example.com/story notes.txt --limit 5
        newsletter draft --pull-request
    """
    publication = session.publication
    settings = publication.config.draft
    named = [*sources, *more]
    names = named or settings.sources
    if not names:
        raise ConfigError("no source is named", hint='Write --from URL, or [draft] from = ["https://..."].')
    when = scaffold.issue_day(day, publication)
    target = _target(publication, when) if pull_request else None
    if target and target.repository.has_branch(target.branch):
        click.echo(find_request(target.forge, target.branch, target.owner) or target.branch)
        click.echo("The draft of this day has been proposed; nothing was done.", err=True)
        return
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
    content = issue_text(gathered.stories, when, zone)
    if target:
        proposal = _proposal(publication.root / name, content, target.branch, gathered)
        address = propose(target.repository, target.forge, proposal, target.base)
        _print_draft(name, slug, gathered, as_json, address)
        return
    scaffold.write_new(publication.root, {name: content})
    _print_draft(os.path.relpath(publication.root / name), slug, gathered, as_json)


@dataclass(frozen=True, kw_only=True)
class PullTarget:
    """Say where a draft is proposed."""

    repository: Repository
    forge: Forge
    base: str
    """The branch that it is for."""
    branch: str
    owner: str
    """The owner of the repository, whose branch it is."""


def _target(publication: PublicationSettings, day: date) -> PullTarget:
    """Find repository, token and branches before anything is requested. Raises ConfigError."""
    repository = Repository(publication.root)
    forge, base = repository.forge(), repository.current_branch()
    owner = repository.remote()[1].rpartition("/")[0]
    return PullTarget(repository=repository, forge=forge, base=base, branch=f"draft/{day}", owner=owner)


def _proposal(path: Path, content: bytes, branch: str, gathered: Gathered) -> Proposal:
    title = f"Draft: {gathered.stories[0].title}"
    sources = "\n".join(
        f"- {story.title} <{story.url}>" if story.url else f"- {story.title}" for story in gathered.stories
    )
    body = f"Every sentence is its source's own: rewrite it, and remove its mark.\n\n{sources}\n"
    return Proposal(path=path, content=content, branch=branch, title=title, body=body)


def _oldest(text: str, publication: PublicationSettings) -> datetime | None:
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


def _print_draft(path: str, slug: str, gathered: Gathered, as_json: bool, pull_request: str = "") -> None:
    for error in gathered.failures:
        click.echo(f"newsletter: warning: {error}", err=True)
    for guess in gathered.guesses:
        click.echo(f"newsletter: warning: {guess}", err=True)
    if as_json:
        stories = [_as_json(story) for story in gathered.stories]
        proposed = {"pull_request": pull_request} if pull_request else {}
        click.echo(json.dumps({"path": path, "stories": stories, **proposed}, ensure_ascii=False, indent=2))
    else:
        click.echo(pull_request or path)
    count = len(gathered.stories)
    left = left_out(gathered)
    words = f"{count} {'story' if count == 1 else 'stories'}" + (f"; left out: {left}" if left != "no stories" else "")
    click.echo(f"{words}\nRewrite it, then: newsletter check {slug}", err=True)


def _as_json(story: Story) -> dict[str, object]:
    published = story.published.isoformat() if story.published else None
    return {"title": story.title, "url": story.url, "source": story.source, "published": published}
