"""A provider that takes nothing is waited for as long as the settings say, however many calls it refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from newsletter.providers.base import Answer, Outcome, Result
from newsletter.sending.pacing import Pacing, Reaction
from newsletter.times import Rate
from tests.support.sending import NOW, settings

BUSY = Answer(results=(Result(outcome=Outcome.BUSY, reason="Postmark is busy"),))
TAKEN = Answer(results=(Result(outcome=Outcome.ACCEPTED),))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def paced(folder: Path, patience: str) -> tuple[Pacing, Clock]:
    clock = Clock()
    return Pacing(settings(folder, f'[send]\npatience = "{patience}"\n'), Rate("off"), clock), clock


def test_calls_that_were_refused_together_are_one_try(tmp_path: Path) -> None:
    pacing, clock = paced(tmp_path, "30m")

    first = pacing.react(1, BUSY)
    clock.forward(0.1)
    others = [pacing.react(no, BUSY) for no in (2, 3, 4)]

    assert first.remark.startswith("Postmark is busy. Trying again in ")
    assert [one.remark for one in others] == ["", "", ""]
    assert all(0 < one.wait < first.wait for one in others)


def test_it_pauses_when_patience_is_over_and_not_before(tmp_path: Path) -> None:
    pacing, clock = paced(tmp_path, "1m")
    reaction = Reaction()
    while not reaction.pause:
        clock.forward(reaction.wait)
        reactions = [pacing.react(no, BUSY) for no in range(1, 5)]
        reaction = reactions[0]

    assert clock.now - NOW == timedelta(minutes=1)
    assert reaction.pause == "Postmark is busy, for longer than 1m"


def test_after_a_call_that_was_taken_patience_begins_anew(tmp_path: Path) -> None:
    pacing, clock = paced(tmp_path, "1m")
    pacing.react(1, BUSY)
    clock.forward(50)
    pacing.react(2, TAKEN)
    clock.forward(50)

    assert pacing.react(3, BUSY).pause == ""


def test_without_patience_the_first_refusal_pauses(tmp_path: Path) -> None:
    pacing, _ = paced(tmp_path, "0s")

    assert pacing.react(1, BUSY).pause == "Postmark is busy, for longer than 0s"
