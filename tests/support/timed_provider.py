"""A provider's server that measures how fast it is sent to."""

from __future__ import annotations

import time
from itertools import accumulate
from statistics import median
from typing import Any

from tests.support.provider_server import Postmark


class TimedPostmark(Postmark):
    """A server that remembers when each call was accepted, and how many messages it had."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[float, int]] = []

    def accept(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.taken.append((time.monotonic(), len(messages)))
        return super().accept(messages)

    @property
    def rate(self) -> float:
        """Messages a second: the median over pairs of calls half the campaign apart, so that no late call decides."""
        taken = sorted(self.taken)
        sent = list(accumulate((number for _, number in taken), initial=0))
        half = len(taken) // 2
        pairs = [(taken[i + half][0] - taken[i][0], sent[i + half] - sent[i]) for i in range(half)]
        return median(number / seconds for seconds, number in pairs)
