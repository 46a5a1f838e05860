"""How a run of a campaign ends: told to people, and as the exit code that says the same.

Prints, for every command that sends. Decides nothing about deliveries.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta

import click

from newsletter.campaigns import counts, reports, unknown
from newsletter.campaigns.campaign import ASKED, Campaign, CampaignState
from newsletter.cli.progress import CampaignProgress
from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.errors import MOST_SHOWN, NewsletterError, ProviderStopped
from newsletter.sending.recovery import recover_if_free
from newsletter.sending.sender import Job, Sender, SendResult

DONE, FAILED, UNKNOWN_LEFT, STOPPED = 0, 1, 3, 4
"""Exit codes: everyone has it; not everyone yet; deliveries are unknown; the provider stopped it, it is paused."""


def send_and_tell(job: Job, *, as_json: bool) -> None:
    """Send with a progress bar, and tell how it ended. Raises NewsletterError when it is not finished."""
    began = time.monotonic()
    with CampaignProgress() as progress:
        ending = Sender(job, progress).run()
    tell(job.database, ending, timedelta(seconds=time.monotonic() - began), as_json=as_json)


def tell(database: Database, ending: SendResult, took: timedelta, *, as_json: bool) -> None:
    """What happened, and leave with its exit code. Raises NewsletterError when it is not finished."""
    campaign, counted = ending.campaign, ending.deliveries
    status = json.dumps(counts.status(campaign, counted))
    click.echo(status if as_json else f"{reports.tally(counted)}   {reports.duration(took)}")
    name_them(database, campaign, counted)
    _tell_decisions(database, campaign)
    if campaign.state is CampaignState.PAUSED:
        raise ProviderStopped(
            f"campaign {campaign.id} is paused: {campaign.reason}", hint=_what_happened(campaign, counted)
        )
    if campaign.state is CampaignState.SENDING:
        left = reports.readers(counted["queued"]) if campaign.enqueued else "the others"
        hint = f"Go on with: {reports.send_command(campaign)}"
        raise NewsletterError(f"stopped; {left} did not get it yet", hint=hint)
    click.echo(f"See it with: newsletter status {campaign.id}", err=True)
    if counted["unknown"]:
        click.echo(f"Ask about the unknown with: newsletter reconcile {campaign.id}", err=True)
    sys.exit(exit_code(campaign, counted))


def name_them(database: Database, campaign: Campaign, counted: dict[str, int]) -> None:
    """The first of those who did not get it, or may not have, with the reason; on stderr."""
    with database.read() as connection:
        for state in ("rejected", "unknown"):
            if counted[state]:
                named = counts.named(connection, campaign.id, state, MOST_SHOWN)
                click.echo(reports.named(named, counted[state], state), err=True)


def _tell_decisions(database: Database, campaign: Campaign) -> None:
    """On stderr, how many of its deliveries count as they do because somebody said so, not because it is known."""
    with database.read() as connection:
        taken, again = unknown.decisions(connection, campaign.id)
    if taken:
        click.echo(f"Unknown, and taken as sent: {reports.readers(taken)}.", err=True)
    if again:
        click.echo(f"Unknown, and sent again: {reports.readers(again)}, who may have it twice.", err=True)


def recover_first(publication: Publication, database: Database, campaign_id: int) -> None:
    """Before a campaign is asked about: what a killed sender left of it is taken over, and said on stderr."""
    with CampaignProgress() as progress:
        recover_if_free(database, publication, campaign_id, progress)


def tell_doubt(database: Database, campaign: Campaign, counted: dict[str, int]) -> None:
    """On stderr, what to do about those that are handed over and not answered."""
    with database.read() as connection:
        in_a_call = counts.in_a_call(connection, campaign.id)
    for sentence in reports.in_doubt(campaign, counted, in_a_call):
        click.echo(sentence, err=True)


def doubt_code(counted: dict[str, int]) -> int:
    """Whether it is known of everybody what became of their message."""
    return UNKNOWN_LEFT if counted["unknown"] or counted["handed"] else DONE


def exit_code(campaign: Campaign, counted: dict[str, int]) -> int:
    """What the state of a campaign ends a command with."""
    if campaign.state is CampaignState.PAUSED:
        return STOPPED
    if campaign.state is CampaignState.SENDING:
        return FAILED
    return doubt_code(counted)


def _what_happened(campaign: Campaign, counted: dict[str, int]) -> str:
    changed = sum(counted.values()) - counted["queued"]
    nothing = "" if counted["accepted"] or counted["unknown"] or counted["handed"] else "Nothing was sent. "
    ask = "Let it go on with" if campaign.reason == ASKED else "Put it right, then"
    return (
        f"{nothing}{changed:,} of {sum(counted.values()):,} deliveries changed.\n"
        f"  {ask}: newsletter resume {campaign.id} && {reports.send_command(campaign)}"
    )
