"""Follow a campaign until it ends: live on a terminal, and as a line per change elsewhere.

Following reads the database again and again and changes nothing; another process does the sending.
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
from newsletter.printable import printable

LIVE, LINES = 0.2, 1.0
"""Seconds between two readings of the database: for the live table, and for lines."""


def follow(database: Database, campaign_id: int, *, as_json: bool) -> CampaignStatus:
    """Print every change until the campaign is sent, paused or cancelled, and return its last status."""
    if as_json or not sys.stdout.isatty():
        return _print_lines(database, campaign_id, as_json=as_json)
    return _show_live(database, campaign_id)


def _statuses(database: Database, campaign_id: int, seconds: float) -> Iterator[CampaignStatus]:
    while True:
        status = campaign_status(database, campaign_id)
        yield status
        if status.is_last:
            return
        time.sleep(seconds)


def _print_lines(database: Database, campaign_id: int, *, as_json: bool) -> CampaignStatus:
    printed = ""
    for status in _statuses(database, campaign_id, LINES):
        figures = counts.status(status.campaign, status.deliveries)
        line = json.dumps(figures) if as_json else f"{status.campaign.state}   {reports.tally(status.deliveries)}"
        if line != printed:
            is_sending = status.campaign.state is CampaignState.SENDING
            pace = reports.remaining(status.deliveries, status.pace, status.rest) if is_sending else ""
            click.echo(line if as_json or not pace else f"{line}   {pace}")
        printed = line
    return status


def _show_live(database: Database, campaign_id: int) -> CampaignStatus:
    from rich.live import Live  # rich is imported only where there is a terminal to draw on
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        for status in _statuses(database, campaign_id, LIVE):
            table = reports.table(status.campaign, status.deliveries, status.pace, status.rest)
            live.update(Text(printable(table)), refresh=True)
    return status
