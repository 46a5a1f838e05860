"""Decide how long a busy provider is waited for, and when a campaign pauses because it stays busy.

Pure: what happened so far comes in as a RunHistory and goes out as the next one. The rate that all senders share is
rate_limits.py; the arithmetic of waiting is backoff.py; refusals and lost answers are circuit_breaker.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from msgspec import structs

from newsletter.config import PublicationSettings
from newsletter.providers.base import Answer, Outcome, Provider, Result
from newsletter.rates import Rate
from newsletter.sending import backoff
from newsletter.times import Duration


@dataclass(frozen=True, kw_only=True)
class Deferral:
    """The time for which single readers of a batch have been put off, while the provider takes other messages."""

    since: datetime
    tries: int


@dataclass(frozen=True, kw_only=True)
class RunHistory:
    """The memory of one run: what its answers so far mean for the next one."""

    accepted_at: datetime | None = None
    """When a message was last accepted."""
    busy_since: datetime | None = None
    """When the provider began to take nothing."""
    busy_until: datetime | None = None
    """When it is tried again; calls that were under way together wait for one moment."""
    busy_tries: int = 0
    deferrals: Mapping[int, Deferral] = field(default_factory=dict)
    """By batch number."""


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """The things that a run does after a provider's answer."""

    wait: float = 0.0
    """Seconds until those it did not take are tried again."""
    pause: str = ""
    """Why the campaign pauses."""
    remark: str = ""
    """What a person wants to know now."""
    gives_way: bool = False
    """Whether it pauses for the provider's sake: another provider may go on."""
    is_for_all: bool = True
    """Whether all calls wait, not only this batch."""


def batch_size(publication: PublicationSettings, provider: Provider, rate: Rate) -> int:
    """Return how many recipients a batch of a new campaign has."""
    warmup = publication.config.send.warmup
    return backoff.batch_size(provider.batch_size, rate, warmup, provider.calls_per_second)


def reject_deferred(
    answer: Answer, no: int, patience: Duration, history: RunHistory, now: datetime
) -> tuple[Answer, RunHistory]:
    """Reject the readers of batch `no` who were put off for longer than `patience`, if others were accepted meanwhile.

    Their own mail servers put them off; a provider that takes nothing at all is the matter of `react`.
    """
    if Outcome.ACCEPTED in answer.outcomes:
        history = replace(history, accepted_at=now)
    if Outcome.BUSY not in answer.outcomes or not any(result.alone for result in answer.results):
        return answer, history
    before = history.deferrals.get(no, Deferral(since=now, tries=0))
    history = replace(history, deferrals={**history.deferrals, no: replace(before, tries=before.tries + 1)})
    is_too_long = now - before.since >= patience.delta
    if not is_too_long or history.accepted_at is None or history.accepted_at < before.since:
        return answer, history
    results = tuple(_rejected(result, patience) if result.alone else result for result in answer.results)
    return replace(answer, results=results), history


def _rejected(result: Result, patience: Duration) -> Result:
    reason = f"{result.reason}, for longer than {patience}"
    return structs.replace(result, outcome=Outcome.REJECTED, reason=reason, alone=False, retryable=True)


def react(
    answer: Answer,
    no: int,
    *,
    patience: Duration,
    history: RunHistory,
    now: datetime,
    jitter: float = 1.0,
) -> tuple[Reaction, RunHistory]:
    """Decide what to do about the answer to batch `no`, after `reject_deferred`."""
    if answer.stop:
        return Reaction(pause=answer.stop, gives_way=True), history
    busy = [result for result in answer.results if result.outcome is Outcome.BUSY]
    provider_words = next((result.reason for result in busy if not result.alone), None)
    if provider_words is not None:
        return _wait_for_provider(provider_words, answer, patience, history, now, jitter)
    if len(busy) < len(answer.results):
        history = replace(history, busy_since=None, busy_until=None, busy_tries=0)
    return _wait_for_readers(busy[0].reason, no, patience, history, now, jitter) if busy else Reaction(), history


def _wait_for_readers(
    words: str, no: int, patience: Duration, history: RunHistory, now: datetime, jitter: float
) -> Reaction:
    """Let only their batch wait; if nobody else's message was accepted meanwhile, it is the provider after all."""
    deferral = history.deferrals.get(no, Deferral(since=now, tries=1))
    if no in history.deferrals and now - deferral.since >= patience.delta:
        return Reaction(pause=f"{words}, for longer than {patience}", gives_way=True)
    remark = f"{words}. Tried again by itself for {patience}." if deferral.tries == 1 else ""
    return Reaction(wait=backoff.pause(deferral.tries, jitter=jitter), remark=remark, is_for_all=False)


def _wait_for_provider(
    words: str, answer: Answer, patience: Duration, history: RunHistory, now: datetime, jitter: float
) -> tuple[Reaction, RunHistory]:
    since = history.busy_since or now
    history = replace(history, busy_since=since)
    left = (since + patience.delta - now).total_seconds()
    if left <= 0:
        return Reaction(pause=f"{words}, for longer than {patience}", gives_way=True), history
    if history.busy_until and now < history.busy_until:  # a call that was under way with the last one
        return Reaction(wait=min((history.busy_until - now).total_seconds(), backoff.LONGEST_PAUSE)), history
    tries = history.busy_tries + 1
    wait = min(backoff.pause(tries, answer.retry_after, jitter), left)
    history = replace(history, busy_tries=tries, busy_until=now + timedelta(seconds=wait))
    return Reaction(wait=wait, remark=f"{words}. Trying again in {wait:.0f} s."), history
