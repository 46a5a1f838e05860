"""Rates and warm-up plans as users write them, and the slots that limits count in."""

from __future__ import annotations

import pytest

from newsletter.rates import Rate, SlottedWindow, Warmup


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("50/s", 50), ("600/m", 10), ("7200/h", 2), ("86400/d", 1), ("off", 0), ("50000/d, 14/s", 14)],
)
def test_a_rate_is_a_number_per_unit(text: str, per_second: float) -> None:
    assert Rate(text).per_second == per_second


@pytest.mark.parametrize(
    ("given", "usual", "both"),
    [
        ("1000/s", "14/s, 250/h, 50000/d", "1000/s, 50000/d, 250/h"),
        ("2/s", "off", "2/s"),
        ("2/s", "14/s", "2/s"),
        ("off", "14/s, 250/h", "off"),
    ],
)
def test_another_pace_leaves_the_quotas_as_they_are(given: str, usual: str, both: str) -> None:
    assert Rate(given).within(Rate(usual)) == both


@pytest.mark.parametrize("text", ["", "50", "50/w", "0/s", "-1/s", "1.5/s", "s", "50 per second", "50/s,", "off, 50/s"])
def test_what_is_no_rate_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="write 50/s"):
        Rate(text)


def test_of_several_windows_the_fastest_is_the_pace_and_the_others_are_quotas() -> None:
    rate = Rate("50000/d, 14/s, 5000/h")

    assert [(quota.messages, quota.per) for quota in rate.quotas] == [(5000, 3600), (50000, 86400)]
    assert Rate("14/s").quotas == ()


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


@pytest.mark.parametrize("slots", [1, 12, 50])
@pytest.mark.parametrize("seconds", [60, 3600, 86400])
@pytest.mark.parametrize("moment", [0.0, 1_736_971_200.25, 1_736_971_259.75])
def test_a_use_counts_for_its_window_and_at_most_a_slot_longer(seconds: int, slots: int, moment: float) -> None:
    window = SlottedWindow(seconds=seconds, slots=slots)

    counted_for = window.counts_until(window.slot_at(moment)) - moment

    assert seconds < counted_for <= seconds + window.length
