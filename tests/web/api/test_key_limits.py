"""A key's limit holds in every span of its time, however its requests are spread, and gives way again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from newsletter.rates import Rate
from newsletter.web.api.key_limits import KeyLimits


class Seconds:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0, 8), min_size=1, max_size=80))
def test_no_span_has_more_requests_than_the_limit(waits: list[float]) -> None:
    clock = Seconds()
    limits = KeyLimits(Rate("2/s, 5/m"), clock)
    made: list[float] = []

    for wait in waits:
        clock.now += wait
        if limits.take(1) == 0:
            made.append(clock.now)

    for start in made:
        assert sum(start <= moment < start + 1 for moment in made) <= 2
        assert sum(start <= moment < start + 60 for moment in made) <= 5


@given(st.lists(st.floats(0, 40), min_size=1, max_size=40))
def test_who_waits_as_long_as_told_is_let_in(waits: list[float]) -> None:
    clock = Seconds()
    limits = KeyLimits(Rate("3/m"), clock)

    for wait in waits:
        clock.now += wait
        if seconds := limits.take(1):
            assert 1 <= seconds <= 64
            clock.now += seconds
            assert limits.take(1) == 0


def test_many_threads_together_do_not_pass_the_limit() -> None:
    limits = KeyLimits(Rate("50/h"), Seconds())

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _n: limits.take(7), range(400)))

    assert taken.count(0) == 50


def test_keys_have_limits_of_their_own_and_off_has_none() -> None:
    limits, unlimited = KeyLimits(Rate("1/h"), Seconds()), KeyLimits(Rate("off"))

    assert [limits.take(1), limits.take(2)] == [0, 0]
    assert limits.take(1) > 0
    assert all(unlimited.take(1) == 0 for _ in range(1_000))
