"""Times as people say them, on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.relative_times import DAYS, parse_at
from newsletter.times import first_moment, parse_moment

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 15, 32, 17, 400_000, tzinfo=NEW_YORK)
"""A Tuesday."""
ZONES = st.sampled_from(
    [NEW_YORK, BERLIN, *map(ZoneInfo, ("Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"))]
)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))


def at(*numbers: int, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime(*numbers, tzinfo=zone)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("15:34", at(2026, 11, 24, 15, 34)),
        ("15:30", at(2026, 11, 25, 15, 30)),
        ("7:00", at(2026, 11, 25, 7)),
        ("7am", at(2026, 11, 25, 7)),
        ("at 4:30 pm", at(2026, 11, 24, 16, 30)),
        ("12am", at(2026, 11, 25)),
        ("12 p.m.", at(2026, 11, 25, 12)),
        ("tomorrow 7am", at(2026, 11, 25, 7)),
        ("Tomorrow at 07:00", at(2026, 11, 25, 7)),
        ("07:00 tomorrow", at(2026, 11, 25, 7)),
        ("today 18:00", at(2026, 11, 24, 18)),
        ("friday 07:00", at(2026, 11, 27, 7)),
        ("on Fri, 7am", at(2026, 11, 27, 7)),
        ("tuesday 16:00", at(2026, 11, 24, 16)),
        ("tuesday 07:00", at(2026, 12, 1, 7)),
        ("tomorrow noon", at(2026, 11, 25, 12)),
        ("2026-12-01 7am", at(2026, 12, 1, 7)),
        ("tomorrow 7am Europe/Berlin", at(2026, 11, 25, 7, zone=BERLIN)),
        ("15:34 +01:00", at(2026, 11, 25, 9, 34)),
        ("7am on friday Z", datetime(2026, 11, 27, 7, tzinfo=UTC)),
        ("in 2 minutes", at(2026, 11, 24, 15, 34, 18)),
        ("in 90m", at(2026, 11, 24, 17, 2, 18)),
        ("in 1h30m", at(2026, 11, 24, 17, 2, 18)),
        ("in an hour and 5 minutes", at(2026, 11, 24, 16, 37, 18)),
        ("in 2 days", at(2026, 11, 26, 15, 32, 18)),
        ("in a week", at(2026, 12, 1, 15, 32, 18)),
        ("in 1 day, 2 hours", at(2026, 11, 25, 17, 32, 18)),
    ],
)
def test_a_time_is_read_as_people_say_it(text: str, moment: datetime) -> None:
    assert parse_at(text, NEW_YORK, NOW).at() == moment


@pytest.mark.parametrize(
    "text",
    ["2026-11-24 07:00", "2026-11-24T07:00:30", "2026-11-24 07:00 Europe/Berlin", "2026-11-24 07:00 local"],
)
def test_a_whole_time_means_what_it_means_in_a_file(text: str) -> None:
    assert parse_at(text, NEW_YORK, NOW) == parse_moment(text, NEW_YORK)


def test_local_is_each_readers_own_clock() -> None:
    moment = parse_at("tomorrow 7am local", NEW_YORK, NOW)

    assert (moment.wall, moment.zone) == (datetime(2026, 11, 25, 7), None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "7", "tomorrow", "friday", "next friday 7am", "yesterday 7am", "7am tomorrow friday"),
        *("friday 7am tomorrow", "25:00", "7:60", "13pm", "0am", "24:00", "07:00 Mars/Base", "in 2", "in minutes"),
        *(
            "in 2 fortnights",
            "in 2 minutes please",
            "in 5 minutes local",
            "in 1h 2h",
            "2026-02-30 7am",
            "in -5 minutes",
        ),
        *("07.30", "half past seven", "7am7am", "tomorrow 7am 8am", "midnight", "fridays 7am", "2026-11-24"),
    ],
)
def test_what_is_not_understood_to_the_last_word_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|time zone"):
        parse_at(text, NEW_YORK, NOW)


def test_a_time_of_today_that_has_gone_by_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape('"today 07:00" has gone by; write "tomorrow 07:00", or send it')):
        parse_at("today 07:00", NEW_YORK, NOW)


def test_a_time_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="the calendar ends before it"):
        parse_at("in 9999 weeks", NEW_YORK, datetime(9900, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("now", "text", "moment"),
    [
        # Clocks skip 02:00 to 03:00 on 2026-03-08 in New York, and show 01:00 to 02:00 twice on 2026-11-01.
        (at(2026, 3, 8, 1), "02:30", at(2026, 3, 8, 3)),
        (at(2026, 3, 8, 1, 59), "in 2 minutes", at(2026, 3, 8, 3, 1)),
        (at(2026, 3, 7, 12), "in 1 day", at(2026, 3, 8, 12)),
        (at(2026, 3, 7, 12), "in 24 hours", at(2026, 3, 8, 13)),
        (at(2026, 11, 1, 0), "01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (at(2026, 11, 1, 1, 45), "01:30", at(2026, 11, 2, 1, 30)),
        (datetime(2026, 11, 1, 6, 15, tzinfo=UTC), "01:30", at(2026, 11, 2, 1, 30)),
        (datetime(2026, 11, 1, 6, 15, tzinfo=UTC), "in 10 minutes", datetime(2026, 11, 1, 6, 25, tzinfo=UTC)),
    ],
)
def test_summer_time_is_kept_to(now: datetime, text: str, moment: datetime) -> None:
    assert parse_at(text, NEW_YORK, now).at() == moment


@given(MOMENTS, ZONES, st.times().map(lambda clock: clock.replace(microsecond=0)))
def test_a_time_without_a_day_is_the_next_that_clocks_show(now: datetime, zone: ZoneInfo, clock) -> None:  # type: ignore[no-untyped-def]
    moment = parse_at(f"{clock:%H:%M:%S}", zone, now)

    assert moment.wall.time() == clock
    assert now < moment.at() <= now + timedelta(days=2, hours=2)
    assert not now < first_moment(moment.wall - timedelta(days=1), zone) < moment.at()


@given(MOMENTS, ZONES, st.sampled_from(DAYS), st.integers(0, 23))
def test_a_weekday_is_the_next_of_its_name(now: datetime, zone: ZoneInfo, day: str, hour: int) -> None:
    moment = parse_at(f"{day} {hour:02}:00", zone, now)

    assert moment.wall.weekday() == DAYS.index(day)
    assert now < moment.at() <= now + timedelta(days=8, hours=2)


@given(MOMENTS, ZONES, st.integers(0, 9999), st.sampled_from(["minutes", "hours", "seconds"]))
def test_a_span_is_exact_whatever_clocks_do(now: datetime, zone: ZoneInfo, number: int, unit: str) -> None:
    moment = parse_at(f"in {number} {unit}", zone, now).at()

    assert timedelta(0) <= moment - now - timedelta(**{unit: number}) < timedelta(seconds=1)


@given(st.text("0123456789:apm -inhdtowrfs", max_size=20))
def test_no_text_is_too_odd_for_a_time(text: str) -> None:
    try:
        parse_at(text, NEW_YORK, NOW)
    except ValueError as error:
        assert "not a time" in str(error) or "gone by" in str(error)  # noqa: PT017
