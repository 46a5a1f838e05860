"""Report how a run of a campaign ended: the counts, what to do next, and the exit code.

Every command that sends prints its result here. Nothing here changes a delivery.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta

import click

from newsletter.campaigns import counts, reports, resolution
from newsletter.campaigns.campaign import ASKED, Campaign, CampaignState
from newsletter.cli.progress import CampaignProgress
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import MOST_SHOWN, NewsletterError, ProviderStopped
from newsletter.sending.recovery import recover_if_free
from newsletter.sending.sender import Job, Sender, SendResult

DONE, FAILED, UNKNOWN_LEFT, STOPPED = 0, 1, 3, 4
"""Exit codes: everybody has it; not everybody has it yet; deliveries are unknown; the campaign is paused."""


def send_and_report(job: Job, *, as_json: bool) -> None:
    """Send with a progress bar, and report the result. Raises NewsletterError when sending did not finish."""
    began = time.monotonic()
    with CampaignProgress() as progress:
        result = _sender(job, progress).run()
    report_result(job.database, result, timedelta(seconds=time.monotonic() - began), as_json=as_json)


def _sender(job: Job, progress: CampaignProgress) -> Sender:
    """Return the sender for the database: one process sends from a file, several from a database server."""
    if job.database.engine.dialect.name == "sqlite":
        return Sender(job, progress)
    from newsletter.distributed.campaign_sender import SharedSender  # SQLite needs nothing of it

    return SharedSender(job, progress)


def report_result(database: Database, result: SendResult, took: timedelta, *, as_json: bool) -> None:
    """Print the counts and the next command, and exit. Raises NewsletterError when sending did not finish."""
    campaign, counted = result.campaign, result.deliveries
    status = json.dumps(counts.status(campaign, counted))
    click.echo(status if as_json else f"{reports.tally(counted)}   {reports.duration(took)}")
    print_undelivered(database, campaign, counted)
    _print_resolved(database, campaign)
    if campaign.state is CampaignState.PAUSED:
        raise ProviderStopped(
            f"campaign {campaign.id} is paused: {campaign.reason}", hint=_after_pause(campaign, counted)
        )
    if campaign.state is CampaignState.SENDING:
        left = reports.readers(counted["queued"]) if campaign.enqueued else "the others"
        hint = f"Go on with: {reports.send_command(campaign)}"
        raise NewsletterError(f"stopped; {left} did not get it yet", hint=hint)
    click.echo(f"See it with: newsletter status {campaign.id}", err=True)
    if counted["unknown"]:
        click.echo(f"Ask about the unknown with: newsletter reconcile {campaign.id}", err=True)
    sys.exit(exit_code(campaign, counted))


def print_undelivered(database: Database, campaign: Campaign, counted: dict[str, int]) -> None:
    """Print on stderr the first readers whose delivery was rejected or is unknown, with the reasons."""
    with database.read() as connection:
        for state in ("rejected", "unknown"):
            if counted[state]:
                named = counts.named(connection, campaign.id, state, MOST_SHOWN)
                click.echo(reports.named(named, counted[state], state), err=True)


def _print_resolved(database: Database, campaign: Campaign) -> None:
    """Print on stderr how many unknown deliveries a person or `on_unknown` decided about, and how."""
    with database.read() as connection:
        taken, again = resolution.count_resolved(connection, campaign.id)
    if taken:
        click.echo(f"Unknown, and taken as sent: {reports.readers(taken)}.", err=True)
    if again:
        click.echo(f"Unknown, and sent again: {reports.readers(again)}, who may have it twice.", err=True)


def recover_first(publication: PublicationSettings, database: Database, campaign_id: int) -> None:
    """Recover what a killed sender left of a campaign, unless a sender is at work; what was found goes to stderr."""
    with CampaignProgress() as progress:
        if database.engine.dialect.name == "sqlite":
            recover_if_free(database, publication, campaign_id, progress)
            return
        from newsletter.distributed.sweep import sweep_once  # SQLite needs nothing of it

        sweep_once(publication, database, progress)


def print_unsettled(database: Database, campaign: Campaign, counted: dict[str, int]) -> None:
    """Print on stderr what to do about deliveries that were handed over and have no outcome yet."""
    with database.read() as connection:
        in_a_call = counts.in_a_call(connection, campaign.id)
    for sentence in reports.about_handed(campaign, counted, in_a_call):
        click.echo(sentence, err=True)


def unsettled_code(counted: dict[str, int]) -> int:
    """Return 3 when deliveries are unknown or still handed over, else 0."""
    return UNKNOWN_LEFT if counted["unknown"] or counted["handed"] else DONE


def exit_code(campaign: Campaign, counted: dict[str, int]) -> int:
    """Return the exit code for a campaign's state and counts."""
    if campaign.state is CampaignState.PAUSED:
        return STOPPED
    if campaign.state is CampaignState.SENDING:
        return FAILED
    return unsettled_code(counted)


def _after_pause(campaign: Campaign, counted: dict[str, int]) -> str:
    changed = sum(counted.values()) - counted["queued"]
    nothing = "" if counted["accepted"] or counted["unknown"] or counted["handed"] else "Nothing was sent. "
    advice = "Let it go on with" if campaign.reason == ASKED else "Put it right, then"
    return (
        f"{nothing}{changed:,} of {sum(counted.values()):,} deliveries changed.\n"
        f"  {advice}: newsletter resume {campaign.id} && {reports.send_command(campaign)}"
    )
