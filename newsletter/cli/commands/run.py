"""`newsletter run`: run the scheduler and the senders, as a service or once."""

from __future__ import annotations

import sys

import click

from newsletter.cli.run_log import RunnerLog
from newsletter.cli.session import Session
from newsletter.outbound.sender import WebhookSender
from newsletter.publishing.runners import make_runner

DRAIN = 30.0
"""Seconds, at most, that `--once` waits for outbound webhooks; what is left waits for the next run."""


@click.command()
@click.option("--once", is_flag=True, help="Do what is due, then exit: for cron and CI jobs")
@click.pass_obj
def command(session: Session, once: bool) -> None:
    """Send what is scheduled, when it is due.

    Runs until it is stopped. Ctrl-C or SIGTERM let calls to the provider finish, within 10 seconds; a
    second Ctrl-C stops at once. Killed at any moment it loses nothing: start it again.

    One process sends from a SQLite database; a second one exits and names the first. On PostgreSQL any
    number may run: one leads, another takes over within 10 seconds. Workers (`newsletter worker`) send
    what it starts; while none lives it sends itself.

    \b
    With --once it exits 0 when all that was due is sent, or as much as a quota allows, 3 when some
    deliveries are unknown, 4 when a provider stopped a campaign, 1 when one was held or interrupted,
    today's issue is missing or too late, or another process is sending, 2 when a setting is wrong.

    \b
    Examples:
        newsletter run
        newsletter run --once
    """
    log = RunnerLog(session.publication.config.publication.timezone)
    runner = make_runner(session.publication, session.database, log)
    webhooks = WebhookSender(session.publication, session.database, log.say)
    waiting = f"Waiting for what is scheduled; stop with Ctrl-C. Database: {session.database.name}"
    with webhooks:
        runner.run(once=once, greeting="" if once else waiting)
        if once:
            webhooks.drain(DRAIN)
    if once:
        sys.exit(log.exit_code)
