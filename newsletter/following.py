"""Following a campaign until it ends: live on a terminal, a line per change elsewhere.

Asks the database again and again and changes nothing; whoever sends is another process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import click

from newsletter import accounts, campaigns, reports
from newsletter.campaigns import ENDED, Campaign, State
from newsletter.clock import utc_now
from newsletter.database import Database

LIVE, LINES = 0.2, 1.0
"""Seconds between two looks: for eyes, and for a log."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How far it is."""

    campaign: Campaign
    deliveries: dict[str, int]
    pace: float
    is_in_the_air: bool
    """A call is under way."""

    @property
    def is_last(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.campaign.state in (*ENDED, State.PAUSED) and not self.is_in_the_air


def look(database: Database, campaign_id: int) -> Look:
    """How far it is now."""
    with database.read() as connection:
        campaign = campaigns.get(connection, campaign_id)
        counted = accounts.counts(connection, campaign_id)
        return Look(
            campaign=campaign,
            deliveries=counted,
            pace=accounts.pace(connection, campaign, utc_now()),
            is_in_the_air=accounts.is_in_the_air(connection, campaign_id, utc_now()),
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
        told = accounts.status(found.campaign, found.deliveries)
        line = json.dumps(told) if as_json else f"{found.campaign.state}   {reports.tally(found.deliveries)}"
        if line != said:
            pace = reports.remaining(found.deliveries, found.pace) if found.campaign.state is State.SENDING else ""
            click.echo(line if as_json or not pace else f"{line}   {pace}")
        said = line
    return found


def _live(database: Database, campaign_id: int) -> Look:
    from rich.live import Live  # rich: only where there is a terminal to draw on
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        for found in _looks(database, campaign_id, LIVE):
            live.update(Text(reports.table(found.campaign, found.deliveries, found.pace)), refresh=True)
    return found
