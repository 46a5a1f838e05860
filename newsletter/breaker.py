"""The breaker: when so many messages are rejected that it is wiser to ask a person first.

Pure: counts what it is told. A list that was bought, a domain that has been blocked and a
broken template show here before they cost a reputation.
"""

from __future__ import annotations

from collections import deque

from newsletter.config import Share
from newsletter.providers.base import Answer, Outcome

LEAST = 100
"""Answers before anything is concluded."""
WINDOW = 1000
"""The latest answers that count, in whole batches."""


class Breaker:
    """Follows the answers of one run."""

    def __init__(self, most: Share) -> None:
        self._most = most
        self._latest: deque[tuple[int, int]] = deque()

    def follow(self, answer: Answer) -> str:
        """Count one answer; why the campaign should pause, or nothing."""
        rejected = answer.outcomes.get(Outcome.REJECTED, 0)
        self._latest.append((answer.outcomes.get(Outcome.ACCEPTED, 0) + rejected, rejected))
        while sum(answered for answered, _ in self._latest) - self._latest[0][0] >= WINDOW:
            self._latest.popleft()
        return self._verdict()

    def _verdict(self) -> str:
        answered = sum(answered for answered, _ in self._latest)
        rejected = sum(rejected for _, rejected in self._latest)
        if answered < LEAST or rejected <= answered * self._most.part:
            return ""
        return f"{rejected:,} of the last {answered:,} messages were rejected, more than {self._most}"
