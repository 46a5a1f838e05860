"""`newsletter report`: show what a change does to issues, for a pull request."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from newsletter.cli.session import Session
from newsletter.config import PublicationSettings
from newsletter.errors import ConfigError, NewsletterError
from newsletter.forge.repository import Repository
from newsletter.report.changes import Changes, find_changes
from newsletter.report.compare import ComparedIssue, compare
from newsletter.report.markdown import report_markdown
from newsletter.report.sarif import report_sarif
from newsletter.report.screenshots import Shot, find_chromium, shots_of, take
from newsletter.report.summary import report_json

FILES = {"markdown": "report.md", "sarif": "report.sarif", "json": "report.json"}


@click.command()
@click.option("--since", "ref", required=True, metavar="REF", help="The commit or branch to compare with: origin/main")
@click.option("--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
              help="Write it there, with pictures")  # fmt: skip
@click.option("--format", "format_", type=click.Choice([*FILES]), default="markdown", show_default=True,
              help="Its form")  # fmt: skip
@click.option("--pictures-url", default="", metavar="URL", help="Where DIR's pictures will be  [default: beside it]")
@click.pass_obj
def command(session: Session, ref: str, out: Path | None, format_: str, pictures_url: str) -> None:
    """Show what changed since REF: pictures, findings, size and links of each issue, before and after.

    Only issues that the change touches are built: their files, and what their pictures, templates and settings
    change. Pictures need a Chromium or Chrome on this machine, and --out; nothing is fetched. With [remote] and its
    key, the server says how many readers an issue has.

    \b
    Exits 0 when every changed issue may be sent, 1 when one has errors, 2 when REF or a setting is wrong.

    \b
    Examples:
        newsletter report --since origin/main --out report
        newsletter report --since HEAD~1 --format json
        newsletter report --since origin/main --format sarif > report.sarif
    """
    publication = session.publication
    repository = Repository(publication.root)
    changes = find_changes(publication, repository, ref)
    issues = compare(publication, repository, changes.base, changes.issues)
    shots, remarks = _pictures(issues, out)
    remarks += _left_out(changes)
    audiences = _audiences(publication, issues)
    if format_ == "sarif":
        text = report_sarif(issues)
    elif format_ == "json":
        text = report_json(issues, shots, base=changes.base, audiences=audiences, remarks=remarks)
    else:
        base = pictures_url if not pictures_url or pictures_url.endswith("/") else f"{pictures_url}/"
        text = report_markdown(issues, shots, audiences=audiences, remarks=remarks, pictures_url=base)
    _write(text, out, FILES[format_])
    sys.exit(1 if any(issue.after and issue.after.errors for issue in issues) else 0)


def _pictures(issues: Sequence[ComparedIssue], out: Path | None) -> tuple[dict[str, list[Shot]], list[str]]:
    """Take the pictures, and return them by slug, with a sentence where there are none."""
    if out is None or not issues:
        return {}, []
    chromium = find_chromium()
    if not chromium:
        return {}, ["There are no pictures: no Chromium or Chrome is on this machine."]
    _make(out)
    wanted = [(issue.slug, shot) for issue in issues for shot in shots_of(issue)]
    taken = {shot.name for shot in take(chromium, [shot for _slug, shot in wanted], out)}
    shots: dict[str, list[Shot]] = {}
    for slug, shot in wanted:
        if shot.name in taken:
            shots.setdefault(slug, []).append(shot)
    missing = len(wanted) - len(taken)
    return shots, [f"{missing} pictures could not be taken by {os.path.basename(chromium)}."] if missing else []


def _left_out(changes: Changes) -> list[str]:
    if not changes.left_out:
        return []
    return [f"{changes.left_out} more issues look different by the same change of templates or settings."]


def _audiences(publication: PublicationSettings, issues: Sequence[ComparedIssue]) -> Mapping[str, str]:
    """Return what the server says of each issue, by slug; nothing without a server, a key or an answer."""
    from newsletter.remote.client import issue_path, remote_server

    audiences = {}
    for issue in issues:
        try:
            audiences[issue.slug] = str(remote_server(publication).get(issue_path(issue.slug))["sentence"])
        except ConfigError:
            return {}
        except NewsletterError:
            continue  # the server does not know it yet
    return audiences


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot be made: {error.strerror}", place=str(folder)) from error


def _write(text: str, out: Path | None, name: str) -> None:
    if out is None:
        click.echo(text)
        return
    _make(out)
    (out / name).write_text(text + ("" if text.endswith("\n") else "\n"), encoding="utf-8")
    click.echo(str(out / name))
