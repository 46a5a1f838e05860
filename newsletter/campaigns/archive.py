"""The archive: the issues that everybody may see, and their pages as they were approved, or amended since.

An issue is in it from the moment that a campaign of it starts, unless its author keeps it off the web
(`archive: false`). Reads the campaign table, never an issue's file; only this module writes `archive_change`, whose
rows are never changed: the newest of an issue counts.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select

from newsletter.campaigns.campaign import frozen_page
from newsletter.database.tables import archive_change as table
from newsletter.database.tables import campaign
from newsletter.messages.types import About, ArchiveChange, ChangeKind, WebPage
from newsletter.times import stamp


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
    """The issue as it was approved, or as it was amended last."""
    changes: tuple[ArchiveChange, ...] = ()
    """The changes of its page, the first first."""
    amendment: int = 0
    """The row of `archive_change` that has its page; 0 when the page is the approved one."""

    @property
    def is_withdrawn(self) -> bool:
        """Tell whether its page was taken away: it has no place in lists, and its address says so."""
        return bool(self.changes) and self.changes[-1].is_withdrawal

    @property
    def updated_at(self) -> datetime:
        """The time of the last change, or of publication."""
        return max([self.published_at, *(change.at for change in self.changes)])


def entries(connection: Connection) -> list[ArchiveEntry]:
    """Return an entry for every issue of the archive, the newest day first, with those that were withdrawn."""
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
    changed = _changes(connection)
    shown = [_with_changes(entry, changed.get(entry.slug, [])) for entry in published if entry.about.archived]
    return sorted(shown, key=newest, reverse=True)


def newest(entry: ArchiveEntry) -> tuple[str, datetime, int]:
    """Return the key by which entries are sorted: the day, then the start of its campaign."""
    return entry.about.date, entry.published_at, entry.campaign_id


def started_issues(connection: Connection) -> set[str]:
    """Return the slugs of the issues of which a campaign has started."""
    return set(connection.scalars(select(campaign.c.issue).where(campaign.c.started_at.is_not(None)).distinct()))


def page(connection: Connection, entry: ArchiveEntry) -> str:
    """Return the HTML of an entry's page, as it was approved or amended."""
    if not entry.amendment:
        return frozen_page(connection, entry.campaign_id)
    packed = connection.execute(select(table.c.page).where(table.c.id == entry.amendment)).scalar_one()
    return zlib.decompress(packed).decode()


def add_change(connection: Connection, slug: str, change: ArchiveChange, page: WebPage | None) -> None:
    """Record a change of an issue's page; `page` is the new one, None for a withdrawal."""
    values: dict[str, object] = {"issue": slug, "kind": str(change.kind), "at": stamp(change.at), "note": change.note}
    if page:
        values |= {"page": zlib.compress(page.html.encode()), "about": msgspec.json.encode(page.about).decode()}
    connection.execute(insert(table).values(values))


def _changes(connection: Connection) -> dict[str, list[Row[*tuple[Any, ...]]]]:
    """Return the changes of every issue that has some, without the pages."""
    columns = (table.c.id, table.c.issue, table.c.kind, table.c.at, table.c.note, table.c.about)
    rows: dict[str, list[Row[*tuple[Any, ...]]]] = {}
    for row in connection.execute(select(*columns).order_by(table.c.id)):
        rows.setdefault(row.issue, []).append(row)
    return rows


def _with_changes(entry: ArchiveEntry, rows: Sequence[Row[*tuple[Any, ...]]]) -> ArchiveEntry:
    changes = tuple(
        ArchiveChange(kind=ChangeKind(row.kind), at=datetime.fromisoformat(row.at), note=row.note) for row in rows
    )
    amended = next((row for row in reversed(rows) if row.about), None)
    if amended is None:
        return replace(entry, changes=changes)
    about = msgspec.json.decode(amended.about, type=About)
    return replace(entry, changes=changes, about=about, amendment=amended.id)
