"""`newsletter push`: hand an issue over to the server that sends it."""

from __future__ import annotations

import json
from typing import Any

import click

from newsletter.checks.gate import gate
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.config import Publication
from newsletter.errors import ConfigError
from newsletter.issues.issue import find_issue
from newsletter.publishing.push import Mode
from newsletter.remote.bundle import bundle
from newsletter.remote.client import RemoteServer, remote_server
from newsletter.rendering.build import build_issue


@click.command()
@click.argument("issues", nargs=-1, required=True, metavar="ISSUE...")
@click.option("--draft", "mode", flag_value="draft", default=True, help="Leave it there as a draft  [default]")
@click.option("--schedule", "mode", flag_value="schedule", help="Send it at its send_at, else at [schedule] daily")
@click.option("--send", "mode", flag_value="send", help="Send it as soon as [publish] lets it")
@click.option("--dry-run", is_flag=True, help="Let the server check everything and change nothing")
@click.option("--allow", metavar="RULES", help="Accept these errors of check: NL401,NL3")
@json_option("what became of each")
@click.pass_obj
def command(
    session: Session, issues: tuple[str, ...], mode: Mode, dry_run: bool, allow: str | None, as_json: bool
) -> None:
    """Hand issues over to the server of [remote], which holds the readers and sends them.

    The issue is built and checked here, and verified and checked again there. Safe to run again, from anywhere: the
    same text is the same campaign, and nobody gets it twice. Another text replaces that of a draft or of a campaign
    that waits for its time; of an issue that was sent it is refused. Nothing here needs a reader or a provider.

    \b
    Exits 0 when the server has every issue, 1 when one was refused, 2 when a setting or the key is wrong.

    \b
    Examples:
        newsletter push chip-rules
        newsletter push chip-rules --schedule
        newsletter push issues/2025-01-17-chip-rules.md --send --dry-run
    """
    server = remote_server(session.publication)
    paths = [find_issue(session.publication, issue) for issue in issues]
    answers = [_push(session.publication, server, str(path), mode, dry_run, allow) for path in paths]
    if as_json:
        click.echo(json.dumps(answers, ensure_ascii=False, indent=2))
    for answer in answers if not as_json else ():
        click.echo(f"{answer['issue']}: {answer['sentence']}" + (" (nothing was changed)" if dry_run else ""))


def _push(
    publication: Publication, server: RemoteServer, issue: str, mode: Mode, dry_run: bool, allow: str | None
) -> dict[str, Any]:
    built = build_issue(publication, find_issue(publication, issue))
    if built.issue.kind == "welcome":
        raise ConfigError(f"{built.issue.path.name} is a welcome", hint="Put it into the server's issues/.")
    gate(publication, built, allow)
    rules = [rule.strip() for rule in (allow or "").split(",") if rule.strip()]
    return server.post("/pushes", bundle(publication, built, mode=mode, allow=rules, dry_run=dry_run))
