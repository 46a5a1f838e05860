"""When a clock on the wall of a time zone shows a time: summer time's gaps and overlaps included.

Pure: the zone's rules are the IANA database's (`zoneinfo`), the rule for gaps and overlaps is ours and
stands in `docs/sending.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SECOND = timedelta(seconds=1)


def first_moment(wall: datetime, zone: tzinfo) -> datetime:
    """The first moment (UTC) at which clocks there show `wall` (naive), or a later time where they skip it.

    Of a time that comes twice (PEP 495's fold) it is the first; of one that is skipped, the end of the gap.
    """
    early, late = (_utc(wall, zone, fold) for fold in (1, 0))
    if late <= early or _shown(late, zone) == wall:
        return late
    while late - early > _SECOND:  # clocks change on whole seconds
        middle = early + (late - early) // 2
        early, late = (early, middle) if _shown(middle, zone) >= wall else (middle, late)
    return late.replace(microsecond=0)


def zone_or(name: str, default: tzinfo) -> tzinfo:
    """The zone a reader named; `default` when there is none, or none of that name."""
    try:
        return ZoneInfo(name) if name else default
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return default


def _utc(wall: datetime, zone: tzinfo, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
