"""`newsletter build`: write the email of an issue, or the archive of all issues, as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

from newsletter.cli.options import json_option
from newsletter.cli.progress import StepProgress
from newsletter.cli.session import Session
from newsletter.config import PublicationSettings
from newsletter.issues.issue import find_issue
from newsletter.rendering.build import Built
from newsletter.rendering.output_files import FILE_NAMES, summary, write_file
from newsletter.rendering.site import issues_until, refuse_folder, web_pages
from newsletter.times import utc_now


@click.command()
@click.argument("issue", nargs=-1)
@click.option("--out", metavar="DIR", default="build", help="Where the folder of each issue goes  [default: build]")
@click.option("--site", metavar="DIR", help="Write the static archive there instead: pages, feed, pictures")
@click.option("--until", metavar="DATE", help="With --site: issues up to this day  [default: today]")
@json_option("what was built")
@click.pass_obj
def command(
    session: Session, issue: tuple[str, ...], out: str, site: str | None, until: str | None, as_json: bool
) -> None:
    """Write the email of an issue to a folder.

    The same issue gives the same bytes, on every machine. Nobody is mailed, nothing is fetched.
    With --site it writes the archive, which any web host serves: every issue up to today, or those that
    are named. Files that are there already and are not of the archive stay.

    \b
    Examples:
        newsletter build chip-rules
        newsletter build issues/2025-01-17-chip-rules.md --out /tmp/mail
        newsletter build chip-rules --json
        newsletter build --site public
        newsletter build --site public --until 2025-01-17
    """
    publication = session.publication
    if site is not None:
        _build_site(publication, issue, Path(site), _day(publication, until), as_json)
        return
    _refuse(issue, until)
    built = session.opened.build(*issue, out=out)
    for each in built:
        _print_built(each, Path(out) / each.issue.slug, as_json)
    click.echo(f"Check {'it' if len(built) == 1 else 'them'} with: newsletter check {_slugs(built)}", err=True)
    if as_json:
        summaries = [summary(each) for each in built]
        click.echo(json.dumps(summaries[0] if len(summaries) == 1 else summaries, ensure_ascii=False, indent=2))


def _slugs(built: Sequence[Built]) -> str:
    return " ".join(each.issue.slug for each in built)


def _print_built(built: Built, folder: Path, as_json: bool) -> None:
    """Print the build's own warnings; the rules of `check` cost as much again and are not run."""
    for warning in built.warnings:
        click.echo(f"newsletter: warning: {warning}", err=True)
    size = len(built.message.html.encode()) / 1024
    click.echo(f"{built.issue.path.name}: {size:.1f} KB of HTML, digest {built.message.digest[:12]}", err=True)
    if not as_json:
        for name in FILE_NAMES:
            click.echo(folder / name)


def _refuse(issue: tuple[str, ...], until: str | None) -> None:
    """Raise UsageError for arguments that need --site."""
    if not issue:
        raise click.UsageError("Missing argument 'ISSUE...'. For the archive of all of them: --site DIR.")
    if until is not None:
        raise click.UsageError("--until works only with --site. Add --site DIR, or leave --until out.")


def _day(publication: PublicationSettings, until: str | None) -> date:
    if until is None:
        return utc_now().astimezone(publication.config.publication.timezone).date()
    try:
        return date.fromisoformat(until)
    except ValueError as error:
        raise click.UsageError(f'--until: "{until}" is not a date. Write it as 2025-01-17.') from error


def _build_site(
    publication: PublicationSettings, issue: tuple[str, ...], out: Path, until: date, as_json: bool
) -> None:
    """Write the archive. Every page is made before the first file is written."""
    from newsletter.web.public.static_site import site_files

    refuse_folder(publication, out)
    paths = [find_issue(publication, name) for name in issue] or issues_until(publication, until)
    with StepProgress("issues built", len(paths)) as bar:
        pages = web_pages(publication, paths, None if issue else until, bar.step)
    files = site_files(publication, pages)
    changed = sum(_put(out / name, content) for name, content in files.items())
    click.echo(
        f"{len(pages)} {'issue' if len(pages) == 1 else 'issues'}, {len(files)} files, {changed} written", err=True
    )
    result = {"site": str(out), "issues": [page.about.slug for page in pages], "files": sorted(files)}
    click.echo(json.dumps(result, ensure_ascii=False, indent=2) if as_json else out / "index.html")


def _put(path: Path, content: bytes) -> bool:
    """Write a file unless it holds these bytes already; tell whether it was written."""
    if path.is_file() and path.read_bytes() == content:
        return False
    write_file(path, content)
    return True
