"""The archive: which issues everybody may see, and their pages as they were approved.

An issue is in it from the moment that a campaign of it starts; what is a draft, waits or was
cancelled before is not, nor what its author keeps off the web (`archive: false`). Reads
the campaign table, never an issue's file; writes nothing.
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
    """One issue of the archive."""

    slug: str
    """The issue's, and the entry's name in addresses."""
    campaign_id: int
    """Whose page it is: of several campaigns of an issue, the first that started."""
    list: str
    published_at: datetime
    """When that one started; aware."""
    about: About


def entries(connection: Connection) -> list[ArchiveEntry]:
    """Every issue of the archive, one entry each, the newest day first."""
    columns = (campaign.c.id, campaign.c.issue, campaign.c.list, campaign.c.started_at, campaign.c.about)
    started = select(*columns).where(campaign.c.started_at.is_not(None)).order_by(campaign.c.started_at, campaign.c.id)
    first = {row.issue: row for row in reversed(connection.execute(started).all())}
    found = [
        ArchiveEntry(
            slug=row.issue,
            campaign_id=row.id,
            list=row.list,
            published_at=datetime.fromisoformat(row.started_at),
            about=msgspec.json.decode(row.about, type=About),
        )
        for row in first.values()
    ]
    shown = [entry for entry in found if entry.about.archived]
    return sorted(shown, key=lambda entry: (entry.about.date, entry.published_at, entry.campaign_id), reverse=True)


def page(connection: Connection, entry: ArchiveEntry) -> str:
    """The HTML of an entry's page, as it was approved."""
    return frozen_page(connection, entry.campaign_id)
