"""Durations, rates and points in time, as users write them.

Pure: nothing here reads a clock. All times that leave this module are aware.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from newsletter.zones import first_moment

OFF = "off"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS = {seconds: unit for unit, seconds in _SECONDS.items()}
_DURATION = re.compile(r"(\d{1,9})\s*([smhd])")
_RATE = re.compile(r"(\d{1,9})\s*/\s*([smhd])")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\s*(Z|[+-]\d\d:?\d\d|[A-Za-z][A-Za-z0-9_+/-]*))?")


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

    Raises ValueError with what is allowed.
    """
    match = _MOMENT.fullmatch(text.strip())
    if not match:
        raise ValueError(
            f'"{text}" is not a time; write 2025-01-17 07:00, then a time zone if it is not the publication\'s'
        )
    wall = datetime.fromisoformat(f"{match[1]}T{match[2]}")
    return Moment(wall=wall, zone=_zone_named(match[3], default_zone))


def _zone_named(name: str | None, default_zone: tzinfo) -> tzinfo | None:
    if name is None:
        return default_zone
    if name == "local":
        return None
    if name == "Z" or name[0] in "+-":
        return datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
    return parse_zone(name)
