"""`newsletter test`: send a marked test of an issue to a few addresses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

import click

from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.errors import NewsletterError
from newsletter.issues.issue import find_issue
from newsletter.printable import one_line
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
@click.option(
    "--to",
    "to",
    metavar="ADDRESS",
    multiple=True,
    required=True,
    callback=_addresses,
    help="Address that gets it; repeatable",
)
@json_option("the outcome for each address")
@click.pass_obj
def command(session: Session, issue: str, more: list[str], to: list[str], as_json: bool) -> None:
    """Send a marked test of an issue to a few addresses.

    The subject begins with [TEST] and ends with the time, so that mail programs keep tests apart.
    Readers get their own names and fields, other addresses those of a reader without a name.
    No campaign is made, and nobody counts as having the issue.

    \b
    Examples:
        newsletter test chip-rules --to me@example.com
        newsletter test chip-rules --to me@example.com you@example.com
    """
    built = build_issue(session.publication, find_issue(session.publication, issue))
    results = send_test(session.publication, session.database, built, list(dict.fromkeys([*to, *more])), utc_now())
    if as_json:
        click.echo(json.dumps([result.as_json() for result in results]))
    else:
        for test in results:
            reason = f": {one_line(test.result.reason)}" if test.result.reason else ""
            click.echo(f"{test.email}: {test.result.outcome}{reason}")
    _exit(results)


def _exit(results: Sequence[TestResult]) -> None:
    """Exit 3 when an outcome is unknown. Raises NewsletterError when somebody did not get the test."""
    failed = [test for test in results if test.result.outcome in (Outcome.REJECTED, Outcome.BUSY)]
    if failed:
        reason = failed[0].result.reason
        raise NewsletterError(f"the test did not go to {len(failed)} of {len(results)} addresses: {reason}")
    if any(test.result.outcome is Outcome.UNKNOWN for test in results):
        sys.exit(3)
