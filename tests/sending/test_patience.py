"""A provider that takes nothing is waited for as long as the settings say, however many calls it refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.providers.base import Answer, Outcome, Result
from newsletter.sending import pacing
from newsletter.sending.pacing import Reaction, RunHistory
from newsletter.times import Duration
from tests.support.sending import NOW

pytestmark = pytest.mark.usefixtures("each_database")

BUSY = Answer(results=(Result(outcome=Outcome.BUSY, reason="Postmark is busy"),))
TAKEN = Answer(results=(Result(outcome=Outcome.ACCEPTED),))
PUT_OFF = Answer(results=(Result(outcome=Outcome.BUSY, reason="450 greylisted", alone=True),))


class Run:
    """A run's answers, one after the other, and a clock that stands until it is moved."""

    def __init__(self, patience: str) -> None:
        self.now = NOW
        self.history = RunHistory()
        self._patience = Duration(patience)

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def react(self, no: int, answer: Answer) -> Reaction:
        _, reaction = self.answered(no, answer)
        return reaction

    def answered(self, no: int, answer: Answer) -> tuple[Answer, Reaction]:
        answer, self.history = pacing.reject_deferred(answer, no, self._patience, self.history, self.now)
        reaction, self.history = pacing.react(answer, no, patience=self._patience, history=self.history, now=self.now)
        return answer, reaction


def test_calls_that_were_refused_together_are_one_try() -> None:
    run = Run("30m")

    first = run.react(1, BUSY)
    run.forward(0.1)
    others = [run.react(no, BUSY) for no in (2, 3, 4)]

    assert first.remark.startswith("Postmark is busy. Trying again in ")
    assert [reaction.remark for reaction in others] == ["", "", ""]
    assert all(0 < reaction.wait < first.wait for reaction in others)


def test_it_pauses_when_patience_is_over_and_not_before() -> None:
    run = Run("1m")
    reaction = Reaction()
    while not reaction.pause:
        run.forward(reaction.wait)
        reactions = [run.react(no, BUSY) for no in range(1, 5)]
        reaction = reactions[0]

    assert run.now - NOW == timedelta(minutes=1)
    assert reaction.pause == "Postmark is busy, for longer than 1m"


def test_after_a_call_that_was_taken_patience_begins_anew() -> None:
    run = Run("1m")
    run.react(1, BUSY)
    run.forward(50)
    run.react(2, TAKEN)
    run.forward(50)

    assert run.react(3, BUSY).pause == ""


def test_without_patience_the_first_refusal_pauses() -> None:
    assert Run("0s").react(1, BUSY).pause == "Postmark is busy, for longer than 0s"


def test_a_reader_who_is_put_off_is_rejected_after_patience_when_others_were_taken_meanwhile() -> None:
    run = Run("1m")
    _, first = run.answered(1, PUT_OFF)
    run.forward(30)
    run.react(2, TAKEN)
    run.forward(30)

    answer, reaction = run.answered(1, PUT_OFF)

    assert first.remark == "450 greylisted. Tried again by itself for 1m."
    assert not first.is_for_all
    assert [(result.outcome, result.reason) for result in answer.results] == [
        (Outcome.REJECTED, "450 greylisted, for longer than 1m")
    ]
    assert reaction == Reaction()


def test_when_nobody_else_is_taken_it_is_the_provider_after_all() -> None:
    run = Run("1m")
    run.react(1, PUT_OFF)
    run.forward(60)

    reaction = run.react(1, PUT_OFF)

    assert (reaction.pause, reaction.gives_way) == ("450 greylisted, for longer than 1m", True)
