"""`newsletter test`: an issue to a few addresses, marked as a test."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

import click

from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.errors import NewsletterError
from newsletter.issues.issue import find_issue
from newsletter.providers.base import Outcome
from newsletter.publishing.test_send import TestResult, read_addresses, send_test
from newsletter.rendering.build import build_issue
from newsletter.times import utc_now


def _addresses(_ctx: click.Context, _option: click.Parameter, value: Iterable[str]) -> list[str]:
    try:
        return read_addresses(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("issue")
@click.argument("more", nargs=-1, metavar="[ADDRESS]...", callback=_addresses)
@click.option("--to", "to", metavar="ADDRESS", multiple=True, required=True, callback=_addresses, help="Who gets it")
@json_option("the outcome for each address")
@click.pass_obj
def command(session: Session, issue: str, more: list[str], to: list[str], as_json: bool) -> None:
    """Send a marked test of an issue to a few addresses.

    The subject begins with [TEST] and ends with the time, so that mail programs keep tests apart.
    Readers are addressed as themselves, others as a reader without a name.
    No campaign is made, and nobody counts as having the issue.

    \b
    Examples:
        newsletter test chip-rules --to me@example.com
        newsletter test chip-rules --to me@example.com you@example.com
    """
    built = build_issue(session.publication, find_issue(session.publication, issue))
    tested = send_test(session.publication, session.database, built, list(dict.fromkeys([*to, *more])), utc_now())
    if as_json:
        click.echo(json.dumps([one.as_json() for one in tested]))
    else:
        for one in tested:
            click.echo(f"{one.email}: {one.result.outcome}{': ' + one.result.reason if one.result.reason else ''}")
    _leave(tested)


def _leave(tested: Sequence[TestResult]) -> None:
    """Exit 3 when only the unknown are left. Raises NewsletterError when somebody did not get it."""
    failed = [one for one in tested if one.result.outcome in (Outcome.REJECTED, Outcome.BUSY)]
    if failed:
        reason = failed[0].result.reason
        raise NewsletterError(f"the test did not go to {len(failed)} of {len(tested)} addresses: {reason}")
    if any(one.result.outcome is Outcome.UNKNOWN for one in tested):
        sys.exit(3)
