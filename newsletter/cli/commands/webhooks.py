"""`newsletter webhooks`: list what other programs are still to be told, and tell it again."""

from __future__ import annotations

import json

import click

from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.errors import NewsletterError
from newsletter.outbound import queue
from newsletter.outbound.queue import OutboundMessage
from newsletter.times import utc_now


@click.group()
def command() -> None:
    """List what is still to be told to other programs, and try again what was given up.

    The addresses are in newsletter.toml, as [[webhooks]]. `newsletter run` and `newsletter serve` deliver; what an
    address does not take is tried again for 24 hours, then given up and kept here for 30 days.

    \b
    Examples:
        newsletter webhooks list
        newsletter webhooks retry
    """


@command.command(name="list", short_help="List messages that wait or were given up.")
@json_option("them")
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """List messages that wait for their delivery, or were given up, and why.

    \b
    Examples:
        newsletter webhooks list
        newsletter webhooks list --json
    """
    with session.database.read() as connection:
        messages = queue.messages(connection)
    if as_json:
        click.echo(json.dumps([message.as_json() for message in messages], indent=2))
        return
    for message in messages:
        click.echo(_line(message))
    given_up = sum(message.failed_at is not None for message in messages)
    click.echo(f"{len(messages) - given_up:,} to be delivered, {given_up:,} given up", err=True)


def _line(message: OutboundMessage) -> str:
    state = "given up" if message.failed_at else "waiting"
    tries = f"{message.attempts} {'try' if message.attempts == 1 else 'tries'}"
    problem = f": {message.problem}" if message.problem else ""
    place = f"{message.id:>6}  {state:<8}  {message.kind:<23}  {message.queued_at[:19]}Z"
    return f"{place}  {message.endpoint}  ({tries}{problem})"


@command.command(short_help="Try again what was given up.")
@click.argument("numbers", nargs=-1, type=int, metavar="[NUMBER]...")
@click.pass_obj
def retry(session: Session, numbers: tuple[int, ...]) -> None:
    """Deliver messages now: those with these NUMBERs of `webhooks list`, or all of them.

    \b
    Examples:
        newsletter webhooks retry
        newsletter webhooks retry 12 13
    """
    with session.database.begin() as connection:
        known = {message.id for message in queue.messages(connection)}
        if unknown := [str(number) for number in numbers if number not in known]:
            hint = "See the numbers with `newsletter webhooks list`."
            raise NewsletterError(f"no message has the number {', '.join(unknown)}", hint=hint)
        count = queue.try_again(connection, numbers, utc_now())
    what = "1 message is" if count == 1 else f"{count:,} messages are"
    click.echo(f"{what} due now; `newsletter run` or `newsletter serve` delivers.", err=True)
