"""Read the archive: the issues that everybody may see, and their pages as they were approved.

An issue is in it from the moment that a campaign of it starts, unless its author keeps it off the web
(`archive: false`). Reads the campaign table, never an issue's file; writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from newsletter.campaigns.campaign import frozen_page
from newsletter.database.tables import campaign
from newsletter.messages.types import About


@dataclass(frozen=True, kw_only=True)
class ArchiveEntry:
    """An issue of the archive."""

    slug: str
    """The issue's slug, which names the entry in web addresses."""
    campaign_id: int
    """The campaign whose page it is: the first of the issue's campaigns that started."""
    list: str
    published_at: datetime
    """When that campaign started; aware."""
    about: About


def entries(connection: Connection) -> list[ArchiveEntry]:
    """Return an entry for every issue of the archive, the newest day first."""
    columns = (campaign.c.id, campaign.c.issue, campaign.c.list, campaign.c.started_at, campaign.c.about)
    started = select(*columns).where(campaign.c.started_at.is_not(None)).order_by(campaign.c.started_at, campaign.c.id)
    first = {row.issue: row for row in reversed(connection.execute(started).all())}
    published = [
        ArchiveEntry(
            slug=row.issue,
            campaign_id=row.id,
            list=row.list,
            published_at=datetime.fromisoformat(row.started_at),
            about=msgspec.json.decode(row.about, type=About),
        )
        for row in first.values()
    ]
    shown = [entry for entry in published if entry.about.archived]
    return sorted(shown, key=lambda entry: (entry.about.date, entry.published_at, entry.campaign_id), reverse=True)


def started_issues(connection: Connection) -> set[str]:
    """Return the slugs of the issues of which a campaign has started."""
    return set(connection.scalars(select(campaign.c.issue).where(campaign.c.started_at.is_not(None)).distinct()))


def page(connection: Connection, entry: ArchiveEntry) -> str:
    """Return the HTML of an entry's page, as it was approved."""
    return frozen_page(connection, entry.campaign_id)
