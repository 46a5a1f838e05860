"""`newsletter push`: hand an issue over to the server that sends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from newsletter.checks.gate import gate
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.config import PublicationSettings
from newsletter.errors import ConfigError, NewsletterError
from newsletter.forge.repository import Repository
from newsletter.issues.issue import find_issue, slug_of
from newsletter.issues.summaries import is_welcome
from newsletter.publishing.push import Mode
from newsletter.remote.bundle import bundle
from newsletter.remote.client import RemoteServer, remote_server
from newsletter.remote.commit_status import CommitStatuses
from newsletter.rendering.build import build_issue


@click.command()
@click.argument("issues", nargs=-1, metavar="[ISSUE]...")
@click.option("--since", metavar="REF", help="Every issue that git says was changed since the commit REF")
@click.option("--draft", "mode", flag_value="draft", default=True, help="Leave it there as a draft  [default]")
@click.option("--schedule", "mode", flag_value="schedule", help="Send it at its send_at, else at [schedule] daily")
@click.option("--send", "mode", flag_value="send", help="Send it as soon as [publish] lets it")
@click.option("--dry-run", is_flag=True, help="Let the server check everything and change nothing")
@click.option("--allow", metavar="RULES", help="Accept these errors of check: NL401,NL3")
@click.option("--commit-status", is_flag=True, help="Show at the commit, at GitHub or GitLab, what became of each")
@json_option("what became of each")
@click.pass_obj
def command(
    session: Session,
    issues: tuple[str, ...],
    since: str | None,
    mode: Mode,
    dry_run: bool,
    allow: str | None,
    commit_status: bool,
    as_json: bool,
) -> None:
    """Hand issues over to the server of [remote], which holds the readers and sends them.

    The issue is built and checked here, and verified and checked again there. Safe to run again, from anywhere: the
    same text is the same campaign, and nobody gets it twice. Another text replaces that of a draft or of a campaign
    that waits for its time; of an issue that was sent it is refused. Nothing here needs a reader or a provider.

    With --commit-status the runner's token (GITHUB_TOKEN or GITLAB_TOKEN) shows at the commit what became of each:
    "scheduled for 07:00", "sent to 10,412", "held: ...".

    \b
    Exits 0 when the server has every issue, 1 when one was refused, 2 when a setting or the key is wrong.

    \b
    Examples:
        newsletter push chip-rules
        newsletter push chip-rules --schedule
        newsletter push issues/2025-01-17-chip-rules.md --send --dry-run
        newsletter push --since HEAD~1 --schedule --commit-status
    """
    server = remote_server(session.publication)
    paths = _chosen(session.publication, issues, since)
    statuses = CommitStatuses(session.publication.root) if commit_status else None
    answers, errors = [], []
    for path in paths:  # one that is refused keeps no other back
        try:
            answers.append(_push_and_show(session.publication, server, path, mode, dry_run, allow, statuses))
        except NewsletterError as error:
            errors.append(error)
    if as_json:
        click.echo(json.dumps(answers, ensure_ascii=False, indent=2))
    for answer in answers if not as_json else ():
        click.echo(f"{answer['issue']}: {answer['sentence']}" + (" (nothing was changed)" if dry_run else ""))
    if mode == "draft" and not dry_run and any(answer["state"] == "draft" for answer in answers):
        click.echo("A draft is sent by another push, with --send, or with --schedule for its time.", err=True)
    for refusal in errors[:-1]:
        click.echo(f"newsletter: error: {refusal}", err=True)
    if errors:
        raise errors[-1]


def _chosen(publication: PublicationSettings, issues: tuple[str, ...], since: str | None) -> list[Path]:
    """Return the files of the named issues, and of those that were changed. Raises ConfigError when none is named."""
    if not issues and since is None:
        raise ConfigError("no issue is named", hint="Name one, or all that were changed: --since REF.")
    paths = [find_issue(publication, issue) for issue in issues]
    if since is not None:
        changed = Repository(publication.root).changed_since(since, publication.issues)
        paths += [path for path in changed if path.suffix == ".md" and not is_welcome(path)]
        if not changed:
            click.echo(f"No issue was changed since {since}.", err=True)
    return list(dict.fromkeys(path.resolve() for path in paths))


def _push_and_show(
    publication: PublicationSettings,
    server: RemoteServer,
    path: Path,
    mode: Mode,
    dry_run: bool,
    allow: str | None,
    statuses: CommitStatuses | None,
) -> dict[str, Any]:
    try:
        answer = _push(publication, server, path, mode, dry_run, allow)
    except NewsletterError as error:
        if statuses:
            statuses.refused(slug_of(path), error)
        raise
    if statuses:
        statuses.pushed(answer)
    return answer


def _push(
    publication: PublicationSettings, server: RemoteServer, path: Path, mode: Mode, dry_run: bool, allow: str | None
) -> dict[str, Any]:
    built = build_issue(publication, path)
    if built.issue.kind == "welcome":
        raise ConfigError(f"{built.issue.path.name} is a welcome", hint="Put it into the server's issues/.")
    gate(publication, built, allow)
    rules = [rule.strip() for rule in (allow or "").split(",") if rule.strip()]
    return server.post("/pushes", bundle(publication, built, mode=mode, allow=rules, dry_run=dry_run))
