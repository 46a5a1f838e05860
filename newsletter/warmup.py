"""Warm-up: how many a day a new sender may send, more each day; mail systems distrust who begins with a flood.

Pure: which day it is, and how many were sent, comes in. Where that is kept is `rates`.
"""

from __future__ import annotations

import math
import re

from newsletter.times import OFF

_PLAN = re.compile(r"(\d{1,9})\s*,\s*x\s*(\d{1,3}(?:\.\d{1,3})?)\s+daily")
_NO_LIMIT = 10**9


class Warmup(str):
    """`500, x1.5 daily`, or `off`; the text as written, with its meaning. Raises ValueError with what is allowed."""

    first: int
    """Messages on the first day; 0 when off."""
    factor: float
    """What each day's number is multiplied by for the next."""

    def __new__(cls, text: str) -> Warmup:
        """From the text a user wrote."""
        match = _PLAN.fullmatch(text.strip())
        if text != OFF and not (match and int(match[1]) and float(match[2]) > 1):
            raise ValueError(f'"{text}" is not a warm-up plan; write 500, x1.5 daily')
        self = super().__new__(cls, text)
        self.first, self.factor = (int(match[1]), float(match[2])) if match else (0, 1.0)
        return self

    def allowance(self, day: int) -> int:
        """Messages on `day`: 0 is the first. Ask only a plan that is not off."""
        if math.log(self.first) + day * math.log(self.factor) > math.log(_NO_LIMIT):
            return _NO_LIMIT
        return int(self.first * self.factor**day)
