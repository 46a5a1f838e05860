"""Limit how often each key may ask: never more requests than `[api] per_key` says, in any span of its time.

The counts are in the server's memory: a server that starts again begins at zero, and each server counts its own.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

from newsletter.rates import Rate, SlottedWindow, Window

SLOTS = 20
"""The parts of a limit's time: a request counts at most a twentieth of it too long."""


class KeyLimits:
    """The requests that each key made lately; several threads may ask at once."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns seconds."""
        self._windows = rate.windows
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[int, list[_WindowCount]] = defaultdict(
            lambda: [_WindowCount(each) for each in self._windows]
        )

    def take(self, key_id: int) -> int:
        """Count a request of a key; return 0, or without counting it the whole seconds until it may ask again."""
        if not self._windows:
            return 0
        now = self._clock()
        with self._lock:
            counts = self._counts[key_id]
            wait = max(count.wait(now) for count in counts)
            if wait <= 0:
                for count in counts:
                    count.add(now)
                return 0
        return max(1, math.ceil(wait))


class _WindowCount:
    """How much of one window a key has used."""

    def __init__(self, window: Window) -> None:
        self._most = window.messages
        self._slotted = SlottedWindow(seconds=window.per, slots=SLOTS)
        self._uses: deque[list[int]] = deque()
        """Pairs of slot and requests, oldest first."""
        self._total = 0

    def wait(self, now: float) -> float:
        """Return the seconds until there is room; 0 when there is some."""
        while self._uses and self._slotted.counts_until(self._uses[0][0]) <= now:
            self._total -= self._uses.popleft()[1]
        return self._slotted.counts_until(self._uses[0][0]) - now if self._total >= self._most else 0

    def add(self, now: float) -> None:
        """Count a request."""
        slot = self._slotted.slot_at(now)
        if not self._uses or self._uses[-1][0] != slot:
            self._uses.append([slot, 0])
        self._uses[-1][1] += 1
        self._total += 1
