"""Figures of campaigns: a row for each that has started, and one of them in detail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from newsletter.campaigns import tracking
from newsletter.campaigns.campaign import frozen_message
from newsletter.campaigns.events import EventKind
from newsletter.config import PublicationSettings
from newsletter.counters import table
from newsletter.counters.events import BY_HOUR
from newsletter.database.tables import campaign
from newsletter.errors import NewsletterError
from newsletter.figures.mailboxes import of_campaigns
from newsletter.figures.types import CampaignDetails, CampaignFigures, HourFigures, LinkFigures
from newsletter.providers import reports_deliveries
from newsletter.signed_links import Links
from newsletter.times import stamp

MOST_CAMPAIGNS = 200
"""The campaigns that are listed, the newest, unless a caller wants others."""
_COLUMNS = tuple(
    campaign.c[name]
    for name in ("id", "issue", "subject", "list", "segment", "state", "provider", "tracking", "started_at")
)
_TWICE = (EventKind.OPENED, EventKind.CLICKED)
"""The kinds of which it says something how often they happened."""
_KINDS = (
    table.AUDIENCE,
    table.ACCEPTED,
    *(str(kind) for kind in EventKind),
    *(table.times(kind) for kind in _TWICE),
    *(table.machines(kind) for kind in _TWICE),
)


def campaign_figures(
    connection: Connection,
    publication: PublicationSettings,
    *,
    most: int | None = MOST_CAMPAIGNS,
    since: datetime | None = None,
) -> tuple[CampaignFigures, ...]:
    """Return a row for each campaign that has started (since then, if given), the newest first, at most `most`."""
    rows = _started(select(*_COLUMNS), since)
    newest = rows.order_by(campaign.c.started_at.desc(), campaign.c.id.desc()).limit(most)
    return _figures(connection, publication, connection.execute(newest).all())


def count_started(connection: Connection, since: datetime | None = None) -> int:
    """Return how many campaigns have started (since then, if given)."""
    return int(connection.execute(_started(select(func.count()).select_from(campaign), since)).scalar_one())


def _started(rows: Select[Any], since: datetime | None) -> Select[Any]:
    started = rows.where(campaign.c.started_at.is_not(None), campaign.c.state != "draft")
    return started if since is None else started.where(campaign.c.started_at >= stamp(since))


def campaign_details(connection: Connection, publication: PublicationSettings, campaign_id: int) -> CampaignDetails:
    """Return everything that is counted about one campaign. Raises NewsletterError when it has not started."""
    row = connection.execute(select(*_COLUMNS).where(campaign.c.id == campaign_id)).one_or_none()
    if row is None or row.started_at is None:
        hint = "There are figures once it has; see it with `newsletter campaigns`."
        raise NewsletterError(f"campaign {campaign_id} has not started", hint=hint)
    bounces = table.parts(connection, table.BOUNCES, campaign_id)
    return CampaignDetails(
        row=_figures(connection, publication, [row])[0],
        links=_links(connection, publication, campaign_id),
        hours=_hours(connection, campaign_id),
        bounces=dict(sorted(bounces.items(), key=lambda kind: (-kind[1], kind[0]))),
        domains=of_campaigns(connection, [campaign_id]),
    )


def _figures(
    connection: Connection, publication: PublicationSettings, rows: Sequence[Row[Any]]
) -> tuple[CampaignFigures, ...]:
    numbers = table.whole(connection, _KINDS, [row.id for row in rows]) if rows else {}
    reports = {name: reports_deliveries(publication, name) for name in {row.provider for row in rows}}
    return tuple(
        _row(row, {kind: numbers.get((kind, row.id), 0) for kind in _KINDS}, reports=reports[row.provider])
        for row in rows
    )


def _row(row: Row[Any], numbers: dict[str, int], *, reports: bool) -> CampaignFigures:
    return CampaignFigures(
        campaign=row.id,
        issue=row.issue,
        subject=row.subject,
        list=row.list,
        segment=row.segment,
        state=row.state,
        tracking=row.tracking,
        sent_at=row.started_at,
        audience=numbers[table.AUDIENCE],
        accepted=numbers[table.ACCEPTED],
        **{str(kind): numbers[kind] for kind in EventKind},
        deliveries_reported=reports or numbers[EventKind.DELIVERED] > 0,
        opens=numbers[table.times(EventKind.OPENED)],
        clicks=numbers[table.times(EventKind.CLICKED)],
        machine_opens=numbers[table.machines(EventKind.OPENED)],
        machine_clicks=numbers[table.machines(EventKind.CLICKED)],
    )


def _links(connection: Connection, publication: PublicationSettings, campaign_id: int) -> tuple[LinkFigures, ...]:
    """Return the links of the issue in its order: those that are tracked, and any that a provider reports."""
    message = frozen_message(connection, campaign_id)
    tracked = tracking.targets(message, Links(publication))
    kinds = (table.LINK_CLICKS, table.LINK_READERS, table.LINK_MACHINES)
    clicks, people, machines = (table.parts(connection, kind, campaign_id) for kind in kinds)
    followed = {int(number) for number in (*clicks, *machines) if int(number) < len(message.links)}
    return tuple(
        LinkFigures(
            number=number,
            url=message.links[number],
            clicks=clicks.get(str(number), 0),
            readers=people.get(str(number), 0),
            machine_clicks=machines.get(str(number), 0),
        )
        for number in sorted(tracked.keys() | followed)
    )


def _hours(connection: Connection, campaign_id: int) -> tuple[HourFigures, ...]:
    by_kind = {kind: table.parts(connection, table.by_hour(kind), campaign_id) for kind in BY_HOUR}
    last = max((int(hour) for hours in by_kind.values() for hour in hours), default=-1)
    return tuple(
        HourFigures(hour=hour, **{kind: hours.get(f"{hour:03}", 0) for kind, hours in by_kind.items()})
        for hour in range(last + 1)
    )
