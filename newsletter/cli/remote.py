"""`--remote`: ask the server of `[remote]` instead of a database on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from newsletter.cli.session import Session
from newsletter.cli.terminal import counted
from newsletter.errors import NewsletterError
from newsletter.figures.meanings import NOT_REPORTED
from newsletter.issues.issue import find_issue, slug_of

Function = TypeVar("Function", bound=Callable[..., Any])


def remote_option(command: Function) -> Function:
    """Add `--remote` to a command."""
    option = click.option("--remote", is_flag=True, help="At the server of [remote]; CAMPAIGN is an issue")
    return option(command)


def remote_change(session: Session, issue: str, verb: str, *, as_json: bool = False) -> None:
    """Change the state of an issue's campaign at the server, and print what became of it. Raises NewsletterError."""
    from newsletter.remote.client import issue_path, remote_server

    _print(remote_server(session.publication).post(issue_path(_slug(session, issue), verb)), as_json)


def remote_status(session: Session, issue: str, *, as_json: bool) -> None:
    """Print what became of an issue at the server. Raises NewsletterError."""
    from newsletter.remote.client import issue_path, remote_server

    _print(remote_server(session.publication).get(issue_path(_slug(session, issue))), as_json)


def remote_figures(session: Session, issue: str, *, as_json: bool) -> None:
    """Print deliveries by state and readers by event of an issue at the server. Raises NewsletterError."""
    from newsletter.remote.client import issue_path, remote_server

    answer = remote_server(session.publication).get(issue_path(_slug(session, issue), "stats"))
    if as_json:
        return click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    click.echo(f"{answer['issue']}: {answer['state']}, {counted(answer['audience'], 'reader')}")
    for name, number in (*answer["deliveries"].items(), *answer["events"].items()):
        # A server of an older version does not say whether deliveries are reported.
        is_reported = name != "delivered" or answer.get("deliveries_reported", True)
        figure = f"{number:>10,}" if is_reported else NOT_REPORTED
        click.echo(f"{name:>14}  {figure}")


def _slug(session: Session, issue: str) -> str:
    """Return the slug of an issue's file as a user names it, else the text itself: the file may be gone."""
    try:
        return slug_of(find_issue(session.publication, issue))
    except NewsletterError:
        return slug_of(Path(issue))


def _print(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{answer['issue']}: {answer['sentence']}")
