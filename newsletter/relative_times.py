"""Times as people say them: `15:34`, `tomorrow 7am`, `friday 07:00`, `in 20 minutes`; for the command line.

A small grammar of our own, because every word of it must be understood: the libraries that read such times guess at,
or leave out, the words that they do not know, and an email that was sent at a guess cannot be taken back. Files keep
to the whole times of times.py, which mean the same on every day; what is read here is said back before anything is
scheduled. Days are counted in the zone that is named, else in the publication's; summer time follows times.py's rule.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from newsletter.times import Moment, first_moment, parse_moment, zone_named

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = {"mon": 0, "tue": 1, "tues": 1, "wed": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5, "sun": 6}
_WEEKDAYS = {**{name: number for number, name in enumerate(DAYS)}, **_SHORT}
_DAY = rf"today|tomorrow|{'|'.join(sorted(_WEEKDAYS, key=len, reverse=True))}|\d{{4}}-\d\d-\d\d"
_CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d))?)?\s*(?P<half>[ap]\.?m\.?)?|(?P<noon>noon)"
_TIME = re.compile(
    rf"(?:(?:on\s+)?(?P<before>{_DAY})\b,?\s+)?(?:at\s+)?(?:{_CLOCK})(?![\w:.])"
    rf"(?:\s+(?:on\s+)?(?P<after>{_DAY})\b)?(?:\s*(?P<zone>[+-]\d\d:?\d\d|[A-Za-z][A-Za-z0-9_+/-]*))?",
    re.IGNORECASE,
)
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hours"),
    **dict.fromkeys(("d", "day", "days"), "days"),
    **dict.fromkeys(("w", "week", "weeks"), "weeks"),
}
_PART = rf"(?:\d{{1,4}}\s*|an?\s+)(?:{'|'.join(sorted(_UNITS, key=len, reverse=True))})"
_SPAN = re.compile(rf"in\s+({_PART}(?:(?:\s*,)?\s*(?:and\s+)?{_PART})*)", re.IGNORECASE)
_ABSOLUTE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?!\s*[ap]\.?m)", re.IGNORECASE)
_MOST_DAYS = 8
"""Days to look ahead for a time of a weekday: a week, and a day that may have gone by."""


def parse_at(text: str, default_zone: tzinfo, now: datetime) -> Moment:
    """Parse a time as a person says it at `now` (aware), or as files have it. Raises ValueError with what is allowed.

    A time without a day is the next one that clocks show; of a weekday, the next one that has such a time still
    ahead, which may be today. `local` after it means each reader's own zone. Hours, minutes and seconds of `in ...`
    pass by the clock on the wall and by no calendar; days and weeks keep the time of day.
    """
    words = text.strip()
    if _ABSOLUTE.match(words):
        return parse_moment(words, default_zone)
    if span := _SPAN.fullmatch(words):
        return _after(span[1], text, default_zone, now)
    match = _TIME.fullmatch(words)
    # A number alone, `7`, may be an hour or a mistake.
    if not match or not (match["noon"] or match["minute"] or match["half"]) or (match["before"] and match["after"]):
        raise ValueError(_unknown(text))
    zone = zone_named(match["zone"], default_zone)
    counted_in = zone or default_zone
    wall = _wall(text, match, counted_in, now)
    return Moment(wall=wall, zone=zone)


def _unknown(text: str) -> str:
    return (
        f'"{text}" is not a time; write 2026-11-24 07:00, "tomorrow 07:00", "friday 7am", 15:34 or "in 20 minutes", '
        "then a time zone if it is not the publication's"
    )


def _after(span: str, text: str, zone: tzinfo, now: datetime) -> Moment:
    """Return the moment a span of time from now, on the next whole second."""
    parts = [part for part in re.findall(r"(\d+|\ban?\b)\s*([a-z]+)", span, re.IGNORECASE) if part[1].lower() != "and"]
    numbers: dict[str, int] = {}
    for number, unit in parts:
        name = _UNITS[unit.lower()]
        if name in numbers:
            raise ValueError(f'"{text}" is not a time: it names {name} twice')
        numbers[name] = int(number) if number.isdigit() else 1
    calendar = timedelta(days=numbers.get("days", 0), weeks=numbers.get("weeks", 0))
    clock = timedelta(**{name: numbers.get(name, 0) for name in ("hours", "minutes", "seconds")})
    try:
        start = _days_on(now, calendar, zone) + clock
        start += timedelta(microseconds=-start.microsecond % 1_000_000)
    except OverflowError as error:
        raise ValueError(f'"{text}" is not a time: the calendar ends before it') from error
    return Moment(wall=start.replace(tzinfo=None), zone=UTC)


def _days_on(now: datetime, days: timedelta, zone: tzinfo) -> datetime:
    """Return the moment (UTC) some days after now at which clocks in the zone show the same time."""
    if not days:
        return now.astimezone(UTC)
    return first_moment(now.astimezone(zone).replace(tzinfo=None, fold=0) + days, zone)


def _wall(text: str, match: re.Match[str], zone: tzinfo, now: datetime) -> datetime:
    """Return the time on the clock (naive) that is meant. Raises ValueError when it is none, or has gone by."""
    clock, day = _clock(text, match), (match["before"] or match["after"] or "").lower()
    today = now.astimezone(zone).date()
    if day[:1].isdigit():
        return datetime.combine(_date(text, day), clock)
    if day in ("today", "tomorrow"):
        wall = datetime.combine(today + timedelta(days=day == "tomorrow"), clock)
        if first_moment(wall, zone) < now and (match["zone"] or "").lower() != "local":
            raise ValueError(f'"{text}" has gone by; write "tomorrow {clock:%H:%M}", or send it now')
        return wall
    ahead = (datetime.combine(today + timedelta(days=days), clock) for days in range(_MOST_DAYS + 1))
    fitting = (wall for wall in ahead if not day or wall.weekday() == _WEEKDAYS[day])
    return next(wall for wall in fitting if first_moment(wall, zone) > now)


def _date(text: str, day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise ValueError(f'"{text}" is not a time: the calendar has no {day}') from error


def _clock(text: str, match: re.Match[str]) -> time:
    """Return the time of the day. Raises ValueError when no clock shows it."""
    if match["noon"]:
        return time(12)
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if half := (match["half"] or "").lower()[:1]:
        if not 1 <= hour <= 12:
            raise ValueError(f'"{text}" is not a time: hours before am and pm go from 1 to 12')
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f'"{text}" is not a time: hours go from 00 to 23, minutes and seconds to 59')
    return time(hour, minute, second)
