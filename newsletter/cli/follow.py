"""Following a campaign until it ends: live on a terminal, a line per change elsewhere.

Asks the database again and again and changes nothing; whoever sends is another process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import click

from newsletter.campaigns import counts, reports
from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.status import CampaignStatus, campaign_status
from newsletter.database.connection import Database

LIVE, LINES = 0.2, 1.0
"""Seconds between two looks: for eyes, and for a log."""


def follow(database: Database, campaign_id: int, *, as_json: bool) -> CampaignStatus:
    """Show every change until it is sent, paused or cancelled; the last look."""
    if as_json or not sys.stdout.isatty():
        return _lines(database, campaign_id, as_json=as_json)
    return _live(database, campaign_id)


def _looks(database: Database, campaign_id: int, seconds: float) -> Iterator[CampaignStatus]:
    while True:
        found = campaign_status(database, campaign_id)
        yield found
        if found.is_last:
            return
        time.sleep(seconds)


def _lines(database: Database, campaign_id: int, *, as_json: bool) -> CampaignStatus:
    """A line when anything has changed."""
    said = ""
    for found in _looks(database, campaign_id, LINES):
        told = counts.status(found.campaign, found.deliveries)
        line = json.dumps(told) if as_json else f"{found.campaign.state}   {reports.tally(found.deliveries)}"
        if line != said:
            is_going = found.campaign.state is CampaignState.SENDING
            pace = reports.remaining(found.deliveries, found.pace, found.rest) if is_going else ""
            click.echo(line if as_json or not pace else f"{line}   {pace}")
        said = line
    return found


def _live(database: Database, campaign_id: int) -> CampaignStatus:
    from rich.live import Live  # rich: only where there is a terminal to draw on
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        for found in _looks(database, campaign_id, LIVE):
            table = reports.table(found.campaign, found.deliveries, found.pace, found.rest)
            live.update(Text(table), refresh=True)
    return found
