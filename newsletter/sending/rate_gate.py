"""Let calls leave in their turn: when the provider's rate and quotas, which all senders share, allow.

What is left of the rate is rate_limits.py, in the database. Everything that is mailed passes here: campaigns,
confirmations, welcomes, tests and notices.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from newsletter.campaigns import counts, schedule
from newsletter.config import PublicationSettings
from newsletter.rates import Rate
from newsletter.sending import rate_limits
from newsletter.sending.rate_limits import ProviderLimits, Reservation
from newsletter.times import Clock

ASK_AGAIN = 10.0
"""Seconds, at most, between two looks at a quota that is used up."""


class TurnTaker(Protocol):
    """A sender that waits for its turn."""

    @property
    def is_stopping(self) -> bool:
        """Tell whether nothing more is to be handed over."""

    def writer(self) -> AbstractContextManager[Connection]:
        """Open a transaction that writes."""

    def wait(self, seconds: float) -> None:
        """Wait, but not on once it is stopping."""

    def say_once(self, sentence: str) -> None:
        """Say something a person wants to know now, unless it was the last thing said; empty: forget that."""


class RateGate:
    """Make the calls of one sender wait for their turn; several threads may use it at once."""

    def __init__(
        self,
        taker: TurnTaker,
        publication: PublicationSettings,
        provider: str,
        rate: Rate,
        clock: Clock,
        longest: float = math.inf,
        *,
        most_ahead: float = math.inf,
    ) -> None:
        """`longest`: a quota that is used up for more seconds than that is not waited for.

        `most_ahead`: neither is a turn that has more seconds of other messages before it.
        """
        send, zone = publication.config.send, publication.config.publication.timezone
        self._taker = taker
        self._publication = publication
        self._provider = provider
        self._limits = ProviderLimits(rate=rate, warmup=send.warmup, zone=zone)
        self._clock = clock
        self._longest, self._most_ahead = longest, most_ahead
        self.opens_at: datetime | None = None
        """When the quota that is not waited for has room again."""

    def is_open(self, connection: Connection) -> bool:
        """Tell whether any number of messages may leave now without a turn; only reads."""
        return rate_limits.is_free(connection, self._provider, self._limits, self._clock())

    def take_turn(self, count: int) -> bool:
        """Wait until `count` messages may leave; False when the sender is stopping or a quota is full for too long."""
        while not self._taker.is_stopping:
            with self._taker.writer() as connection:
                turn = rate_limits.reserve(
                    connection, self._provider, count, self._limits, self._clock(), self._most_ahead
                )
            if turn.is_far:
                self.opens_at = self._clock() + timedelta(seconds=turn.wait)
                return False
            if turn.full and turn.wait > self._longest:
                return self._close(turn)
            self._taker.say_once(f"{turn.full}: that is used up; it goes on by itself." if turn.full else "")
            self._taker.wait(min(turn.wait, ASK_AGAIN) if turn.full else turn.wait)
            if not turn.full:
                return self._keep_turn(count)
        return False

    def give_back(self, connection: Connection, count: int) -> None:
        """Give back the turn of `count` messages that do not leave after all."""
        if count:
            rate_limits.refund(connection, self._provider, count, self._limits, self._clock())

    def slow_down(self, connection: Connection, count: int, *, handed_at: datetime, wait: float) -> None:
        """Make all senders slower for a while: a call of `count` messages was refused as too much."""
        now = self._clock()
        speed = counts.speed(connection, self._provider, now) or count
        rate = self._limits.rate
        rate_limits.slow_down(connection, self._provider, rate, seen=speed, handed_at=handed_at, wait=wait, now=now)

    def _keep_turn(self, count: int) -> bool:
        if not self._taker.is_stopping:
            return True
        with self._taker.writer() as connection:
            self.give_back(connection, count)
        return False

    def _close(self, turn: Reservation) -> bool:
        """Say when it goes on. Nothing was reserved; other calls may have their turn still."""
        if not self.opens_at:
            self.opens_at = self._clock() + timedelta(seconds=turn.wait)
            when = schedule.wall_clock(self._publication, self.opens_at)
            comes_back = self._most_ahead < math.inf
            ending = (
                f"it goes on by itself at {when}" if comes_back else f"the first `newsletter run` after {when} goes on"
            )
            self._taker.say_once(f"{turn.full}: that is used up; {ending}.")
        return False
