"""Durations, rates and points in time, as users write them.

Pure: nothing here reads a clock. All times that leave this module are aware.

The clock, as whatever depends on the time is given it; alone reads it.

When a clock on the wall of a time zone shows a time: summer time's gaps and overlaps included.

Pure: the zone's rules are the IANA database's (`zoneinfo`), the rule for gaps and overlaps is ours and
stands in `docs/sending.md`.

Warm-up: how many a day a new sender may send, more each day; mail systems distrust who begins with a flood.

Pure: which day it is, and how many were sent, comes in. Where that is kept is `rates`.
"""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from newsletter.errors import nearest

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


Clock = Callable[[], datetime]
"""Says what time it is, aware."""


def utc_now() -> datetime:
    """What the machine's clock says."""
    return datetime.now(UTC)


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


_PLAN = re.compile(r"(\d{1,9})\s*,\s*x\s*(\d{1,3}(?:\.\d{1,3})?)\s+daily")
_NO_LIMIT = 10**9


class Warmup(str):
    """`500, x1.5 daily`, or `off`; the text as written, with its meaning. Raises ValueError with what is allowed."""

    first: int
    """Messages on the first day; 0 when off."""
    factor: float
    """What each day's number is multiplied by for the next."""

    def __new__(cls, text: str) -> Warmup:
        """From the text a user wrote."""
        match = _PLAN.fullmatch(text.strip())
        if text != OFF and not (match and int(match[1]) and float(match[2]) > 1):
            raise ValueError(f'"{text}" is not a warm-up plan; write 500, x1.5 daily')
        self = super().__new__(cls, text)
        self.first, self.factor = (int(match[1]), float(match[2])) if match else (0, 1.0)
        return self

    def allowance(self, day: int) -> int:
        """Messages on `day`: 0 is the first. Ask only a plan that is not off."""
        if math.log(self.first) + day * math.log(self.factor) > math.log(_NO_LIMIT):
            return _NO_LIMIT
        return int(self.first * self.factor**day)
