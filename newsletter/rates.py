"""Rates, quotas and warm-up plans: how many messages in how much time, as users write them.

Pure: nothing here reads a clock or a database. How much of a limit is used up is kept by `sending/rate_limits.py`
for providers and by `subscribers/rate_limits.py` for forms; both count in the slots of `SlottedWindow`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from newsletter.times import OFF, SECONDS

_UNITS = {seconds: unit for unit, seconds in SECONDS.items()}
_RATE = re.compile(r"(\d{1,9})\s*/\s*([smhd])")
_PLAN = re.compile(r"(\d{1,9})\s*,\s*x\s*(\d{1,3}(?:\.\d{1,3})?)\s+daily")
_NO_LIMIT = 10**9


@dataclass(frozen=True, kw_only=True)
class Window:
    """A number of messages in a number of seconds: one part of a rate."""

    messages: int
    per: int
    """Seconds."""

    @property
    def per_second(self) -> float:
        """Messages per second, evenly spread."""
        return self.messages / self.per


@dataclass(frozen=True, kw_only=True)
class SlottedWindow:
    """The time of a rolling limit, cut into slots: what is used counts by its slot, never too short.

    A use counts until its whole slot has left the window, so at most one slot's length too long.
    """

    seconds: int
    """The time of the limit: 86400 for `50000/d`."""
    slots: int
    """How many parts the time has."""

    @property
    def length(self) -> float:
        """Seconds from one slot to the next."""
        return self.seconds / self.slots

    def slot_at(self, moment: float) -> int:
        """Return the number of the slot that holds a Unix time."""
        return int(moment // self.length)

    def counts_until(self, slot: int) -> float:
        """Return the Unix time at which uses in the slot stop to count."""
        return (slot + 1) * self.length + self.seconds


class Rate(str):
    """`50/s`, `1000/m`, several as `14/s, 50000/d`, or `off` for no limit; the text as written, with its meaning.

    Raises ValueError with what is allowed.
    """

    windows: tuple[Window, ...]
    """The fastest window first; empty when off."""

    def __new__(cls, text: str) -> Rate:
        """Parse what a user wrote."""
        self = super().__new__(cls, text)
        windows = [] if text == OFF else [_window(part, text) for part in text.split(",")]
        self.windows = tuple(sorted(windows, key=lambda window: -window.per_second))
        return self

    @property
    def per_second(self) -> float:
        """The pace in messages per second: that of the fastest window; 0 when off."""
        return self.windows[0].per_second if self.windows else 0.0

    @property
    def quotas(self) -> tuple[Window, ...]:
        """The windows but the fastest: what may be used up at the pace, and then has to come back."""
        return self.windows[1:]

    def within(self, limits: Rate) -> Rate:
        """Return this rate with the quotas of `limits` added; `off` stays off, and lifts all limits.

        A faster pace must not use up the provider's account.
        """
        quotas = (f"{window.messages}/{_UNITS[window.per]}" for window in limits.quotas)
        return Rate(", ".join([self, *quotas])) if self.windows else self


def _window(part: str, text: str) -> Window:
    match = _RATE.fullmatch(part.strip())
    if not match or not int(match[1]):
        raise ValueError(f'"{text}" is not a rate; write 50/s, 1000/m or 50000/d, or several: 14/s, 50000/d')
    return Window(messages=int(match[1]), per=SECONDS[match[2]])


class Warmup(str):
    """A warm-up plan, `500, x1.5 daily`, or `off`; the text as written, with its meaning.

    A new sender may send more each day: mail systems distrust one that begins with a flood. Raises ValueError
    with what is allowed.
    """

    first: int
    """Messages on the first day; 0 when off."""
    factor: float
    """The factor from each day's number to the next day's."""

    def __new__(cls, text: str) -> Warmup:
        """Parse what a user wrote."""
        match = _PLAN.fullmatch(text.strip())
        if text != OFF and not (match and int(match[1]) and float(match[2]) > 1):
            raise ValueError(f'"{text}" is not a warm-up plan; write 500, x1.5 daily')
        self = super().__new__(cls, text)
        self.first, self.factor = (int(match[1]), float(match[2])) if match else (0, 1.0)
        return self

    def allowance(self, day: int) -> int:
        """Return how many messages `day` allows; 0 is the first day. Call it only on a plan that is not off."""
        # Compared as logarithms: after some years the power would not fit into a float.
        if math.log(self.first) + day * math.log(self.factor) > math.log(_NO_LIMIT):
            return _NO_LIMIT
        return int(self.first * self.factor**day)
