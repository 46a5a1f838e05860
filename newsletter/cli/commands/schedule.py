"""`newsletter schedule`: send an issue to a list's readers at a time."""

from __future__ import annotations

import json
from datetime import datetime

import click

from newsletter.campaigns import counts, reports
from newsletter.campaigns.campaign import Campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.schedule import Timing, until, wall_clock
from newsletter.cli.doctor_warning import warn_of_last_doctor
from newsletter.cli.options import audience_options, json_option, priority_option
from newsletter.cli.session import Session
from newsletter.cli.terminal import ask
from newsletter.publication import sending
from newsletter.publishing import heartbeat
from newsletter.publishing.plan import Plan, make_plan, schedule_plan
from newsletter.publishing.priorities import prioritise
from newsletter.times import Moment, utc_now

NO_RUNNER = (
    "no `newsletter run` was seen in the last minute, so nothing would send it.\n"
    "  Start one, and leave it running: newsletter run (with the readers' pages: newsletter serve --with-sender)"
)
"""The warning about a schedule that no process keeps."""


@click.command()
@click.argument("issue")
@click.option(
    "--at",
    metavar="TIME",
    help='As 2026-11-24 07:00, "tomorrow 7am", 15:34, "in 20 minutes"; then a zone or `local`  [default: send_at]',
)
@audience_options
@priority_option
@json_option()
@click.pass_obj
def command(
    session: Session,
    issue: str,
    at: str | None,
    list_name: str | None,
    segment: str | None,
    readers_of: str | None,
    yes: bool,
    allow: str | None,
    priority: str | None,
    as_json: bool,
) -> None:
    """Schedule an issue to be sent at a time.

    `newsletter run` sends it then. Its text is frozen now; schedule it again to change the time, or to
    take later changes of the file. A time is in the publication's zone, unless a zone follows it; `local`
    is each reader's own zone. A time that clocks skip is the moment they skip to; of a time that they
    show twice, the first counts.

    \b
    Examples:
        newsletter schedule chip-rules --at "2026-11-24 07:00"
        newsletter schedule chip-rules --at "tomorrow 7am"
        newsletter schedule chip-rules --at "2026-11-24 07:00 Europe/Berlin" --yes
        newsletter schedule chip-rules --at "2026-11-24 07:00 local"
    """
    now = utc_now()
    plan = make_plan(
        session.publication, session.database, issue, list_name=list_name, segment=segment, readers_of=readers_of
    )
    for warning in plan.built.warnings:
        click.echo(f"newsletter: warning: {warning}", err=True)
    warn_of_last_doctor(session.publication)
    moment = _moment(session, plan, at, now)
    plan, when = sending.require_schedulable(session.publication, session.database, plan, moment, allow, now)
    ask(_question(session, plan, when, now), yes=yes)
    campaign = schedule_plan(session.publication, session.database, plan, moment, utc_now())
    prioritise(session.database, campaign.id, priority)
    _print_result(session, campaign, when, as_json)


def _moment(session: Session, plan: Plan, at: str | None, now: datetime) -> Moment:
    """Return the time of `--at`, else the issue's `send_at`. Raises ConfigError when there is neither."""
    try:
        return sending.time_of(session.publication, plan, at, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--at") from error


def _question(session: Session, plan: Plan, when: Timing, now: datetime) -> str:
    time = f"{when.wall:%Y-%m-%d %H:%M} by each reader's own clock, from " if when.wall else ""
    start = f"{time}{wall_clock(session.publication, when.start)} ({until(when.start, now)})"
    return f'Send "{plan.own_subject}" to {plan.audience} through {plan.provider.name} at {start}?'


def _print_result(session: Session, campaign: Campaign, when: Timing, as_json: bool) -> None:
    with session.database.read() as connection:
        counted = delivery_counts(connection, campaign.id)
        has_runner = heartbeat.is_runner_alive(connection, utc_now())
    start, now = wall_clock(session.publication, when.start), utc_now()
    is_past = when.wall is None and when.start <= now
    start_text = f"was due {start}: it starts at once" if is_past else f"starts at {start}"
    left = "" if is_past else f" That is {until(when.start, now)}."
    click.echo(f"Campaign {campaign.id} {start_text}.{left}", err=True)
    if when.wall:
        waves = f"{len(when.waves):,} wave{'' if len(when.waves) == 1 else 's'}"
        click.echo(f"{waves}; the last at {wall_clock(session.publication, max(when.waves))}.", err=True)
    if late := when.late(utc_now()):
        click.echo(f"For {reports.readers(late)} that time has gone by; they get it when it starts.", err=True)
    if not has_runner:
        click.echo(f"newsletter: warning: {NO_RUNNER}", err=True)
    if as_json:
        click.echo(json.dumps(counts.status(campaign, counted)))
