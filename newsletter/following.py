"""Following a campaign until it ends: live on a terminal, a line per change elsewhere.

Asks the database again and again and changes nothing; whoever sends is another process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import click

from newsletter.campaigns import counts, deliveries, reports
from newsletter.campaigns.campaign import ENDED, Campaign, State, get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.database.connection import Database
from newsletter.times import utc_now

LIVE, LINES = 0.2, 1.0
"""Seconds between two looks: for eyes, and for a log."""
NONE = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How far it is."""

    campaign: Campaign
    deliveries: dict[str, int]
    pace: float
    rest: timedelta
    """Until anybody is due; nothing while somebody is."""
    is_in_the_air: bool
    """A call is under way."""

    @property
    def is_last(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.campaign.state in (*ENDED, State.PAUSED) and not self.is_in_the_air


def look(database: Database, campaign_id: int) -> Look:
    """How far it is now."""
    with database.read() as connection:
        campaign, now = get_campaign(connection, campaign_id), utc_now()
        due = deliveries.next_due(connection, campaign_id) if campaign.enqueued else None
        return Look(
            campaign=campaign,
            deliveries=delivery_counts(connection, campaign_id),
            pace=counts.pace(connection, campaign, now),
            rest=max(due - now, NONE) if due else NONE,
            is_in_the_air=counts.is_in_the_air(connection, campaign_id, now),
        )


def follow(database: Database, campaign_id: int, *, as_json: bool) -> Look:
    """Show every change until it is sent, paused or cancelled; the last look."""
    if as_json or not sys.stdout.isatty():
        return _lines(database, campaign_id, as_json=as_json)
    return _live(database, campaign_id)


def _looks(database: Database, campaign_id: int, seconds: float) -> Iterator[Look]:
    while True:
        found = look(database, campaign_id)
        yield found
        if found.is_last:
            return
        time.sleep(seconds)


def _lines(database: Database, campaign_id: int, *, as_json: bool) -> Look:
    """A line when anything has changed."""
    said = ""
    for found in _looks(database, campaign_id, LINES):
        told = counts.status(found.campaign, found.deliveries)
        line = json.dumps(told) if as_json else f"{found.campaign.state}   {reports.tally(found.deliveries)}"
        if line != said:
            is_going = found.campaign.state is State.SENDING
            pace = reports.remaining(found.deliveries, found.pace, found.rest) if is_going else ""
            click.echo(line if as_json or not pace else f"{line}   {pace}")
        said = line
    return found


def _live(database: Database, campaign_id: int) -> Look:
    from rich.live import Live  # rich: only where there is a terminal to draw on
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        for found in _looks(database, campaign_id, LIVE):
            table = reports.table(found.campaign, found.deliveries, found.pace, found.rest)
            live.update(Text(table), refresh=True)
    return found
