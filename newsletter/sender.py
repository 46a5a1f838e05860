"""The sender: one campaign, from its list of readers to the last answer.

Enqueues and sends at the same time: this thread writes the audience down page by
page, a few others claim batches, personalise, hand over and settle. Of all processes on a
database one sends; the others follow it, and take over when it ends. Which states there are
and what they mean is `deliveries` and `campaigns`; what a provider says is `providers`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from newsletter import accounts, campaigns, deliveries, handover, throttle
from newsletter.campaigns import Campaign, State
from newsletter.config import Publication
from newsletter.database import Database
from newsletter.deliveries import Claim, LostError, Recovered
from newsletter.errors import ConfigError
from newsletter.interrupts import Interrupts
from newsletter.links import Links
from newsletter.mailing import Mailing, envelope
from newsletter.providers import PROVIDERS, find_provider
from newsletter.providers.record import Answer, Batch, Outcome, Provider, Settings
from newsletter.rates import refund, reserve
from newsletter.recipients import Roll, call_roll, recipient
from newsletter.sender_lock import SenderLock
from newsletter.times import Rate

THREADS = 4
"""Calls in the air at once: after a crash, as many batches may be unknown."""
TICK = 0.2
"""Seconds between two looks at whether there is something to do."""
TTL_SHARE = 0.8
"""Of the time a provider remembers a key: later a repeat is too risky."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to send, through whom, how fast, how patiently."""

    publication: Publication
    database: Database
    campaign: Campaign
    provider: Provider
    settings: Settings
    rate: Rate


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a run ended."""

    campaign: Campaign
    deliveries: dict[str, int]
    interrupted: bool


class Watcher(Protocol):
    """Is told what goes on while it goes on."""

    def say(self, sentence: str) -> None:
        """Something a person wants to know now."""

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """How far it is; a few times a second."""


class Sender:
    """One run of one campaign in this process."""

    def __init__(self, job: Job, watcher: Watcher) -> None:
        self._job = job
        self._watcher = watcher
        self._interrupts = Interrupts("Stopping: what is in the air is finished first. Once more stops at once.")
        self._over = threading.Event()
        self._writing = threading.Lock()
        self._busy_since: datetime | None = None
        self._busy_tries = 0
        self._error: BaseException | None = None
        with job.database.read() as connection:
            message = campaigns.frozen_message(connection, job.campaign.id)
        campaign = job.campaign
        self._mailing = Mailing(message, envelope(job.publication, campaign.list, campaign.date, campaign.key))
        self._links = Links(job.publication)

    def run(self) -> Ending:
        """Send until everyone has it, the campaign is paused, or a signal asks to stop. Raises NewsletterError."""
        with self._interrupts, SenderLock(_lock_file(self._job.database)) as lock:
            if self._wait_for(lock):
                self._recover()
                self._send()
        if self._error:
            raise self._error
        self._finish()
        return self._ending()

    def _wait_for(self, lock: SenderLock) -> bool:
        """Follow whoever is sending until the lock is ours; False when there is nothing left to wait for."""
        if lock.acquire():
            return True
        self._watcher.say(f"{lock.owner.capitalize()} is sending from this database; following it.")
        self._enqueue()
        while not lock.acquire():
            if self._interrupts.asked.wait(TICK) or self._is_over():
                return False
            self._show()
        return True

    def _recover(self) -> None:
        with self._writer() as connection:
            found = deliveries.recover(connection, self._may_replay)
        if sentence := _about(found):
            self._watcher.say(sentence)

    def _may_replay(self, name: str, first_handed_at: str) -> bool:
        if name not in PROVIDERS:
            return False
        provider = find_provider(self._job.publication, name)
        if provider.dedupe is None or provider.dedupe_ttl is None:
            return provider.dedupe is not None
        return _now() - datetime.fromisoformat(first_handed_at) < provider.dedupe_ttl * TTL_SHARE

    def _send(self) -> None:
        threads = [threading.Thread(target=self._work, name=f"sender-{n}", daemon=True) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        self._guarded(self._enqueue)
        for thread in threads:
            while thread.is_alive():
                thread.join(TICK)
                self._show()

    def _enqueue(self) -> None:
        """Write the audience down, page by page; threads send what is there already."""
        size = throttle.batch_size(self._job.provider.batch_size, self._job.rate)
        while not self._stopping():
            with self._writer() as connection:
                if campaigns.get(connection, self._job.campaign.id).enqueued:
                    return
                deliveries.enqueue(connection, self._job.publication, self._job.campaign.id, size)
            self._show()

    def _work(self) -> None:
        """A sender thread: batch after batch until there is none."""
        self._guarded(self._drain)

    def _drain(self) -> None:
        while not self._stopping():
            if taken := self._take():
                self._deliver(*taken)
            elif self._is_over():
                return
            else:
                self._pause(TICK)

    def _take(self) -> tuple[Claim, Roll] | None:
        """Claim a batch and call its roll, in one transaction."""
        with self._writer() as connection:
            held = deliveries.claim(connection, self._job.campaign.id, owner=f"{os.getpid()}", now=_now())
            if held is None:
                return None
            roll = call_roll(connection, held, self._job.campaign)
            deliveries.skip(connection, held, roll.gone, _now())
            if not roll.going:
                deliveries.close_empty(connection, held, _now())
        return held, roll

    def _deliver(self, held: Claim, roll: Roll) -> None:
        if not roll.going:
            return
        parts = handover.prepare(self._job.provider, self._batch(held, roll), self._job.settings)
        if not (self._turn(len(roll.going)) and self._handed(held)):
            return self._release(held)
        self._settle(held, roll, handover.hand_over(parts))

    def _batch(self, held: Claim, roll: Roll) -> Batch:
        campaign = self._job.campaign
        return Batch(
            mailing=self._mailing,
            recipients=tuple(recipient(row, campaign, self._links) for row in roll.going.values()),
            key=f"{campaign.key}-{held.key}",
            label=f"{campaign.id}-{campaign.issue}",
        )

    def _turn(self, count: int) -> bool:
        """Wait until the rate allows `count` messages; False when asked to stop meanwhile."""
        if not self._job.rate.per_second:
            return not self._stopping()
        with self._writer() as connection:
            wait = reserve(connection, self._job.provider.name, count, self._job.rate, _now())
        self._pause(wait)
        if not self._stopping():
            return True
        with self._writer() as connection:
            refund(connection, self._job.provider.name, count, self._job.rate)
        return False

    def _handed(self, held: Claim) -> bool:
        """Commit that the first byte may leave; False when it may not any more."""
        try:
            with self._writer() as connection:
                deliveries.hand(connection, held, provider=self._job.provider.name, now=_now())
        except LostError:
            return False
        return True

    def _release(self, held: Claim) -> None:
        with self._writer() as connection:
            deliveries.release(connection, held)

    def _settle(self, held: Claim, roll: Roll, answer: Answer) -> None:
        wait, reason = self._reaction(answer)
        with self._writer() as connection:
            deliveries.settle(connection, held, [*roll.going], answer, now=_now(), wait=wait)
            state = campaigns.get(connection, self._job.campaign.id).state
            if reason and state is State.SENDING:
                campaigns.move(connection, self._job.campaign.id, "pause", now=_now(), reason=reason)
        if reason:
            self._over.set()
        elif wait:
            self._watcher.say(f"{_busy(answer)}. Trying again in {wait:.0f} s.")
            self._pause(wait)

    def _reaction(self, answer: Answer) -> tuple[float, str]:
        """Seconds to wait before the next try, and why the campaign pauses, if it does."""
        if answer.stop:
            return 0, answer.stop
        with self._writing:
            if not any(result.outcome is Outcome.BUSY for result in answer.results):
                self._busy_since, self._busy_tries = None, 0
                return 0, ""
            self._busy_since, self._busy_tries = self._busy_since or _now(), self._busy_tries + 1
            wait = throttle.pause(self._busy_tries, answer.retry_after)
            patience = self._job.publication.config.send.patience
            if _now() + timedelta(seconds=wait) - self._busy_since > patience.delta:
                return 0, f"{_busy(answer)}, for longer than {patience}"
            return wait, ""

    def _finish(self) -> None:
        """Say that everyone has it, if so; whoever sees it first."""
        with self._writer() as connection:
            state = campaigns.get(connection, self._job.campaign.id).state
            if state is State.SENDING and deliveries.is_done(connection, self._job.campaign.id):
                campaigns.move(connection, self._job.campaign.id, "finish", now=_now())

    def _is_over(self) -> bool:
        with self._job.database.read() as connection:
            campaign = campaigns.get(connection, self._job.campaign.id)
            return campaign.state is not State.SENDING or deliveries.is_done(connection, campaign.id)

    def _show(self) -> None:
        with self._job.database.read() as connection:
            campaign = campaigns.get(connection, self._job.campaign.id)
            self._watcher.progress(campaign, accounts.counts(connection, campaign.id))

    def _ending(self) -> Ending:
        with self._job.database.read() as connection:
            campaign = campaigns.get(connection, self._job.campaign.id)
            counted = accounts.counts(connection, campaign.id)
        return Ending(campaign=campaign, deliveries=counted, interrupted=self._interrupts.asked.is_set())

    def _stopping(self) -> bool:
        return self._over.is_set() or self._interrupts.asked.is_set()

    def _pause(self, seconds: float) -> None:
        """Wait, but not on when asked to stop."""
        until = _now() + timedelta(seconds=seconds)
        while (left := (until - _now()).total_seconds()) > 0 and not self._stopping():
            self._over.wait(min(left, TICK))

    @contextmanager
    def _writer(self) -> Iterator[Connection]:
        """A transaction of the one writer: threads of one process do not fight for the file's lock."""
        with self._writing, self._job.database.begin() as connection:
            yield connection

    def _guarded(self, step: Callable[[], None]) -> None:
        """Run a step of the sender; whatever goes wrong ends the run, and is raised in `run`."""
        try:
            step()
        except BaseException as error:
            self._error = self._error or error
            self._over.set()


def _lock_file(database: Database) -> str:
    if database.engine.dialect.name != "sqlite":
        raise ConfigError("`send` works on a SQLite database", hint="Set [database] url to sqlite:///newsletter.db.")
    return database.name


def _about(found: Recovered) -> str:
    """What a dead sender left behind, in a sentence."""
    if found.unknown:
        return f"The last run ended in the middle of a call: {found.unknown:,} deliveries are unknown, never repeated."
    if found.replayed:
        return f"The last run ended in the middle of a batch: {found.replayed:,} deliveries are done over, in place."
    return ""


def _busy(answer: Answer) -> str:
    return next(result.reason for result in answer.results if result.outcome is Outcome.BUSY)


def _now() -> datetime:
    return datetime.now(UTC)
