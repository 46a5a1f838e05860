"""`newsletter doctor`: find out what would keep mail from arriving."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from newsletter.addresses import parse_address
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.cli.terminal import ProgressBar, counted
from newsletter.config import PublicationSettings
from newsletter.doctor.dns import dns_client
from newsletter.doctor.finding import CheckResult, CheckState, has_failed
from newsletter.doctor.last_run import remember
from newsletter.doctor.received import MOST_BYTES, received_results
from newsletter.doctor.run import examine, nothing_but
from newsletter.doctor.settings import wrong_file
from newsletter.errors import ConfigError, NewsletterError
from newsletter.printable import one_line
from newsletter.times import utc_now


def _address(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str:
    try:
        return parse_address(value) if value else ""
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option("--offline", is_flag=True, help="Ask nobody: look at this machine only")
@click.option("--probe", metavar="ADDRESS", callback=_address, help="Send one marked message there as well")
@click.option(
    "--read",
    "file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Judge a copy that arrived, saved as .eml, instead; `-` is standard input",
)
@json_option("the result of every check")
@click.pass_obj
def command(session: Session, offline: bool, probe: str, file: str | None, as_json: bool) -> None:
    """Find out what would keep mail from arriving, and what to do about it.

    Looks at the settings, the secrets, the database, the provider's account, the sender's domain in DNS
    (SPF, DKIM, DMARC), the readers' pages and the webhooks. Changes nothing, and asks only your own
    provider, name server and site. Ends within a minute, whatever does not answer.

    \b
    Exits 1 when a check failed. `send` and `schedule` remind you of it.

    \b
    Examples:
        newsletter doctor
        newsletter doctor --offline
        newsletter doctor --probe you@example.com
        newsletter doctor --read message.eml
    """
    if offline and probe:
        raise click.UsageError("--probe sends a message, which --offline forbids.")
    if file and probe:
        raise click.UsageError("Send the probe first; --read judges the copy that arrived.")
    results = _read(session, file, is_offline=offline) if file else _examine(session, probe, is_offline=offline)
    _print(results, as_json=as_json)
    sys.exit(1 if has_failed(results) else 0)


def _examine(session: Session, probe_to: str, *, is_offline: bool) -> list[CheckResult]:
    try:
        publication = session.publication
    except ConfigError as error:
        return nothing_but(wrong_file(error))
    with ProgressBar(counts_time_left=False) as bar:
        results = examine(publication, is_offline=is_offline, probe_to=probe_to, show=bar.show)
    _remember(publication, results, is_offline=is_offline)
    return results


def _remember(publication: PublicationSettings, results: Sequence[CheckResult], *, is_offline: bool) -> None:
    remember(
        publication,
        utc_now(),
        failed=[result.check for result in results if result.state is CheckState.FAIL and result.group != "probe"],
        skipped=[result.check for result in results if result.state is CheckState.SKIP],
        is_whole=not is_offline,
    )


def _read(session: Session, file: str, *, is_offline: bool) -> list[CheckResult]:
    """Judge a received message. Raises NewsletterError when the file is none."""
    if file == "-":
        raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        with Path(file).open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise NewsletterError(f"the message is over {MOST_BYTES >> 20} MiB", place=file, hint="Is it the right file?")
    try:
        return received_results(session.publication, raw, None if is_offline else dns_client())
    except ModuleNotFoundError as error:
        hint = "Install it: pip install '.[doctor]'"
        raise ConfigError(f"reading a copy needs {error.name}, which is not installed", hint=hint) from error


def _print(results: Sequence[CheckResult], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([result.as_json() for result in results]))
    else:
        _print_groups(results)
    number = Counter(result.state for result in results)
    words = f"{number[CheckState.PASS]} passed, {counted(number[CheckState.WARN], 'warning')}, "
    click.echo(f"{words}{number[CheckState.FAIL]} failed, {number[CheckState.SKIP]} skipped.", err=True)


def _print_groups(results: Sequence[CheckResult]) -> None:
    group = ""
    for result in results:
        if result.group != group:
            click.echo(("\n" if group else "") + result.group)
            group = result.group
        click.echo(f"  {result.state}  {one_line(result.message)}")
        if result.fix:
            click.echo(f"        -> {one_line(result.fix)}")
