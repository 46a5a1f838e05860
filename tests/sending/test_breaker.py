"""A campaign pauses when so many messages are refused or lost that a person should look."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import Share
from newsletter.providers.base import Answer, Concern, Outcome, Provider, Result
from newsletter.providers.postmark import POSTMARK
from newsletter.providers.smtp import SMTP
from newsletter.sending import circuit_breaker
from tests.support.sending import NOW

pytestmark = pytest.mark.usefixtures("each_database")


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


def refused(words: str, about: Concern = Concern.SENDER) -> Result:
    return Result(outcome=Outcome.REJECTED, reason=words, about=about, retryable=True)


LOST = Answer(results=(Result(outcome=Outcome.UNKNOWN, reason="500"),) * 50)
TAKEN = Answer(results=(Result(outcome=Outcome.ACCEPTED),))
GONE = Answer(results=(refused("550 5.1.1 unknown", Concern.READER),))


def closed(provider: Provider = POSTMARK, most: str = "off") -> circuit_breaker.CircuitBreaker:
    return circuit_breaker.CircuitBreaker(Share(most), provider, lambda: NOW, lambda: False)


def follow(breaker: circuit_breaker.CircuitBreaker, *answers: Answer) -> None:
    for answer in answers:
        breaker.watch(partial(take, answer))


def take(answer: Answer) -> Answer:
    return answer


def calls_until_open(breaker: circuit_breaker.CircuitBreaker, answer: Answer, threads: int) -> int:
    """How many calls are made when these threads get nothing but this answer, the first ones all at once."""
    made, lock, together = 0, threading.Lock(), threading.Barrier(threads)

    def call() -> Answer:
        nonlocal made
        with lock:
            made += 1
            is_first = made <= threads
        if is_first:
            together.wait(10)
        return answer

    def work() -> None:
        while breaker.watch(call):
            pass

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    return made


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 8])
def test_never_more_calls_are_unknown_than_were_in_the_air(threads: int) -> None:
    breaker = closed()

    assert calls_until_open(breaker, LOST, threads) == max(threads, circuit_breaker.MOST_LOST)
    assert breaker.trip
    assert breaker.trip.why.endswith("calls in a row have no answer of the provider's own: 500")
    assert breaker.trip.is_of_provider


@pytest.mark.parametrize("threads", [1, 4, 8])
def test_equal_refusals_are_counted_over_all_threads(threads: int) -> None:
    breaker = closed(SMTP)

    made = calls_until_open(breaker, Answer(results=(refused("550 5.7.1 <r1@example.com> blocked"),)), threads)

    assert circuit_breaker.MOST_EQUAL <= made < circuit_breaker.MOST_EQUAL + threads


def test_an_answer_of_the_provider_s_own_ends_a_row_of_lost_ones() -> None:
    breaker = closed()

    for _ in range(50):
        follow(breaker, LOST, LOST, LOST, TAKEN)

    assert breaker.trip is None


def test_a_call_that_was_not_taken_neither_adds_to_a_row_nor_ends_it() -> None:
    breaker, busy = closed(), Answer(results=(Result(outcome=Outcome.BUSY),))

    follow(breaker, LOST, busy, LOST, busy, LOST, busy)
    before = breaker.trip
    follow(breaker, LOST)

    assert (before, breaker.trip is None) == (None, False)


def test_only_equal_refusals_make_a_row_and_dead_addresses_between_do_not_end_it() -> None:
    breaker = closed(SMTP)
    for number in range(9):
        for words in (f"550 5.7.1 <r{number}@example.com> blocked", f"554 too long, see 4F{number}"):
            follow(breaker, Answer(results=(refused(words),)), GONE)
    before = breaker.trip

    follow(breaker, Answer(results=(refused("550 5.7.1 <r10@example.com> blocked"),)))

    assert before is None
    assert breaker.trip
    assert (breaker.trip.cause, breaker.trip.since) == ("5.7.1", NOW)


def test_an_accepted_message_ends_a_row_of_refusals() -> None:
    breaker = closed(SMTP)

    for _ in range(20):
        follow(breaker, *[Answer(results=(refused("550 5.7.1 blocked"),))] * 9, TAKEN)

    assert breaker.trip is None


def test_a_mail_server_that_hangs_up_after_every_message_costs_a_hundred() -> None:
    breaker = closed(SMTP, "5%")
    lost = Answer(results=(Result(outcome=Outcome.UNKNOWN, reason="it hung up"),))

    assert calls_until_open(breaker, lost, 4) < circuit_breaker.FEWEST_ANSWERED + 4
    assert breaker.trip
    assert breaker.trip.why.startswith("100 of the last 100 messages were rejected or are unknown, more than 5%")


def test_a_refusal_after_it_opened_counts_for_nobody() -> None:
    breaker = closed()
    answer = Answer(results=(refused("no stream"),) * 500)

    seen = breaker.watch(lambda: answer)

    assert seen
    assert seen.outcomes == {Outcome.REJECTED: 10, Outcome.BUSY: 490}


def test_a_call_is_made_no_more_when_the_run_ends_while_it_is_held_back() -> None:
    ending = threading.Event()
    breaker = circuit_breaker.CircuitBreaker(Share("off"), POSTMARK, lambda: NOW, ending.is_set)
    in_the_air = threading.Event()
    for _ in range(3):
        breaker.watch(lambda: LOST)
    slow = threading.Thread(target=breaker.watch, args=(lambda: in_the_air.wait(10) and TAKEN,))
    slow.start()
    held: list[Answer | None] = []
    waiting = threading.Thread(target=lambda: held.append(breaker.watch(lambda: TAKEN)))
    waiting.start()

    ending.set()
    waiting.join(10)
    in_the_air.set()
    slow.join(10)

    assert held == [None]


@given(
    st.lists(st.lists(st.sampled_from(["accepted", "gone", "blocked", "unknown", "busy"]), min_size=1), max_size=60),
    st.sampled_from(["5%", "50%", "off"]),
    st.sampled_from([POSTMARK, SMTP]),
)
def test_whatever_comes_nobody_is_lost_or_made_accepted(calls: list[list[str]], most: str, provider: Provider) -> None:
    breaker = closed(provider, most)
    kinds = {
        "accepted": Result(outcome=Outcome.ACCEPTED),
        "gone": refused("550 5.1.1 unknown", Concern.READER),
        "blocked": refused("550 5.7.1 blocked"),
        "unknown": Result(outcome=Outcome.UNKNOWN, reason="500"),
        "busy": Result(outcome=Outcome.BUSY),
    }
    for names in calls:
        answer = Answer(results=tuple(kinds[name] for name in names))
        is_open = breaker.trip is not None
        seen = breaker.watch(partial(take, answer))
        assert (seen is None) == is_open
        for before, after in zip(answer.results, seen.results if seen else (), strict=False):
            assert after == before or (before.outcome, after.outcome) == (Outcome.REJECTED, Outcome.BUSY)
