"""Durations and times as users write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from newsletter.times import Duration, parse_moment, parse_since, parse_zone

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86400), ("off", 0), ("0s", 0)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert Duration(text).delta == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "30x", "-5m", "1h30m"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="write 30s"):
        Duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-01-17 07:00", datetime(2025, 1, 17, 7, tzinfo=NEW_YORK)),
        ("2025-01-17T07:00:30", datetime(2025, 1, 17, 7, 0, 30, tzinfo=NEW_YORK)),
        ("2025-01-17 07:00 Europe/Berlin", datetime(2025, 1, 17, 7, tzinfo=ZoneInfo("Europe/Berlin"))),
        ("2025-01-17 07:00Z", datetime(2025, 1, 17, 7, tzinfo=UTC)),
        ("2025-01-17 07:00 +05:30", datetime(2025, 1, 17, 7, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
        ("2025-01-17 07:00-0800", datetime(2025, 1, 17, 7, tzinfo=timezone(timedelta(hours=-8)))),
    ],
)
def test_a_time_is_in_the_publications_zone_unless_it_names_one(text: str, moment: datetime) -> None:
    assert parse_moment(text, NEW_YORK).at() == moment


def test_local_is_each_readers_own_time() -> None:
    moment = parse_moment("2025-01-17 07:00 local", NEW_YORK)
    assert moment.zone is None
    assert moment.at(ZoneInfo("Asia/Tokyo")) == datetime(2025, 1, 17, 7, tzinfo=ZoneInfo("Asia/Tokyo"))


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "2025-13-01 07:00",
        "2025-01-17",
        "2025-01-17 25:00",
        "2025-01-17 07:00 Mars/Base",
        "2025-02-30 07:00",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|must be in|out of range|time zone"):
        parse_moment(text, NEW_YORK)


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31 23:59",
        "9999-12-31 23:59 local",
        "9999-12-31 12:00 -23:59",
        "0001-01-01 00:00 Asia/Tokyo",
        "0001-01-01 00:00 local",
    ],
)
def test_a_time_at_the_edge_of_the_calendar_is_refused_for_it_is_none_in_some_zones(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f'"{text}" is not a time: the calendar ends there')):
        parse_moment(text, NEW_YORK)


@pytest.mark.parametrize("text", ["9999-12-29 23:59", "0001-01-03 00:00"])
def test_a_time_that_is_taken_is_a_moment_in_every_zone(text: str) -> None:
    for zone in ("Asia/Tokyo", "Pacific/Kiritimati", "America/New_York", "Etc/GMT+12"):
        moment = parse_moment(f"{text} {zone}", NEW_YORK).at()
        assert moment == parse_moment(f"{text} local", NEW_YORK).at(ZoneInfo(zone))
        assert moment.astimezone(ZoneInfo("Asia/Tokyo")) == moment.astimezone(NEW_YORK)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-31 07:00", "November 2026 has 30 days"),
        ("2025-02-29 07:00", "February 2025 has 28 days"),
        ("2025-13-01 07:00", "there is no month 13"),
        ("0000-01-01 07:00", "there is no year 0"),
        ("2025-01-17 24:00", "hours go from 00 to 23, minutes and seconds to 59"),
        ("2025-01-17 07:00:60", "hours go from 00 to 23, minutes and seconds to 59"),
        ("2025-01-17 07:00 +25:00", "+25:00 is no offset from UTC; write one as +01:00"),
        ("2025-01-17 07:00 Europe/Berln", '"Europe/Berln" is not a time zone; did you mean Europe/Berlin?'),
        ("2025-01-17 07:00 europe/berlin", '"europe/berlin" is not a time zone; did you mean Europe/Berlin?'),
    ],
)
def test_what_is_no_time_is_quoted_with_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="is not a time: ") as refused:
        parse_moment(text, NEW_YORK)

    assert str(refused.value) == f'"{text}" is not a time: {why}'


@pytest.mark.parametrize(("text", "zone"), [("2025-01-17 07:00z", UTC), ("2025-01-17 07:00 Local", None)])
def test_z_and_local_are_read_in_any_case(text: str, zone: tzinfo | None) -> None:
    assert parse_moment(text, NEW_YORK).zone == zone


@pytest.mark.parametrize("name", ["Mars/Base", "", "../../etc/passwd", "America"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        parse_zone(name)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", datetime(2025, 1, 10, 12, tzinfo=UTC)),
        (" 90m ", datetime(2025, 1, 17, 10, 30, tzinfo=UTC)),
        ("2025-01-10", datetime(2025, 1, 10, tzinfo=NEW_YORK)),
        ("2025-01-10 07:00", datetime(2025, 1, 10, 7, tzinfo=NEW_YORK)),
        ("2025-01-10T07:00Z", datetime(2025, 1, 10, 7, tzinfo=UTC)),
        ("2025-01-10 07:00 local", datetime(2025, 1, 10, 7, tzinfo=NEW_YORK)),
    ],
)
def test_since_takes_a_duration_a_day_and_a_time(text: str, moment: datetime) -> None:
    assert parse_since(text, NEW_YORK, datetime(2025, 1, 17, 12, tzinfo=UTC)) == moment


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "write 2025-01-17, 2025-01-17 07:00, or a duration such as 7d"),
        ("off", "write 2025-01-17"),
        ("-7d", "write 2025-01-17"),
        ("2025-02-30", "February 2025 has 28 days"),
        ("2025-01-17 07:00 Europe/Berlim", "did you mean Europe/Berlin?"),
        ("999999999d", "the calendar begins"),
        ("0001-01-01", "the calendar ends there"),
    ],
)
def test_what_since_cannot_mean_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        parse_since(text, NEW_YORK, datetime(2025, 1, 17, 12, tzinfo=UTC))
