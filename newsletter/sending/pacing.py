"""Pacing: when one run of a campaign may hand over, waits for a busy provider, or had better ask a person.

Decides; waits for nothing and ends nothing itself. The limits that all runs share are `rates`,
the arithmetic is `throttle`.

Stragglers: readers whom their own mail server puts off, while the provider takes everyone else's message.

Says how long they are waited for. Pure: times come in. A provider that takes nothing at all is
`pacing`'s affair.

The breaker: when so many messages are rejected that it is wiser to ask a person first.

Pure: counts what it is told. A list that was bought, a domain that has been blocked and a
broken template show here before they cost a reputation.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from msgspec import structs
from sqlalchemy import Connection

from newsletter.campaigns import counts
from newsletter.config import Publication, Share
from newsletter.providers.base import Answer, Outcome, Provider, Result
from newsletter.sending import backoff, rate_limits
from newsletter.sending.rate_limits import ProviderLimits, Reservation
from newsletter.times import Clock, Duration, Rate


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
    return backoff.batch_size(provider.batch_size, rate, warmup, provider.calls_per_second)


class Pacing:
    """Of one run; several threads may ask it at once."""

    def __init__(self, publication: Publication, rate: Rate, clock: Clock) -> None:
        send = publication.config.send
        self._limits = ProviderLimits(rate=rate, warmup=send.warmup, zone=publication.config.publication.timezone)
        self._patience = send.patience
        self._circuit_breaker = CircuitBreaker(send.max_rejected)
        self._clock = clock
        self._deferred_recipients = DeferredRecipients(send.patience)
        self._deciding = threading.Lock()
        self._busy_since: datetime | None = None
        self._busy_until: datetime | None = None
        """When it is tried again; calls that were in the air together wait for the same moment."""
        self._busy_tries = 0

    def is_free(self, connection: Connection, provider: str) -> bool:
        """Whether any number of messages may leave through the provider now; only reads."""
        return rate_limits.is_free(connection, provider, self._limits, self._clock())

    def take(self, connection: Connection, provider: str, count: int) -> Reservation:
        """When `count` messages may leave through the provider."""
        return rate_limits.reserve(connection, provider, count, self._limits, self._clock())

    def give_back(self, connection: Connection, provider: str, count: int) -> None:
        """They did not leave after all."""
        rate_limits.refund(connection, provider, count, self._limits, self._clock())

    def slow_down(
        self, connection: Connection, provider: str, answer: Answer, *, handed_at: datetime, wait: float
    ) -> None:
        """When the provider took nothing of a call, all senders go slower for a while, and then faster again."""
        if not answer.is_busy or answer.stop:
            return
        now = self._clock()
        seen = counts.speed(connection, provider, now) or len(answer.results)
        rate = self._limits.rate
        rate_limits.slow_down(connection, provider, rate, seen=seen, handed_at=handed_at, wait=wait, now=now)

    def judged(self, no: int, answer: Answer) -> Answer:
        """The answer to batch `no`, as the patience with single readers has it."""
        with self._deciding:
            return self._deferred_recipients.judged(no, answer, self._clock())

    def react(self, no: int, answer: Answer) -> Reaction:
        """What to do about a judged answer to batch `no`."""
        if answer.stop:
            return Reaction(pause=answer.stop, gives_way=True)
        with self._deciding:
            if tripped := self._circuit_breaker.follow(answer):
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
        words, tries = busy[0].reason, self._deferred_recipients.tries(no)
        if self._deferred_recipients.is_too_long(no, self._clock()):
            return Reaction(pause=f"{words}, for longer than {self._patience}", gives_way=True)
        remark = f"{words}. Tried again by itself for {self._patience}." if tries == 1 else ""
        return Reaction(wait=backoff.pause(tries), remark=remark, is_for_all=False)

    def _wait_for_provider(self, words: str, answer: Answer) -> Reaction:
        now = self._clock()
        self._busy_since = self._busy_since or now
        left = (self._busy_since + self._patience.delta - now).total_seconds()
        if left <= 0:
            return Reaction(pause=f"{words}, for longer than {self._patience}", gives_way=True)
        if self._busy_until and now < self._busy_until:  # a call that was in the air with the last one
            return Reaction(wait=min((self._busy_until - now).total_seconds(), backoff.LONGEST_PAUSE))
        self._busy_tries += 1
        wait = min(backoff.pause(self._busy_tries, answer.retry_after), left)
        self._busy_until = now + timedelta(seconds=wait)
        return Reaction(wait=wait, remark=f"{words}. Trying again in {wait:.0f} s.")


class DeferredRecipients:
    """Of one run; batches are named by their numbers."""

    def __init__(self, patience: Duration) -> None:
        self._patience = patience
        self._since: dict[int, datetime] = {}
        self._tries: dict[int, int] = {}
        self._taken_at: datetime | None = None

    def judged(self, no: int, answer: Answer, now: datetime) -> Answer:
        """The answer; who was put off for longer than patience, while others were taken, is rejected in it."""
        if Outcome.ACCEPTED in answer.outcomes:
            self._taken_at = now
        if Outcome.BUSY not in answer.outcomes or not any(result.alone for result in answer.results):
            return answer
        self._tries[no] = self.tries(no) + 1
        since = self._since.setdefault(no, now)
        if not self.is_too_long(no, now) or self._taken_at is None or self._taken_at < since:
            return answer
        return replace(answer, results=tuple(map(self._rejected, answer.results)))

    def tries(self, no: int) -> int:
        """In a row."""
        return self._tries.get(no, 0)

    def is_too_long(self, no: int, now: datetime) -> bool:
        """Whether it was tried for longer than patience."""
        return no in self._since and now - self._since[no] >= self._patience.delta

    def _rejected(self, result: Result) -> Result:
        if not result.alone:
            return result
        reason = f"{result.reason}, for longer than {self._patience}"
        return structs.replace(result, outcome=Outcome.REJECTED, reason=reason, alone=False, retryable=True)


LEAST = 100
"""Answers before anything is concluded."""
WINDOW = 1000
"""The latest answers that count, in whole batches."""


class CircuitBreaker:
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
