"""The publication at a glance: readers, growth, the last campaigns side by side, mailbox providers."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection

from newsletter.config import PublicationSettings
from newsletter.figures import mailboxes
from newsletter.figures.campaigns import MOST_CAMPAIGNS, campaign_figures, count_started
from newsletter.figures.readers import growth, readers, weeks
from newsletter.figures.types import Overview

DAYS = 30
"""The days of growth that are shown unless a user asks for others."""

__all__ = ["DAYS", "growth", "overview", "weeks"]


def overview(
    connection: Connection,
    publication: PublicationSettings,
    *,
    now: datetime,
    days: int = DAYS,
    most: int | None = MOST_CAMPAIGNS,
    only_recent: bool = False,
) -> Overview:
    """Return the figures of the publication, of `most` campaigns (None: of all).

    `only_recent` leaves out campaigns from before those days.
    """
    first = now.astimezone(UTC).date() - timedelta(days=days - 1)
    since = datetime.combine(first, time(), UTC) if only_recent else None
    campaigns = campaign_figures(connection, publication, most=most, since=since)
    return Overview(
        readers=readers(connection),
        growth=growth(connection, now=now, days=days),
        campaigns=campaigns,
        older=count_started(connection, since) - len(campaigns),
        domains=mailboxes.of_publication(connection, [row.campaign for row in campaigns]),
    )
