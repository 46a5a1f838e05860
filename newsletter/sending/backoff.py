"""How fast, and how long to wait. Pure: times come in and go out as numbers of seconds.

The pace is GCRA (ITU-T I.371): one number, the time at which the last message is due, is
all that has to be remembered and shared. A quota is what was spent in its time, in slots.
What a busy provider makes of the pace is a ceiling that rises again by itself.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from newsletter.times import Rate, Warmup

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries at a busy provider, whatever it asks for."""
SLOTS = 50
"""Into which a quota's time is cut: what was spent comes back at most a fiftieth too late, never too early."""
PIECES = 10
"""A batch is at most a tenth of a quota, so that little of it stays unused."""
SLOWER = 0.5
"""Of the pace at which a provider was too busy."""
RECOVERY = 1.02
"""By which the ceiling rises each second: twice as high after 35 seconds."""
FORGOTTEN = 600
"""Seconds after which a provider without a configured rate counts as recovered."""


def reserve(due: float, now: float, count: int, per_second: float) -> tuple[float, float]:
    """When the last of these `count` messages is due, and the seconds to wait before they leave.

    `due` is the first number of the last call (0 at first). They leave together when the last is due: never
    faster than the pace, from the first second on. Time that went by unused is not made up for.
    """
    due = max(due, now) + count / per_second
    return due, due - now


def room_in(spent: Sequence[tuple[float, int]], count: int, most: int, now: float) -> float:
    """Seconds until `count` more fit into a quota of `most`; 0: now.

    `spent` is how many still count and until when, ascending. More than the whole quota fits when nothing counts.
    """
    left = [(until, number) for until, number in spent if until > now]
    total, wait = sum(number for _, number in left), 0.0
    for until, number in left:
        if total + count <= most:
            break
        total, wait = total - number, until - now
    return wait


def batch_size(most: int, rate: Rate, warmup: Warmup, calls: float) -> int:
    """Recipients in a batch: `most`, fewer when the pace makes do with smaller ones at `calls` a second.

    Small batches keep the rate even, and lose less of a quota's rest.
    """
    shares = [window.messages // PIECES for window in rate.quotas]
    if rate.per_second:
        shares.append(int(rate.per_second / calls))
    if warmup.first:
        shares.append(warmup.first // PIECES)
    return max(1, min([most, *shares]))


def ceiling(height: float | None, seconds: float) -> float | None:
    """Messages a second, `seconds` after a provider was slowed down to `height`; None: no limit."""
    if height is None or seconds > FORGOTTEN:
        return None
    return float(height * RECOVERY ** max(seconds, 0.0))


def pause(tries: int, asked: float | None = None) -> float:
    """Seconds until a busy provider is tried again, after `tries` (1, 2, ...) in a row.

    `asked` is what the provider itself said; otherwise doubling from a second, with jitter
    so that several senders do not come back together.
    """
    wait = asked if asked is not None else 2.0 ** min(tries - 1, 10) * random.uniform(0.75, 1.25)
    return min(max(wait, SHORTEST_PAUSE), LONGEST_PAUSE)
