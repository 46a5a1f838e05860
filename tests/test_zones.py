"""Wall clock times in time zones, compared with the C library's calculation."""

from __future__ import annotations

import os
import time
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.times import first_moment, zone_or

ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})
SCHEDULES = int(os.environ.get("NEWSLETTER_SCHEDULES", "200"))
"""How many random schedules; `make soak` has 2,000."""
NOW = datetime(2026, 11, 23, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(autouse=True)
def _the_machine_s_own_zone_comes_back() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def rules_file(name: str) -> Path:
    """Return the file that zoneinfo itself reads."""
    places = [*map(Path, zoneinfo.TZPATH), Path(str(files("tzdata"))) / "zoneinfo"]
    return next(place / name for place in places if (place / name).is_file())


def first_shown(wall: datetime, name: str) -> datetime:
    """Return the first minute at which the C library shows `wall` or later, searched from 15 hours before."""
    os.environ["TZ"] = f":{rules_file(name)}"
    time.tzset()
    wanted = wall.timetuple()[:6]
    moment = int(wall.replace(tzinfo=UTC).timestamp()) - 15 * 3600
    while time.localtime(moment)[:6] < wanted:
        moment += 60
    return datetime.fromtimestamp(moment, UTC)


def next_transition(zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the next change of the clocks within two years."""
    for days in range(0, 731):
        early, late = now + timedelta(days=days), now + timedelta(days=days + 1)
        if early.astimezone(zone).utcoffset() == late.astimezone(zone).utcoffset():
            continue
        while late - early > timedelta(seconds=1):
            middle = early + (late - early) / 2
            same = middle.astimezone(zone).utcoffset() == early.astimezone(zone).utcoffset()
            early, late = (middle, late) if same else (early, middle)
        return late.replace(microsecond=0)
    return None


def test_a_time_that_clocks_skip_is_the_moment_they_skip_to() -> None:
    assert first_moment(datetime(2026, 3, 8, 2, 30), NEW_YORK) == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_a_time_that_clocks_show_twice_is_the_first() -> None:
    assert first_moment(datetime(2026, 11, 1, 1, 30), NEW_YORK) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_a_day_that_a_zone_left_out_begins_with_the_next() -> None:
    assert first_moment(datetime(2011, 12, 30, 7), ZoneInfo("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)


def test_a_reader_without_a_zone_or_with_one_that_there_is_not_lives_by_the_publication_s() -> None:
    assert [zone_or(name, NEW_YORK) for name in ("", "Mars/Olympus", "../etc/passwd")] == [NEW_YORK] * 3
    assert zone_or("Asia/Tokyo", NEW_YORK) == ZoneInfo("Asia/Tokyo")


def test_around_the_next_change_of_clocks_of_every_zone_times_are_what_the_c_library_shows() -> None:
    changes = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        change = next_transition(zone, NOW)
        if change is None:
            continue
        changes += 1
        shown = change.astimezone(zone).replace(tzinfo=None)
        for minutes in (-90, -30, -1, 0, 1, 30, 90):
            wall = shown + timedelta(minutes=minutes)
            assert first_moment(wall, zone) == first_shown(wall, name), (name, wall)
    assert changes > 100


@st.composite
def schedules(draw: st.DrawFn) -> tuple[str, datetime]:
    """Draw a zone and a wall clock time, half of them within three hours of a change of the clocks."""
    name = draw(st.sampled_from(ZONES))
    moment = draw(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2060, 1, 1)))
    change = next_transition(ZoneInfo(name), moment.replace(tzinfo=UTC)) if draw(st.booleans()) else None
    if change:
        minutes = draw(st.integers(min_value=-180, max_value=180))
        moment = change.astimezone(ZoneInfo(name)).replace(tzinfo=None) + timedelta(minutes=minutes)
    return name, moment.replace(second=0, microsecond=0)


@settings(
    max_examples=SCHEDULES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(schedule=schedules())
def test_a_random_schedule_is_the_first_moment_at_which_the_c_library_shows_it(schedule: tuple[str, datetime]) -> None:
    name, wall = schedule

    assert first_moment(wall, ZoneInfo(name)) == first_shown(wall, name)
