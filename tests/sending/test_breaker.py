"""A campaign pauses when so many messages are rejected that a person should look."""

from __future__ import annotations

import pytest

from newsletter.config import Share
from newsletter.providers.base import Answer, Outcome, Result
from newsletter.providers.postmark import POSTMARK
from newsletter.sending import circuit_breaker
from tests.support.sending import NOW


def answer(accepted: int, rejected: int = 0, busy: int = 0) -> Answer:
    numbers = {Outcome.ACCEPTED: accepted, Outcome.REJECTED: rejected, Outcome.BUSY: busy}
    return Answer(results=tuple(Result(outcome=one) for one, number in numbers.items() for _ in range(number)))


class CircuitBreaker:
    """The answers of one run, one after the other."""

    def __init__(self, most: Share) -> None:
        self._breaker = circuit_breaker.CircuitBreaker(most, POSTMARK, lambda: NOW, lambda: False)

    def follow(self, answer: Answer) -> str:
        self._breaker.watch(lambda: answer)
        return self._breaker.trip.why.partition(". ")[0] if self._breaker.trip else ""


def test_a_few_rejections_are_everyday() -> None:
    circuit_breaker = CircuitBreaker(Share("5%"))

    assert [circuit_breaker.follow(answer(95, 5)) for _ in range(50)] == [""] * 50


def test_more_than_the_share_opens_it_with_the_numbers() -> None:
    circuit_breaker = CircuitBreaker(Share("5%"))

    assert circuit_breaker.follow(answer(94, 6)) == "6 of the last 100 messages were rejected, more than 5%"


def test_nothing_is_concluded_from_a_handful() -> None:
    assert CircuitBreaker(Share("5%")).follow(answer(0, 99)) == ""


def test_what_begins_late_is_seen_at_once_after_a_good_start() -> None:
    circuit_breaker = CircuitBreaker(Share("5%"))
    for _ in range(1000):
        assert circuit_breaker.follow(answer(500)) == ""

    assert circuit_breaker.follow(answer(400, 100)) != ""


def test_whoever_could_not_be_asked_is_not_counted() -> None:
    assert CircuitBreaker(Share("5%")).follow(answer(0, 50, busy=950)) == ""


def test_off_lets_everything_through() -> None:
    assert CircuitBreaker(Share("off")).follow(answer(0, 500)) == ""


@pytest.mark.parametrize("text", ["", "5", "0.05", "101%", "-1%", "many"])
def test_what_is_no_share_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 5%"):
        Share(text)
