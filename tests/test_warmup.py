"""Warm-up plans as users write them."""

from __future__ import annotations

import pytest

from newsletter.times import Warmup


def test_a_plan_says_how_many_on_each_day() -> None:
    plan = Warmup("500, x1.5 daily")

    assert [plan.allowance(day) for day in range(4)] == [500, 750, 1125, 1687]


def test_a_plan_that_ran_for_years_is_no_limit() -> None:
    assert Warmup("1, x100 daily").allowance(100_000) == 10**9


def test_off_is_no_plan() -> None:
    assert Warmup("off").first == 0


@pytest.mark.parametrize(
    "text", ["", "500", "500, x1 daily", "0, x2 daily", "500, x0.5 daily", "500 x2", "500, x2 weekly"]
)
def test_what_is_no_plan_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"write 500, x1\.5 daily"):
        Warmup(text)
