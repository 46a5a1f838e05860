"""`newsletter events`: apply what providers reported once more."""

from __future__ import annotations

import json
from datetime import datetime

import click

from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.cli.terminal import counted
from newsletter.errors import ConfigError
from newsletter.times import parse_since, utc_now


@click.group()
def command() -> None:
    """Apply what providers reported once more, after a fix.

    \b
    Examples:
        newsletter events replay
    """


@command.command()
@click.option("--since", metavar="T", help="Only what came since then: 7d, 2025-01-17, or 2025-01-17 07:00")
@json_option("the counts")
@click.pass_obj
def replay(session: Session, since: str | None, as_json: bool) -> None:
    """Apply the kept calls of providers again; what is known already changes nothing.

    Calls are kept for `[events] keep`.

    \b
    Examples:
        newsletter events replay
        newsletter events replay --since 7d
        newsletter events replay --since "2025-01-17 07:00"
    """
    from newsletter.events.replay import replay as replay_calls

    replayed = replay_calls(session.publication, session.database, _moment(session, since))
    if as_json:
        counts = {"calls": replayed.calls, "new": replayed.new, "foreign": replayed.foreign}
        click.echo(json.dumps(counts))
    click.echo(
        f"{counted(replayed.calls, 'call')}, {counted(replayed.new, 'new event')}, "
        f"{replayed.foreign:,} of mail that is not ours",
        err=True,
    )


def _moment(session: Session, since: str | None) -> datetime | None:
    if since is None:
        return None
    try:
        return parse_since(since, session.publication.config.publication.timezone, utc_now())
    except ValueError as error:
        raise ConfigError(f"--since: {error}") from error
