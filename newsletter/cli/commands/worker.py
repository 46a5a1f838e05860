"""`newsletter worker`: send batches beside other workers, on PostgreSQL."""

from __future__ import annotations

import click

from newsletter.cli.session import Session

MOST = 64
"""Calls that one worker may have under way at once."""


def _address(_ctx: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, int] | None:
    if value is None:
        return None
    host, colon, port = value.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise click.BadParameter(f'"{value}" is not an address; write 127.0.0.1:9100')
    return host.strip("[]"), int(port)


@click.command()
@click.option(
    "--concurrency",
    default=4,
    show_default=True,
    metavar="N",
    type=click.IntRange(1, MOST),
    help="Calls to a provider at once",
)
@click.option("--listen", metavar="HOST:PORT", callback=_address, help="Serve /metrics and /healthz there")
@click.pass_obj
def command(session: Session, concurrency: int, listen: tuple[str, int] | None) -> None:
    """Send batches beside other workers, on this machine and others.

    Needs PostgreSQL. `newsletter run` or `send`, on any machine, says what is to be sent; every worker has
    the same newsletter.toml, templates and secrets. Ctrl-C or SIGTERM let calls to the provider finish and
    give back what has not begun, within 10 seconds; a second one stops at once. Killed at any moment it
    loses nothing: the others go on with its batches when its leases end ([send] lease).

    \b
    Examples:
        newsletter worker
        newsletter worker --concurrency 8 --listen 127.0.0.1:9100
    """
    from newsletter.distributed.worker import SendingWorker

    def say(sentence: str) -> None:
        click.echo(sentence, err=True)

    SendingWorker(session.publication, session.database, say, concurrency).run(listen)
