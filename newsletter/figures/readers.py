"""Figures of the readers: how many there are by standing, and how the list grows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection, func, select

from newsletter.counters import table
from newsletter.counters.readers import ACTIVE, PENDING, SUPPRESSED, UNSUBSCRIBED
from newsletter.database.tables import suppression
from newsletter.figures.types import GrowthFigures, ReaderFigures


def readers(connection: Connection) -> ReaderFigures:
    """Return the readers by standing, and the suppressed addresses by reason."""
    by_standing = table.parts(connection, table.READERS)
    inactive = max(table.parts(connection, table.INACTIVE, zero=True).items(), default=("", None))
    counted_on, _, counted_for = inactive[0].partition(" ")
    return ReaderFigures(
        active=by_standing.get(ACTIVE, 0),
        pending=by_standing.get(PENDING, 0),
        unsubscribed=by_standing.get(UNSUBSCRIBED, 0),
        suppressed=by_standing.get(SUPPRESSED, 0),
        inactive=inactive[1],
        inactive_for=counted_for,
        inactive_at=counted_on,
        suppressions=_suppressions(connection),
    )


def growth(connection: Connection, *, now: datetime, days: int) -> tuple[GrowthFigures, ...]:
    """Return a row for each of the last `days` days (UTC), today's last."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    joined = table.parts(connection, table.JOINED, since=first.isoformat())
    left = table.parts(connection, table.LEFT, since=first.isoformat())
    active = table.parts(connection, table.READERS).get(ACTIVE, 0)
    # Changes after today: the clock was set back, or another machine's is ahead.
    later = [day for day in joined.keys() | left.keys() if day > today.isoformat()]
    active -= sum(joined.get(day, 0) - left.get(day, 0) for day in later)
    rows = []
    for back in range(days):
        day = (today - timedelta(days=back)).isoformat()
        row = GrowthFigures(day=day, joined=joined.get(day, 0), left=left.get(day, 0), active=active)
        rows.append(row)
        active -= row.net
    return tuple(reversed(rows))


def weeks(days: Sequence[GrowthFigures]) -> tuple[GrowthFigures, ...]:
    """Add days up to weeks, which begin on Monday; the first and the last may be shorter."""
    groups = groupby(days, key=lambda day: _monday(day.day))
    return tuple(_sum(monday, list(week)) for monday, week in groups)


def _monday(day: str) -> str:
    moment = date.fromisoformat(day)
    return (moment - timedelta(days=moment.weekday())).isoformat()


def _sum(monday: str, days: Sequence[GrowthFigures]) -> GrowthFigures:
    return GrowthFigures(
        day=monday,
        joined=sum(day.joined for day in days),
        left=sum(day.left for day in days),
        active=days[-1].active,
    )


def _suppressions(connection: Connection) -> dict[str, int]:
    number = func.count()
    rows = select(suppression.c.reason, number).group_by(suppression.c.reason)
    return {reason: int(n) for reason, n in connection.execute(rows.order_by(number.desc(), suppression.c.reason))}
