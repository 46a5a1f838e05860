"""All senders of a provider share its limits, which are kept in the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from newsletter.database.connection import Database, open_database
from newsletter.rates import Rate, Warmup
from newsletter.sending.rate_limits import ProviderLimits, Reservation, is_free, refund, reserve, slow_down
from tests.support.sending import settings

pytestmark = pytest.mark.usefixtures("each_database")

NOW = datetime(2025, 1, 17, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(settings(tmp_path))
    yield found
    found.close()


def limits(rate: str, warmup: str = "off") -> ProviderLimits:
    return ProviderLimits(rate=Rate(rate), warmup=Warmup(warmup), zone=ZoneInfo("America/New_York"))


def take(database: Database, count: int, of: ProviderLimits, *, after: float = 0, key: str = "postmark") -> Reservation:
    with database.begin() as connection:
        return reserve(connection, key, count, of, NOW + timedelta(seconds=after))


def slowed(
    database: Database, of: ProviderLimits, *, seen: float = 1e9, after: float = 0, handed: float = 0, wait: float = 1
) -> None:
    def at(seconds: float) -> datetime:
        return NOW + timedelta(seconds=seconds)

    with database.begin() as connection:
        slow_down(connection, "postmark", of.rate, seen=seen, handed_at=at(handed), wait=wait, now=at(after))


def test_everyone_who_sends_through_a_provider_takes_from_one_rate(database: Database) -> None:
    rate = limits("100/s")

    assert take(database, 500, rate).wait == pytest.approx(5)
    assert take(database, 500, rate, after=1).wait == pytest.approx(9)
    assert take(database, 500, rate, key="resend").wait == pytest.approx(5)


def test_a_batch_of_five_hundred_at_fifty_a_second_takes_ten_seconds(database: Database) -> None:
    waits = [take(database, 500, limits("50/s")).wait for _ in range(3)]

    assert waits == pytest.approx([10, 20, 30])


def test_what_was_reserved_and_not_sent_is_given_back(database: Database) -> None:
    rate = limits("100/s, 1000/d")
    take(database, 800, rate)
    with database.begin() as connection:
        refund(connection, "postmark", 800, rate, NOW)

    assert take(database, 1000, rate).wait == pytest.approx(10)


def test_a_days_quota_goes_at_the_pace_and_then_comes_back_a_day_after_it_was_used(database: Database) -> None:
    rate = limits("100/s, 1000/d")
    assert take(database, 600, rate).wait == pytest.approx(6)
    assert take(database, 400, rate, after=7200).wait == pytest.approx(4)

    full = take(database, 100, rate, after=7300)
    day = 86400
    assert full.full == "1,000 a day"
    assert day - 7300 <= full.wait <= day - 7300 + day / 50
    assert take(database, 600, rate, after=7300 + full.wait).full == ""
    assert take(database, 1, rate, after=7300 + full.wait).full == "1,000 a day"


def test_three_windows_hold_together(database: Database) -> None:
    rate = limits("10/s, 100/m, 150/h")

    assert [take(database, 50, rate).full for _ in range(3)] == ["", "", "100 a minute"]
    assert take(database, 50, rate, after=62).full == ""
    assert take(database, 50, rate, after=180).full == "150 an hour"


def test_a_warm_up_plan_allows_more_each_day_of_the_publication_s_zone(database: Database) -> None:
    plan = limits("off", "500, x1.5 daily")
    assert take(database, 500, plan) == Reservation(wait=0)

    full = take(database, 50, plan, after=1)
    assert full.full == "500 today, by the warm-up plan"
    assert full.wait == pytest.approx(17 * 3600 - 1)  # noon in London is seven in New York

    tomorrow, third_day = 17 * 3600, 41 * 3600
    assert take(database, 750, plan, after=tomorrow) == Reservation(wait=0)
    assert take(database, 1, plan, after=tomorrow).full == "750 today, by the warm-up plan"
    assert take(database, 1125, plan, after=third_day) == Reservation(wait=0)


def test_the_first_day_of_a_warm_up_is_remembered_whatever_becomes_of_the_process(database: Database) -> None:
    take(database, 1, limits("off", "100, x2 daily"))

    later = take(database, 1000, limits("off", "100, x2 daily"), after=4 * 86400)

    assert later == Reservation(wait=0)


def test_a_busy_provider_slows_everyone_down_and_is_fast_again_by_and_by(database: Database) -> None:
    rate = limits("100/s")
    slowed(database, rate, wait=2)

    assert take(database, 50, rate).wait == pytest.approx(2 + 50 / 50, rel=0.05)
    assert take(database, 50, rate, after=10).wait == pytest.approx(50 / (50 * 1.02**8))
    assert take(database, 100, rate, after=60).wait == pytest.approx(1)


def test_calls_that_were_in_the_air_together_slow_it_down_once(database: Database) -> None:
    rate = limits("100/s")
    for _ in range(4):
        slowed(database, rate, wait=1)
    assert take(database, 50, rate, after=2).wait == pytest.approx(1, rel=0.05)

    slowed(database, rate, after=3, handed=3)
    assert take(database, 50, rate, after=4).wait == pytest.approx(2, rel=0.1)


def test_without_a_configured_rate_it_falls_to_half_of_what_went_through(database: Database) -> None:
    rate = limits("off")
    assert take(database, 500, rate) == Reservation(wait=0)

    slowed(database, rate, seen=40, wait=1)

    assert take(database, 20, rate, after=1).wait == pytest.approx(1)
    assert take(database, 500, rate, after=1000) == Reservation(wait=0)


def test_nothing_is_reserved_where_nothing_limits(database: Database) -> None:
    def is_it(of: ProviderLimits, after: float = 0) -> bool:
        with database.begin() as connection:
            return is_free(connection, "postmark", of, NOW + timedelta(seconds=after))

    assert is_it(limits("off"))
    assert not any(is_it(of) for of in (limits("1/s"), limits("9/d"), limits("off", "500, x1.5 daily")))
    slowed(database, limits("off"), seen=40)
    assert not is_it(limits("off"), after=60)
    assert is_it(limits("off"), after=1000)


def test_f15_a_clock_that_is_set_back_an_hour_keeps_nobody_waiting_for_an_hour(database: Database) -> None:
    rate = limits("100/s")
    assert take(database, 500, rate).wait == pytest.approx(5)

    set_back = [take(database, 500, rate, after=-3600 + seconds).wait for seconds in (0, 1)]

    assert set_back == pytest.approx([15, 19])  # what was reserved before is not forgotten, give or take JITTER
