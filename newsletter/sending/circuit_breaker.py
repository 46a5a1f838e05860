"""Count a provider's refusals and lost answers as they come, and say when a campaign had better pause.

One breaker watches every call of a run, inside a batch and over all its threads. Three things open it: a short run of
equal refusals that are not about readers, calls in a row without the provider's own answer, and too large a share of
refusals. Nothing is written here; worker.py pauses the campaign and takes refusals back that were not the readers'.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import repeat

from msgspec import structs

from newsletter.config import Share
from newsletter.providers import refusals
from newsletter.providers.base import Answer, Concern, Outcome, Provider, Result
from newsletter.times import Clock

FEWEST_ANSWERED = 100
"""Answered messages before their share of rejections says anything."""
WINDOW = 1000
"""The latest answered messages that count."""
MOST_EQUAL = 10
"""Equal refusals in a row, none of them about a reader, that open it."""
MOST_LOST = 4
"""Calls in a row without an answer of the provider's own that open it: as many as a run has in the air.

A lost call of a single message counts as a refusal instead.
"""
LOOK = 0.2
"""Seconds between two looks at whether the run is ending, while a call is held back."""


@dataclass(frozen=True, kw_only=True)
class Trip:
    """The finding that opened the breaker."""

    why: str
    """Why the campaign pauses."""
    cause: str = ""
    """What the refusals have in common that are taken back, by `refusals.cause`; empty when none are."""
    since: datetime | None = None
    """When the first of them came."""
    is_of_provider: bool = False
    """Whether another provider may go on."""
    is_about_the_rest: bool = False
    """Whether it means nothing for a campaign of which nothing is left to be sent."""


class CircuitBreaker:
    """The count of one run's answers; several threads may use it at once."""

    def __init__(self, most: Share, provider: Provider, clock: Clock, is_ending: Callable[[], bool]) -> None:
        """`most`: the share of refused messages that is everyday; `is_ending`: whether no further call may begin."""
        self._most, self._clock, self._is_ending = most, clock, is_ending
        self._is_single = bool(provider.window)
        # Where the provider knows our keys, the same call is made again and tells: that waits as for a busy provider.
        self._knows_keys = provider.dedupe is not None
        self._changed = threading.Condition()
        self._in_the_air = 0
        self._lost = 0
        self._latest: deque[bool] = deque(maxlen=WINDOW)
        """For each of the latest messages, whether it was refused, or lost alone."""
        self._bad = 0
        self._equal: Counter[str] = Counter()
        """Refusals since the last accepted message that are not about readers, by their cause."""
        self._words: dict[str, str] = {}
        self._since: datetime | None = None
        self._has_accepted = self._has_lost = False
        self.trip: Trip | None = None
        """What opened it; None while it is closed."""

    def watch(self, call: Callable[[], Answer]) -> Answer | None:
        """Make a call when it may begin, and count its answer; None when no further call may begin.

        Refusals that come after it has opened count for nobody: those readers are BUSY in the answer that is returned.
        """
        if not self._begin():
            return None
        answer = None
        try:
            answer = call()
        finally:
            with self._changed:  # one lock for both: a mail server's answers are thousands a second
                answer = answer and self._counted(answer)
                self._in_the_air -= 1
                self._changed.notify_all()
        return answer

    def add_refusals(self, number: int) -> None:
        """Count messages that their readers' own servers put off for too long."""
        with self._changed:
            for _ in range(number):
                self._note(is_bad=True)
            self._count_share()

    def at_the_end(self) -> Trip | None:
        """Return what it means when no message is left: a campaign too small for a run, refused as a whole."""
        with self._changed:
            if self.trip or self._has_accepted or not self._equal:
                return None
            cause, _ = self._equal.most_common(1)[0]
            return self._refused(f"every message was refused, and not for a reader's sake: {self._words[cause]}", cause)

    def open(self, trip: Trip) -> None:
        """Open it for a finding of `at_the_end`."""
        self.trip = trip

    def _begin(self) -> bool:
        """Wait while lost answers make another call too risky: no more may be unknown than are in the air already."""
        with self._changed:
            while self._lost and self._lost + self._in_the_air >= MOST_LOST and not self._is_closed_for_good():
                self._changed.wait(LOOK)
            if self._is_closed_for_good():
                return False
            self._in_the_air += 1
            return True

    def _is_closed_for_good(self) -> bool:
        return self.trip is not None or self._is_ending()

    def _counted(self, answer: Answer) -> Answer:
        outcomes = answer.outcomes
        if outcomes.keys() == {Outcome.ACCEPTED}:
            self._accept(len(answer.results))
            return answer
        self._count_lost(answer)
        results = tuple(map(self._count, answer.results))
        return answer if results == answer.results else replace(answer, results=results)

    def _accept(self, number: int) -> None:
        if number == 1:
            self._note(is_bad=False)
        else:
            self._latest.extend(repeat(False, number))
            self._bad = self._bad and sum(self._latest)
        self._equal.clear()
        self._lost, self._has_accepted = 0, True

    def _count(self, result: Result) -> Result:
        """Count one message; return its result, which is BUSY when it was refused after the breaker had opened."""
        if result.outcome is Outcome.ACCEPTED:
            self._accept(1)
        elif result.outcome is Outcome.REJECTED:
            if self.trip and self._is_taken_back(result):
                return structs.replace(result, outcome=Outcome.BUSY, retryable=False)
            self._note(is_bad=True)
            self._count_refusal(result)
            self._count_share()
        elif result.outcome is Outcome.UNKNOWN and self._is_single and not self._knows_keys:
            self._note(is_bad=True)
            self._has_lost = True
            self._count_share()
        return result

    def _is_taken_back(self, result: Result) -> bool:
        assert self.trip is not None
        if self.trip.cause:
            return result.about is not Concern.READER and refusals.cause(result.reason) == self.trip.cause
        return not self._has_accepted

    def _note(self, *, is_bad: bool) -> None:
        self._bad += is_bad - (len(self._latest) == WINDOW and self._latest[0])
        self._latest.append(is_bad)

    def _count_refusal(self, result: Result) -> None:
        if result.about is Concern.READER or self.trip:
            return
        cause = refusals.cause(result.reason)
        self._since = self._since if self._equal and self._since else self._clock()
        self._equal[cause] += 1
        self._words[cause] = result.reason
        if (number := self._equal[cause]) >= MOST_EQUAL:
            why = f"{number} messages in a row were refused, and not for their readers' sake: {result.reason}"
            self.trip = self._refused(why, cause)

    def _refused(self, why: str, cause: str) -> Trip:
        return Trip(why=why, cause=cause, since=self._since, is_of_provider=True)

    def _count_share(self) -> None:
        answered = len(self._latest)
        if self.trip or answered < FEWEST_ANSWERED or self._bad <= answered * self._most.part:
            return
        what = "rejected or are unknown" if self._has_lost else "rejected"
        numbers = f"{self._bad:,} of the last {answered:,} messages were {what}, more than {self._most}"
        self.trip = Trip(why=f"{numbers}. Look at the reasons before you go on")

    def _count_lost(self, answer: Answer) -> None:
        """Count a call without an answer of the provider's own; one that it did not take says nothing."""
        kinds = answer.outcomes.keys()
        if self._is_single or self._knows_keys or kinds == {Outcome.BUSY}:
            return
        self._lost = self._lost + 1 if kinds == {Outcome.UNKNOWN} else 0
        if self._lost >= MOST_LOST and not self.trip:
            why = f"{self._lost} calls in a row have no answer of the provider's own: {answer.unknown_reason}"
            self.trip = Trip(why=why, is_of_provider=True, is_about_the_rest=True)
