"""Durations, rates and points in time, as users write them.

Pure: nothing here reads a clock. All times that leave this module are aware.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from newsletter.errors import nearest
from newsletter.zones import first_moment

OFF = "off"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS = {seconds: unit for unit, seconds in _SECONDS.items()}
_DURATION = re.compile(r"(\d{1,9})\s*([smhd])")
_RATE = re.compile(r"(\d{1,9})\s*/\s*([smhd])")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\s*([+-]\d\d:?\d\d|[A-Za-z][A-Za-z0-9_+/-]*))?")
_EDGE = timedelta(days=2)
"""So near to either end of the calendar a time may be none in some zone."""


def stamp(moment: datetime) -> str:
    """An aware time as the database keeps it: `2025-01-17T12:00:00.000Z`, UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Duration(str):
    """`30s`, `15m`, `2h`, `1d`, or `off` for none; the text as written, with its meaning.

    Raises ValueError with what is allowed.
    """

    delta: timedelta

    def __new__(cls, text: str) -> Duration:
        """From the text a user wrote."""
        match = _DURATION.fullmatch(text.strip())
        if not match and text != OFF:
            raise ValueError(f'"{text}" is not a duration; write 30s, 15m, 2h or 1d')
        self = super().__new__(cls, text)
        self.delta = timedelta(seconds=int(match[1]) * _SECONDS[match[2]]) if match else timedelta(0)
        return self


class DayTime(str):
    """`07:00`, or `off` for none; the text as written, with its meaning.

    Raises ValueError with what is allowed.
    """

    of_day: time | None

    def __new__(cls, text: str) -> DayTime:
        """From the text a user wrote."""
        self = super().__new__(cls, text)
        try:
            self.of_day = None if text == OFF else datetime.strptime(text, "%H:%M").time()
        except ValueError as error:
            raise ValueError(f'"{text}" is not a time of the day; write 07:00') from error
        return self


@dataclass(frozen=True, kw_only=True)
class Window:
    """So many messages in so many seconds."""

    messages: int
    per: int

    @property
    def per_second(self) -> float:
        """Messages per second, evenly spread."""
        return self.messages / self.per


class Rate(str):
    """`50/s`, `1000/m`, several as `14/s, 50000/d`, or `off` for no limit; the text as written, with its meaning.

    Raises ValueError with what is allowed.
    """

    windows: tuple[Window, ...]
    """The fastest first; none when off."""

    def __new__(cls, text: str) -> Rate:
        """From the text a user wrote."""
        self = super().__new__(cls, text)
        windows = [] if text == OFF else [_window(part, text) for part in text.split(",")]
        self.windows = tuple(sorted(windows, key=lambda window: -window.per_second))
        return self

    @property
    def per_second(self) -> float:
        """The pace, messages per second: that of the fastest window; 0 when off."""
        return self.windows[0].per_second if self.windows else 0.0

    @property
    def quotas(self) -> tuple[Window, ...]:
        """The other windows: what may be used up at the pace, and then has to come back."""
        return self.windows[1:]

    def within(self, limits: Rate) -> Rate:
        """This one, and the quotas of `limits` hold as well: how fast one goes uses no account up. `off` lifts all."""
        quotas = (f"{window.messages}/{_UNITS[window.per]}" for window in limits.quotas)
        return Rate(", ".join([self, *quotas])) if self.windows else self


def _window(part: str, text: str) -> Window:
    match = _RATE.fullmatch(part.strip())
    if not match or not int(match[1]):
        raise ValueError(f'"{text}" is not a rate; write 50/s, 1000/m or 50000/d, or several: 14/s, 50000/d')
    return Window(messages=int(match[1]), per=_SECONDS[match[2]])


def parse_zone(name: str) -> ZoneInfo:
    """An IANA time zone. Raises ValueError when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'"{name}" is not a time zone; write one as Europe/Berlin') from error


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A time to send at: the wall clock, and the zone it is read in."""

    wall: datetime
    """Naive."""
    zone: tzinfo | None
    """None: each reader's own (`local`)."""

    def at(self, zone: tzinfo | None = None) -> datetime:
        """The moment, UTC, by the rule of `zones`; `zone` is the reader's, needed only when this is `local`."""
        known = self.zone or zone
        assert known is not None
        return first_moment(self.wall, known)


def parse_moment(text: str, default_zone: tzinfo) -> Moment:
    """`2025-01-17 07:00`, with `:SS`, a `T`, and a zone, offset, `Z` or `local` if wanted.

    It is a moment in UTC wherever its clock stands. Raises ValueError with what is allowed.
    """
    match = _MOMENT.fullmatch(text.strip())
    if not match:
        raise ValueError(
            f'"{text}" is not a time; write 2025-01-17 07:00, then a time zone if it is not the publication\'s'
        )
    try:
        return Moment(wall=_wall(match[1], match[2]), zone=_zone_named(match[3], default_zone))
    except ValueError as error:
        raise ValueError(f'"{text}" is not a time: {error}') from error


def _wall(day: str, clock: str) -> datetime:
    """Raises ValueError with what is wrong: for the calendar, or for a zone at the edge of it."""
    try:
        wall = datetime.fromisoformat(f"{day}T{clock}")
    except ValueError as error:
        raise ValueError(_why_none(*map(int, day.split("-")))) from error
    first, last = datetime.min + _EDGE, datetime.max - _EDGE
    if not first <= wall <= last:
        raise ValueError(f"the calendar ends there; write a day from {first.date()} to {last.date()}")
    return wall


def _why_none(year: int, month: int, day: int) -> str:
    """Why there is no such day, or else no such time of it."""
    if not year or not 1 <= month <= 12:
        return f"there is no month {month}" if year else "there is no year 0"
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        return f"{calendar.month_name[month]} {year} has {days} days"
    return "hours go from 00 to 23, minutes and seconds to 59"


def _zone_named(name: str | None, default_zone: tzinfo) -> tzinfo | None:
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
