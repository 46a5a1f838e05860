"""The arithmetic of rates and waits keeps what it promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.rates import Rate, Warmup
from newsletter.sending import backoff
from newsletter.sending.job import draw_jitter

OFF = Warmup("off")


@pytest.mark.parametrize("per_second", [1, 20, 500])
@given(counts=st.lists(st.integers(min_value=1, max_value=500), min_size=1, max_size=60))
def test_what_is_sent_over_time_is_the_rate_and_never_more(per_second: float, counts: list[int]) -> None:
    due = now = 0.0
    for number, count in enumerate(counts, start=1):
        due, wait = backoff.reserve(due, now, count, per_second)
        now += wait
        assert sum(counts[:number]) <= now * per_second * 1.000001

    assert now == pytest.approx(sum(counts) / per_second)


@given(idle=st.floats(min_value=0, max_value=1e6))
def test_time_that_went_by_unused_is_not_made_up_for(idle: float) -> None:
    due, _ = backoff.reserve(0, 0, 10, 10)
    due, wait = backoff.reserve(due, 1 + idle, 10, 10)

    assert wait == pytest.approx(1)


@pytest.mark.parametrize(
    ("rate", "warmup", "size"),
    [
        ("off", "off", 500),
        ("5000/s", "off", 500),
        ("50/s", "off", 10),
        ("1/s", "off", 1),
        ("1/m", "off", 1),
        ("5000/s, 1000/d", "off", 100),
        ("off", "500, x1.5 daily", 50),
        ("off", "5, x2 daily", 1),
    ],
)
def test_batches_are_as_small_as_an_even_rate_and_a_small_rest_want(rate: str, warmup: str, size: int) -> None:
    assert backoff.batch_size(500, Rate(rate), Warmup(warmup), 5) == size


@given(
    counts=st.lists(st.integers(min_value=1, max_value=400), min_size=1, max_size=40),
    gaps=st.lists(st.floats(min_value=0, max_value=100), min_size=40, max_size=40),
)
def test_no_stretch_of_a_quotas_time_has_more_than_the_quota(counts: list[int], gaps: list[float]) -> None:
    now = 0.0
    sent: list[tuple[float, int]] = []
    for count, gap in zip(counts, gaps, strict=False):
        now += gap
        now += backoff.room_in([(at + 60, number) for at, number in sent], count, 1000, now)
        sent.append((now, count))

    for at, _ in sent:
        assert sum(number for other, number in sent if at <= other < at + 60) <= 1000


def test_more_than_a_whole_quota_goes_when_nothing_else_counts() -> None:
    assert backoff.room_in([], 500, 100, 0.0) == 0
    assert backoff.room_in([(60.0, 1)], 500, 100, 0.0) == 60


@given(tries=st.integers(min_value=1, max_value=10_000), asked=st.none() | st.floats(min_value=0, max_value=1e9))
def test_a_busy_provider_is_tried_again_within_half_a_minute(tries: int, asked: float | None) -> None:
    assert backoff.SHORTEST_PAUSE <= backoff.pause(tries, asked, draw_jitter()) <= backoff.LONGEST_PAUSE


def test_a_busy_provider_s_own_word_counts() -> None:
    assert backoff.pause(1, 7) == 7


def test_what_was_slowed_down_is_twice_as_fast_after_half_a_minute_and_free_after_ten() -> None:
    assert backoff.ceiling(None, 0) is None
    assert backoff.ceiling(10, 0) == 10
    assert backoff.ceiling(10, 35) == pytest.approx(20, rel=0.01)
    assert backoff.ceiling(10, backoff.FORGOTTEN + 1) is None
