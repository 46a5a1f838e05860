"""How fast, and how long to wait. Pure: times come in and go out as numbers of seconds.

The rate limit is GCRA (ITU-T I.371): one number, the time at which the next message
is due, is all that has to be remembered and shared.
"""

from __future__ import annotations

import random

from newsletter.times import Rate

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries at a busy provider, whatever it asks for."""
BURST_SECONDS = 10
"""A batch holds at most this many seconds' worth of the rate."""


def reserve(due: float, now: float, count: int, rate: Rate) -> tuple[float, float]:
    """When the message after these `count` is due, and the seconds to wait before sending them.

    `due` is the first number of the last call (0 at first). Time that went by unused is not made up for.
    """
    start = max(due, now)
    return start + count / rate.per_second, start - now


def batch_size(most: int, rate: Rate) -> int:
    """Recipients in a batch: the provider's `most`, fewer when that would be a long burst at this rate."""
    if not rate.messages:
        return most
    return max(1, min(most, int(rate.per_second * BURST_SECONDS)))


def pause(tries: int, asked: float | None = None) -> float:
    """Seconds until a busy provider is tried again, after `tries` (1, 2, ...) in a row.

    `asked` is what the provider itself said; otherwise doubling from a second, with jitter
    so that several senders do not come back together.
    """
    wait = asked if asked is not None else 2.0 ** min(tries - 1, 10) * random.uniform(0.75, 1.25)
    return min(max(wait, SHORTEST_PAUSE), LONGEST_PAUSE)
