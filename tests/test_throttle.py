"""How fast, and how long to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter import throttle
from newsletter.database import open_database
from newsletter.rates import refund, reserve
from newsletter.times import Rate
from tests.sending import settings


@pytest.mark.parametrize(("rate", "per_second"), [("1/s", 1), ("20/s", 20), ("500/s", 500), ("3000/m", 50)])
@given(counts=st.lists(st.integers(min_value=1, max_value=500), min_size=20, max_size=60))
def test_what_is_sent_over_time_is_the_rate(rate: str, per_second: float, counts: list[int]) -> None:
    due = now = 0.0
    for count in counts:
        due, wait = throttle.reserve(due, now, count, Rate(rate))
        now += wait

    assert now == pytest.approx(sum(counts[:-1]) / per_second)


@given(idle=st.floats(min_value=0, max_value=1e6))
def test_time_that_went_by_unused_is_not_made_up_for(idle: float) -> None:
    due, _ = throttle.reserve(0, 0, 10, Rate("10/s"))
    due, wait = throttle.reserve(due, 1 + idle, 10, Rate("10/s"))

    assert wait == pytest.approx(0)
    assert throttle.reserve(due, 1 + idle, 1, Rate("10/s"))[1] == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(("rate", "size"), [("off", 500), ("50/s", 500), ("20/s", 200), ("1/s", 10), ("1/m", 1)])
def test_a_batch_is_never_a_long_burst(rate: str, size: int) -> None:
    assert throttle.batch_size(500, Rate(rate)) == size


@given(tries=st.integers(min_value=1, max_value=10_000), asked=st.none() | st.floats(min_value=0, max_value=1e9))
def test_a_busy_provider_is_tried_again_within_half_a_minute(tries: int, asked: float | None) -> None:
    assert throttle.SHORTEST_PAUSE <= throttle.pause(tries, asked) <= throttle.LONGEST_PAUSE


def test_a_busy_provider_s_own_word_counts() -> None:
    assert throttle.pause(1, 7) == 7


def test_the_rate_is_kept_in_the_database_for_everyone(tmp_path: Path) -> None:
    database = open_database(settings(tmp_path))
    now = datetime(2025, 1, 17, tzinfo=UTC)
    rate = Rate("100/s")
    with database.begin() as connection:
        first = reserve(connection, "postmark", 500, rate, now)
    with database.begin() as connection:
        second = reserve(connection, "postmark", 500, rate, now + timedelta(seconds=1))
        refund(connection, "postmark", 500, rate)
        third = reserve(connection, "postmark", 500, rate, now + timedelta(seconds=1))
        other = reserve(connection, "outbox", 500, rate, now)
    database.close()

    assert (first, second, third, other) == (0, pytest.approx(4), pytest.approx(4), 0)
