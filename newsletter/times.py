"""Durations, times of the day, moments and time zones, as users write them; and the clock.

Only `utc_now` reads the machine's clock: code that depends on the time is given a Clock. All datetimes that leave
this module are aware. The rules of time zones are the IANA database's (`zoneinfo`); the rule for the gaps and
overlaps of summer time is `first_moment`'s and stands in `docs/sending.md`.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from newsletter.errors import nearest

OFF = "off"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
"""The seconds of each unit that durations and rates are written in."""
_SECOND = timedelta(seconds=1)
_DURATION = re.compile(r"(\d{1,9})\s*([smhd])")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\s*([+-]\d\d:?\d\d|[A-Za-z][A-Za-z0-9_+/-]*))?")
_EDGE = timedelta(days=2)
"""The distance from either end of the calendar within which a time may not exist in some zone."""

Clock = Callable[[], datetime]
"""A function that returns the present time, aware."""


def utc_now() -> datetime:
    """Return the time of the machine's clock."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return an aware time as the database keeps it: `2025-01-17T12:00:00.000Z`, UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def digits(written: str) -> str:
    """Return the digits of a time that `stamp` wrote, which a link can hold without spaces and signs."""
    return "".join(filter(str.isdigit, written))


class Duration(str):
    """`30s`, `15m`, `2h`, `1d`, or `off` for none; the text as written, with its meaning.

    Raises ValueError with what is allowed.
    """

    delta: timedelta

    def __new__(cls, text: str) -> Duration:
        """Parse what a user wrote."""
        match = _DURATION.fullmatch(text.strip())
        if not match and text != OFF:
            raise ValueError(f'"{text}" is not a duration; write 30s, 15m, 2h or 1d')
        self = super().__new__(cls, text)
        self.delta = timedelta(seconds=int(match[1]) * SECONDS[match[2]]) if match else timedelta(0)
        return self


class DayTime(str):
    """`07:00`, or `off` for none; the text as written, with its meaning.

    Raises ValueError with what is allowed.
    """

    of_day: time | None

    def __new__(cls, text: str) -> DayTime:
        """Parse what a user wrote."""
        self = super().__new__(cls, text)
        try:
            self.of_day = None if text == OFF else datetime.strptime(text, "%H:%M").time()
        except ValueError as error:
            raise ValueError(f'"{text}" is not a time of the day; write 07:00') from error
        return self


class DayWindow(str):
    """`06:00-20:00`, or `off` for the whole day; over midnight as `20:00-06:00`. The text as written, with its meaning.

    Raises ValueError with what is allowed.
    """

    opens: time
    closes: time

    def __new__(cls, text: str) -> DayWindow:
        """Parse what a user wrote."""
        self = super().__new__(cls, text)
        try:
            first, last = ("00:00", "00:00") if text == OFF else text.split("-")
            self.opens, self.closes = (datetime.strptime(part.strip(), "%H:%M").time() for part in (first, last))
        except ValueError as error:
            raise ValueError(f'"{text}" is not a part of the day; write 06:00-20:00') from error
        return self

    def holds(self, moment: datetime, zone: tzinfo) -> bool:
        """Tell whether the moment is in it, by the clocks of the zone; the last minute is not."""
        now = moment.astimezone(zone).time()
        if self.opens < self.closes:
            return self.opens <= now < self.closes
        return self.opens == self.closes or now >= self.opens or now < self.closes

    def next_open(self, moment: datetime, zone: tzinfo) -> datetime:
        """Return the moment itself when it is in the window, else the next one at which the window opens (UTC)."""
        if self.holds(moment, zone):
            return moment.astimezone(UTC)
        day = moment.astimezone(zone).date()
        days = (first_moment(datetime.combine(day + timedelta(days=n), self.opens), zone) for n in range(3))
        return next(opening for opening in days if opening > moment)


def parse_zone(name: str) -> ZoneInfo:
    """Return the IANA time zone of this name. Raises ValueError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'"{name}" is not a time zone; write one as Europe/Berlin') from error


def zone_or(name: str, default: tzinfo) -> tzinfo:
    """Return the zone that a reader named, or `default` when the name is empty or no zone's."""
    try:
        return ZoneInfo(name) if name else default
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return default


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A time to send at: the wall clock, and the zone it is read in."""

    wall: datetime
    """The time on the clock, naive."""
    zone: tzinfo | None
    """None: each reader's own zone (`local`)."""

    def at(self, zone: tzinfo | None = None) -> datetime:
        """Return the moment in UTC, by the rule of `first_moment`.

        `zone` is the reader's; it is needed only when the moment is `local`.
        """
        known = self.zone or zone
        assert known is not None
        return first_moment(self.wall, known)


def parse_moment(text: str, default_zone: tzinfo) -> Moment:
    """Parse `2025-01-17 07:00`, with `:SS`, a `T`, and a zone, offset, `Z` or `local` if wanted.

    The result is a moment in UTC in every zone. Raises ValueError with what is allowed.
    """
    match = _MOMENT.fullmatch(text.strip())
    if not match:
        raise ValueError(
            f'"{text}" is not a time; write 2025-01-17 07:00, then a time zone if it is not the publication\'s'
        )
    try:
        return Moment(wall=_wall(match[1], match[2]), zone=zone_named(match[3], default_zone))
    except ValueError as error:
        raise ValueError(f'"{text}" is not a time: {error}') from error


def parse_since(text: str, zone: tzinfo, now: datetime) -> datetime:
    """Return the moment that a duration before now (`7d`), a day or a time in the zone means.

    Raises ValueError with what is allowed.
    """
    written = text.strip()
    try:
        if match := _DURATION.fullmatch(written):
            return now - timedelta(seconds=int(match[1]) * SECONDS[match[2]])
        return parse_moment(f"{written} 00:00" if _DAY.fullmatch(written) else written, zone).at(zone)
    except OverflowError as error:
        raise ValueError(f'"{text}" ago lies before the calendar begins') from error
    except ValueError as error:
        why = str(error).partition(": ")[2]
        known = "write 2025-01-17, 2025-01-17 07:00, or a duration such as 7d"
        raise ValueError(f'"{text}" is not a time: {why or known}') from error


def _wall(day: str, clock: str) -> datetime:
    """Return the naive time. Raises ValueError when the calendar or the clock has none such."""
    try:
        wall = datetime.fromisoformat(f"{day}T{clock}")
    except ValueError as error:
        raise ValueError(_why_none(*map(int, day.split("-")))) from error
    first, last = datetime.min + _EDGE, datetime.max - _EDGE
    if not first <= wall <= last:
        raise ValueError(f"the calendar ends there; write a day from {first.date()} to {last.date()}")
    return wall


def _why_none(year: int, month: int, day: int) -> str:
    """Say why there is no such day, or else no such time of a day."""
    if not year or not 1 <= month <= 12:
        return f"there is no month {month}" if year else "there is no year 0"
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        return f"{calendar.month_name[month]} {year} has {days} days"
    return "hours go from 00 to 23, minutes and seconds to 59"


def zone_named(name: str | None, default_zone: tzinfo) -> tzinfo | None:
    """Return the zone that a user names behind a time: the default for None, None for `local`. Raises ValueError."""
    if name is None:
        return default_zone
    if name.lower() == "local":
        return None
    if name in "Zz":
        return UTC
    return _offset(name) if name[0] in "+-" else _known_zone(name)


def _offset(text: str) -> tzinfo | None:
    try:
        return datetime.fromisoformat(f"2000-01-01T00:00:00{text}").tzinfo
    except ValueError as error:
        raise ValueError(f"{text} is no offset from UTC; write one as +01:00") from error


def _known_zone(name: str) -> ZoneInfo:
    try:
        return parse_zone(name)
    except ValueError as error:
        near = nearest(name, available_timezones())
        raise ValueError(f'"{name}" is not a time zone; did you mean {near}?' if near else str(error)) from error


def first_moment(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first moment (UTC) at which clocks in the zone show `wall` (naive) or, where they skip it, later.

    A time that comes twice (PEP 495's fold) gives the first; a time that is skipped gives the end of the gap.
    """
    early, late = (_utc(wall, zone, fold) for fold in (1, 0))
    if late <= early or _shown(late, zone) == wall:
        return late
    while late - early > _SECOND:  # clocks change on whole seconds
        middle = early + (late - early) // 2
        early, late = (early, middle) if _shown(middle, zone) >= wall else (middle, late)
    return late.replace(microsecond=0)


def _utc(wall: datetime, zone: tzinfo, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
