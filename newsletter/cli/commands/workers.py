"""`newsletter workers`: list the workers that live, and what each sends."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime

import click

from newsletter.campaigns import reports
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.database.clock import database_now
from newsletter.distributed import presence
from newsletter.distributed.presence import LivingWorker
from newsletter.distributed.shared_state import is_shared
from newsletter.times import utc_now


@click.command()
@json_option("the workers")
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """List the workers that live, and what each sends at this moment.

    A worker counts as gone 10 seconds after its last sign of life. On SQLite there are none: `send` and
    `run` send themselves.

    \b
    Examples:
        newsletter workers
        newsletter workers --json
    """
    workers: list[LivingWorker] = []
    now = utc_now()
    if is_shared(session.database):
        with session.database.read() as connection:
            now = database_now(connection)
            workers = presence.living(connection, now)
    if as_json:
        click.echo(json.dumps([asdict(worker) for worker in workers]))
        return
    for worker in workers:
        click.echo(_line(worker, now))
    if not workers:
        click.echo("No worker lives.", err=True)


def _line(worker: LivingWorker, now: datetime) -> str:
    """Describe a worker: its name, how long it has lived, and what it sends."""
    age = reports.duration(now - datetime.fromisoformat(worker.since))
    sending = [f"{item['messages']:,} messages of {item['issue']}" for item in worker.sending]
    return f"{worker.name}   lives for {age}   {', '.join(sending) or 'nothing to send'}"
