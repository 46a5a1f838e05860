"""Stragglers: readers whom their own mail server puts off, while the provider takes everyone else's message.

Says how long they are waited for. Pure: times come in. A provider that takes nothing at all is
`pacing`'s affair.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from msgspec import structs

from newsletter.providers.base import Answer, Outcome, Result
from newsletter.times import Duration


class Stragglers:
    """Of one run; batches are named by their numbers."""

    def __init__(self, patience: Duration) -> None:
        self._patience = patience
        self._since: dict[int, datetime] = {}
        self._tries: dict[int, int] = {}
        self._taken_at: datetime | None = None

    def judged(self, no: int, answer: Answer, now: datetime) -> Answer:
        """The answer; who was put off for longer than patience, while others were taken, is rejected in it."""
        if Outcome.ACCEPTED in answer.outcomes:
            self._taken_at = now
        if Outcome.BUSY not in answer.outcomes or not any(result.alone for result in answer.results):
            return answer
        self._tries[no] = self.tries(no) + 1
        since = self._since.setdefault(no, now)
        if not self.is_too_long(no, now) or self._taken_at is None or self._taken_at < since:
            return answer
        return replace(answer, results=tuple(map(self._rejected, answer.results)))

    def tries(self, no: int) -> int:
        """In a row."""
        return self._tries.get(no, 0)

    def is_too_long(self, no: int, now: datetime) -> bool:
        """Whether it was tried for longer than patience."""
        return no in self._since and now - self._since[no] >= self._patience.delta

    def _rejected(self, result: Result) -> Result:
        if not result.alone:
            return result
        reason = f"{result.reason}, for longer than {self._patience}"
        return structs.replace(result, outcome=Outcome.REJECTED, reason=reason, alone=False, retryable=True)
