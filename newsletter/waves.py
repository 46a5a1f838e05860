"""Waves: the readers of a `local` campaign by their own clocks.

Reads the readers' time zones and writes nothing; what a time means in a zone is `zones`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, select

from newsletter import segments
from newsletter.config import Publication
from newsletter.database.tables import subscriber
from newsletter.times import first_moment, zone_or

MOST_ASKED = 10_000
"""Readers in one question; SQLite takes 32,766 values in one statement."""


def moments(
    connection: Connection, publication: Publication, wall: datetime, ids: Sequence[int]
) -> Mapping[int, datetime]:
    """When clocks show `wall` (naive) where each of these readers is, UTC.

    Who named no zone, or one that there is not, lives by the publication's.
    """
    in_zone = cache(lambda name: _moment(publication, wall, name))
    found = dict.fromkeys(ids, in_zone(""))
    for start in range(0, len(ids), MOST_ASKED):
        named = select(subscriber.c.id, subscriber.c.timezone).where(
            subscriber.c.id.in_(ids[start : start + MOST_ASKED]), subscriber.c.timezone != ""
        )
        found.update({id: in_zone(zone) for id, zone in connection.execute(named)})
    return found


def sizes(
    connection: Connection, publication: Publication, wall: datetime, list_name: str, segment: str, now: datetime
) -> dict[datetime, int]:
    """How many of the audience are due at each moment, the first moment first."""
    found: dict[datetime, int] = {}
    for zone, number in segments.by_zone(connection, publication, list_name, segment, now=now).items():
        due = _moment(publication, wall, zone)
        found[due] = found.get(due, 0) + number
    return dict(sorted(found.items()))


def _moment(publication: Publication, wall: datetime, zone: str) -> datetime:
    return first_moment(wall, zone_or(zone, publication.config.publication.timezone))
