"""Compute how fast messages may leave, and how long to wait. Pure: times are numbers of seconds.

The pace is GCRA (ITU-T I.371): one number, the time at which the last message is due, is
all that has to be remembered and shared. A quota is what was spent in its time, in slots.
A provider that was too busy gets a ceiling on its pace, which rises again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.rates import Rate, Warmup

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries at a busy provider, whatever it asks for."""
SLOTS = 50
"""Parts of a quota's time: what was spent comes back at most a fiftieth of it too late, never too early."""
PIECES = 10
"""A batch is at most a tenth of a quota, so that little of it stays unused."""
SLOWER = 0.5
"""The share of its pace that is left to a provider that was too busy."""
RECOVERY = 1.02
"""The factor by which the ceiling rises each second: twice as high after 35 seconds."""
FORGOTTEN = 600
"""Seconds after which a provider without a configured rate counts as recovered."""


def reserve(due: float, now: float, count: int, per_second: float) -> tuple[float, float]:
    """Return when the last of these `count` messages is due, and the seconds to wait before they leave.

    `due` is the first number of the last call (0 at first). They leave together when the last is due: never
    faster than the pace, from the first second on. Time that went by unused is not made up for.
    """
    due = max(due, now) + count / per_second
    return due, due - now


def room_in(spent: Sequence[tuple[float, int]], count: int, most: int, now: float) -> float:
    """Return the seconds until `count` more fit into a quota of `most`; 0 when they fit now.

    `spent` has pairs of until when messages count and how many, ascending. More than the whole quota fits when
    nothing counts.
    """
    left = [(until, number) for until, number in spent if until > now]
    total, wait = sum(number for _, number in left), 0.0
    for until, number in left:
        if total + count <= most:
            break
        total, wait = total - number, until - now
    return wait


def batch_size(most: int, rate: Rate, warmup: Warmup, calls: float) -> int:
    """Return how many recipients a batch has: `most`, or fewer where `calls` a second keep the pace with less.

    Small batches keep the rate even, and lose less of a quota's rest.
    """
    shares = [window.messages // PIECES for window in rate.quotas]
    if rate.per_second:
        shares.append(int(rate.per_second / calls))
    if warmup.first:
        shares.append(warmup.first // PIECES)
    return max(1, min([most, *shares]))


def ceiling(height: float | None, seconds: float) -> float | None:
    """Return the messages a second, `seconds` after a provider was slowed down to `height`; None for no limit."""
    if height is None or seconds > FORGOTTEN:
        return None
    return float(height * RECOVERY ** max(seconds, 0.0))


def pause(tries: int, retry_after: float | None = None, jitter: float = 1.0) -> float:
    """Return the seconds until a busy provider is tried again, after `tries` (1, 2, ...) in a row.

    `retry_after` is what the provider itself said; otherwise doubling from a second, times `jitter`.
    """
    wait = retry_after if retry_after is not None else 2.0 ** min(tries - 1, 10) * jitter
    return min(max(wait, SHORTEST_PAUSE), LONGEST_PAUSE)
