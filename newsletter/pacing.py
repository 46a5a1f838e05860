"""Pacing: when one run of a campaign may hand over, waits for a busy provider, or had better ask a person.

Decides; waits for nothing and ends nothing itself. The limits that all runs share are `rates`,
the arithmetic is `throttle`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter import rates, throttle
from newsletter.breaker import Breaker
from newsletter.campaigns import counts
from newsletter.config import Publication
from newsletter.providers.base import Answer, Outcome, Provider, Result
from newsletter.rates import Limits, Turn
from newsletter.stragglers import Stragglers
from newsletter.times import Clock, Rate


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """What an answer of the provider means for the run."""

    wait: float = 0.0
    """Seconds until those it did not take are tried again."""
    pause: str = ""
    """Why the campaign pauses."""
    remark: str = ""
    """What a person wants to know now."""
    gives_way: bool = False
    """It pauses for the provider's sake: another one may do."""
    is_for_all: bool = True
    """All calls had better wait; else only this batch does."""


def batch_size(publication: Publication, provider: Provider, rate: Rate) -> int:
    """Recipients in a batch of a new campaign."""
    warmup = publication.config.send.warmup
    return throttle.batch_size(provider.batch_size, rate, warmup, provider.calls_per_second)


class Pacing:
    """Of one run; several threads may ask it at once."""

    def __init__(self, publication: Publication, rate: Rate, clock: Clock) -> None:
        send = publication.config.send
        self._limits = Limits(rate=rate, warmup=send.warmup, zone=publication.config.publication.timezone)
        self._patience = send.patience
        self._breaker = Breaker(send.max_rejected)
        self._clock = clock
        self._stragglers = Stragglers(send.patience)
        self._deciding = threading.Lock()
        self._busy_since: datetime | None = None
        self._busy_until: datetime | None = None
        """When it is tried again; calls that were in the air together wait for the same moment."""
        self._busy_tries = 0

    def is_free(self, connection: Connection, provider: str) -> bool:
        """Whether any number of messages may leave through the provider now; only reads."""
        return rates.is_free(connection, provider, self._limits, self._clock())

    def take(self, connection: Connection, provider: str, count: int) -> Turn:
        """When `count` messages may leave through the provider."""
        return rates.reserve(connection, provider, count, self._limits, self._clock())

    def give_back(self, connection: Connection, provider: str, count: int) -> None:
        """They did not leave after all."""
        rates.refund(connection, provider, count, self._limits, self._clock())

    def slow_down(
        self, connection: Connection, provider: str, answer: Answer, *, handed_at: datetime, wait: float
    ) -> None:
        """When the provider took nothing of a call, all senders go slower for a while, and then faster again."""
        if not answer.is_busy or answer.stop:
            return
        now = self._clock()
        seen = counts.speed(connection, provider, now) or len(answer.results)
        rate = self._limits.rate
        rates.slow_down(connection, provider, rate, seen=seen, handed_at=handed_at, wait=wait, now=now)

    def judged(self, no: int, answer: Answer) -> Answer:
        """The answer to batch `no`, as the patience with single readers has it."""
        with self._deciding:
            return self._stragglers.judged(no, answer, self._clock())

    def react(self, no: int, answer: Answer) -> Reaction:
        """What to do about a judged answer to batch `no`."""
        if answer.stop:
            return Reaction(pause=answer.stop, gives_way=True)
        with self._deciding:
            if tripped := self._breaker.follow(answer):
                return Reaction(pause=f"{tripped}. Look at the reasons before you go on")
            return self._patient(no, answer)

    def _patient(self, no: int, answer: Answer) -> Reaction:
        busy = [result for result in answer.results if result.outcome is Outcome.BUSY]
        everyone = next((result.reason for result in busy if not result.alone), None)
        if everyone is not None:
            return self._wait_for_provider(everyone, answer)
        if len(busy) < len(answer.results):
            self._busy_since, self._busy_until, self._busy_tries = None, None, 0
        return self._wait_for_readers(no, busy) if busy else Reaction()

    def _wait_for_readers(self, no: int, busy: Sequence[Result]) -> Reaction:
        """Only their batch waits; when nobody else's message was taken meanwhile, it is the provider after all."""
        words, tries = busy[0].reason, self._stragglers.tries(no)
        if self._stragglers.is_too_long(no, self._clock()):
            return Reaction(pause=f"{words}, for longer than {self._patience}", gives_way=True)
        remark = f"{words}. Tried again by itself for {self._patience}." if tries == 1 else ""
        return Reaction(wait=throttle.pause(tries), remark=remark, is_for_all=False)

    def _wait_for_provider(self, words: str, answer: Answer) -> Reaction:
        now = self._clock()
        self._busy_since = self._busy_since or now
        left = (self._busy_since + self._patience.delta - now).total_seconds()
        if left <= 0:
            return Reaction(pause=f"{words}, for longer than {self._patience}", gives_way=True)
        if self._busy_until and now < self._busy_until:  # a call that was in the air with the last one
            return Reaction(wait=min((self._busy_until - now).total_seconds(), throttle.LONGEST_PAUSE))
        self._busy_tries += 1
        wait = min(throttle.pause(self._busy_tries, answer.retry_after), left)
        self._busy_until = now + timedelta(seconds=wait)
        return Reaction(wait=wait, remark=f"{words}. Trying again in {wait:.0f} s.")
