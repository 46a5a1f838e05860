"""The sender: one campaign, from its list of readers to the last answer.

Enqueues and sends at the same time: this thread writes the audience down page by
page, a few others claim batches, personalise, hand over and settle. Of all processes on a
database one sends; the others follow it, and take over when it ends. Which states there are
and what they mean is `deliveries` and `campaigns`; what a provider says is `providers`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter import accounts, campaigns, deliveries, handover, unknowns
from newsletter.campaigns import Campaign, State
from newsletter.clock import Clock, utc_now
from newsletter.config import Publication
from newsletter.database import Database
from newsletter.deliveries import ChangedError, Claim, LostError
from newsletter.desk import Desk, Watcher
from newsletter.errors import ConfigError
from newsletter.interrupts import Interrupts
from newsletter.links import Links
from newsletter.mailing import Mailing, envelope
from newsletter.marks import BatchMarks
from newsletter.pacing import Pacing, Reaction, batch_size
from newsletter.providers import find_provider, read_settings, successor
from newsletter.providers.record import Answer, Batch, Outcome, Provider, Settings
from newsletter.recipients import Roll, call_roll, recipient
from newsletter.recovery import may_repeat, recover
from newsletter.sender_lock import SenderLock
from newsletter.times import Rate
from newsletter.tracking import Level, tracked

THREADS = 4
"""Calls in the air at once: after a crash, as many batches may be unknown."""
LOOK = 1.0
"""Seconds between two looks at the campaign's state while nothing may be sent yet."""
SHOW = 0.5
"""Seconds between two looks at how far it is: counting a large campaign is not free."""
TICK = 0.2
"""Seconds between two looks at whether there is something to do."""
DRAIN = 8.0
"""Seconds that a call may take after the wish to stop; one that takes longer is recovered at the next start."""
REST = timedelta(minutes=1)
"""What is due later than that is a later wave; a busy provider is tried again before."""
STOPPING = "Stopping: what is in the air is finished first. Once more stops at once."


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to send, through whom, how fast, how patiently."""

    publication: Publication
    database: Database
    campaign: Campaign
    provider: Provider
    settings: Settings
    rate: Rate
    clock: Clock = utc_now


def job_of(publication: Publication, database: Database, campaign: Campaign, clock: Clock = utc_now) -> Job:
    """The campaign through its provider at the configured rate. Raises ConfigError when the provider is set wrong."""
    provider = find_provider(publication, campaign.provider)
    return Job(
        publication=publication,
        database=database,
        campaign=campaign,
        provider=provider,
        settings=read_settings(publication, provider),
        rate=publication.config.send.rate,
        clock=clock,
    )


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a run ended."""

    campaign: Campaign
    deliveries: dict[str, int]
    interrupted: bool


class Sender:
    """One run of one campaign in this process."""

    def __init__(self, job: Job, watcher: Watcher, desk: Desk | None = None) -> None:
        self._job = job
        self._watcher = watcher
        self._desk = desk or Desk(job.database)
        self._over = threading.Event()
        self._pacing = Pacing(job.publication, job.rate, job.clock)
        self._said = ""
        self._error: BaseException | None = None
        self._rests = False
        self._next, self._why = "", ""
        with job.database.read() as connection:
            frozen = campaigns.frozen_message(connection, job.campaign.id)
        campaign = job.campaign
        self._links = Links(job.publication)
        message = tracked(frozen, Level(campaign.tracking), self._links, campaign.id)
        self._mailing = Mailing(message, envelope(job.publication, campaign.list, campaign.date, campaign.key))

    def run(self) -> Ending:
        """Send until everyone has it, the campaign is paused, or a signal asks to stop. Raises NewsletterError."""
        with Interrupts(STOPPING, self._desk.asked), SenderLock(lock_file(self._job.database)) as lock:
            if self._wait_for(lock):
                recover(self._desk, self._job.publication, self._watcher, self._job.clock)
                self._send()
        return self._end()

    def work(self) -> Ending:
        """The same for whoever holds the lock and has recovered: until nothing is due for a while."""
        self._rests = True
        self._send()
        return self._end()

    def _end(self) -> Ending:
        if self._error:
            raise self._error
        self._finish()
        return self._ending()

    def _wait_for(self, lock: SenderLock) -> bool:
        """Follow whoever is sending until the lock is ours; False when there is nothing left to wait for."""
        if lock.acquire():
            return True
        self._watcher.say(f"{lock.owner[0].upper()}{lock.owner[1:]} is sending from this database; following it.")
        self._enqueue()
        while not lock.acquire():
            if self._desk.asked.wait(TICK) or self._show():
                return False
        return True

    def _send(self) -> None:
        """Through one provider after the other, as long as one stops and another is left."""
        self._send_through()
        while self._next and not (self._error or self._desk.asked.is_set()):
            self._pass_on()
            self._send_through()

    def _pass_on(self) -> None:
        """Go on through the next provider; what this one may have taken stays with it. Raises ConfigError."""
        name, self._next = self._next, ""
        provider = find_provider(self._job.publication, name)
        settings = read_settings(self._job.publication, provider)
        self._watcher.say(f"{self._job.provider.title} stopped: {self._why}. Going on through {provider.title}.")
        with self._desk.writer() as connection:
            campaign = campaigns.pass_on(connection, self._job.campaign.id, name)
        self._job = replace(self._job, campaign=campaign, provider=provider, settings=settings)
        self._pacing = Pacing(self._job.publication, self._job.rate, self._job.clock)
        self._over.clear()

    def _gives_way(self, reaction: Reaction) -> bool:
        """Whether another provider is to go on instead."""
        is_its_own = self._job.provider.name == self._job.campaign.provider
        name = successor(self._job.publication, self._job.provider.name) if reaction.gives_way and is_its_own else ""
        self._next, self._why = name, reaction.pause
        return bool(name)

    def _send_through(self) -> None:
        with self._desk.writer() as connection:
            deliveries.orphan(connection, self._job.campaign.id, self._job.provider.name, self._job.clock())
        threads = [threading.Thread(target=self._work, name=f"sender-{n}", daemon=True) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        self._guarded(self._enqueue)
        self._watch(threads)

    def _watch(self, threads: Sequence[threading.Thread]) -> None:
        """Until all have ended; a call that outlasts DRAIN after a wish to stop is left in the air."""
        left = DRAIN
        while left > 0 and (alive := [thread for thread in threads if thread.is_alive()]):
            alive[0].join(SHOW)
            if self._show():
                self._over.set()
            left -= SHOW if self._desk.asked.is_set() else 0

    def _enqueue(self) -> None:
        """Write the audience down, page by page; threads send what is there already."""
        size = batch_size(self._job.publication, self._job.provider, self._job.rate)
        while not self._stopping():
            with self._desk.writer() as connection:
                if campaigns.get(connection, self._job.campaign.id).enqueued:
                    return
                deliveries.enqueue(
                    connection, self._job.publication, self._job.campaign.id, size, now=self._job.clock()
                )
            self._show()

    def _work(self) -> None:
        """A sender thread: batch after batch until there is none."""
        self._guarded(self._drain)

    def _drain(self) -> None:
        while not self._stopping():
            with self._desk.writer() as connection:
                taken = self._take(connection)
                over = taken is None and self._is_over(connection, campaigns.get(connection, self._job.campaign.id))
            if over:
                return
            if taken is None:
                self._pause(TICK)
            elif taken[1].going:
                self._deliver(*taken)

    def _take(self, connection: Connection) -> tuple[Claim, Roll] | None:
        """Claim a batch and call its roll, in one transaction."""
        name, now = self._job.provider.name, self._job.clock()
        held = deliveries.claim(connection, self._job.campaign.id, owner=f"{os.getpid()}", now=now, provider=name)
        if held is None:
            return None
        roll = call_roll(connection, held, self._job.campaign, now)
        deliveries.skip(connection, held, roll.gone, now)
        if not roll.going:
            deliveries.close_empty(connection, held, now)
        return held, roll

    def _deliver(self, held: Claim, roll: Roll) -> None:
        if held.first_handed_at and not may_repeat(self._job.provider, held.first_handed_at, self._job.clock()):
            return self._give_up(held)
        parts = handover.prepare(self._job.provider, self._batch(held, roll), self._job.settings)
        if not (self._turn(len(roll.going)) and self._handed(held, handover.payload_hash(parts))):
            return self._release(held)
        handed_at = self._job.clock()
        marks = self._marks(held)
        answer = unknowns.decided(handover.hand_over(parts, marks), self._policy(handed_at))
        self._settle(held, roll, answer, handed_at, marks.noted if marks else frozenset())

    def _marks(self, held: Claim) -> BatchMarks | None:
        if not self._job.provider.window:
            return None
        return BatchMarks(self._desk.writer, held, self._job.clock, lambda: not self._stopping())

    def _policy(self, handed_at: datetime) -> unknowns.Policy:
        """What to do about an unknown outcome: nothing yet where the provider can tell by the key."""
        if may_repeat(self._job.provider, handed_at.isoformat(), handed_at):
            return "hold"
        return self._job.publication.config.send.on_unknown

    def _batch(self, held: Claim, roll: Roll) -> Batch:
        campaign = self._job.campaign
        return Batch(
            mailing=self._mailing,
            recipients=tuple(recipient(row, campaign, self._links) for row in roll.going.values()),
            key=f"{campaign.key}-{held.key}",
            label=f"{campaign.id}-{campaign.issue}",
            tag=f"{campaign.key}-{held.no}",
        )

    def _turn(self, count: int) -> bool:
        """Wait until the rate allows `count` messages; False when asked to stop meanwhile."""
        while not self._stopping():
            with self._desk.writer() as connection:
                turn = self._pacing.take(connection, self._job.provider.name, count)
            self._say_once(f"{turn.full}: that is used up; it goes on by itself." if turn.full else "")
            self._wait_out(turn.wait)
            if not turn.full:
                return self._kept_turn(count)
        return False

    def _wait_out(self, seconds: float) -> None:
        """Wait, and look every LOOK seconds whether the campaign is still to be sent."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > LOOK and not self._stopping():
            self._pause(LOOK)
            with self._job.database.read() as connection:
                if campaigns.get(connection, self._job.campaign.id).state is not State.SENDING:
                    self._over.set()
        self._pause(left)

    def _kept_turn(self, count: int) -> bool:
        """Whether what was reserved is still wanted; else it is given back."""
        if not self._stopping():
            return True
        with self._desk.writer() as connection:
            self._pacing.give_back(connection, self._job.provider.name, count)
        return False

    def _handed(self, held: Claim, payload_hash: str) -> bool:
        """Commit that the first byte may leave; False when it may not any more."""
        name, now = self._job.provider.name, self._job.clock()
        try:
            with self._desk.writer() as connection:
                deliveries.hand(connection, held, provider=name, now=now, payload_hash=payload_hash)
        except ChangedError:
            self._give_up(held)
            return False
        except LostError:
            return False
        return True

    def _give_up(self, held: Claim) -> None:
        """Say that it is unknown; whoever cancelled the campaign meanwhile has said so already."""
        with suppress(LostError), self._desk.writer() as connection:
            deliveries.give_up(connection, held, self._job.clock())

    def _release(self, held: Claim) -> None:
        with self._desk.writer() as connection:
            deliveries.release(connection, held)

    def _settle(self, held: Claim, roll: Roll, answer: Answer, handed_at: datetime, noted: Set[int]) -> None:
        again = self._is_to_be_repeated(held, answer)
        reaction = Reaction() if answer.cut else self._pacing.react(unknowns.waiting(answer) if again else answer)
        with self._desk.writer() as connection:
            now = self._job.clock()
            if again:
                deliveries.put_back(connection, held, now=now, wait=reaction.wait)
            else:
                deliveries.settle(connection, held, [*roll.going], answer, now=now, wait=reaction.wait, noted=noted)
            name, wait = self._job.provider.name, reaction.wait
            self._pacing.slow_down(connection, name, answer, handed_at=handed_at, wait=wait)
            state = campaigns.get(connection, self._job.campaign.id).state
            if reaction.pause and state is State.SENDING and not self._gives_way(reaction):
                campaigns.move(connection, self._job.campaign.id, "pause", now=self._job.clock(), reason=reaction.pause)
        if reaction.pause:
            self._over.set()
        elif reaction.wait:
            self._watcher.say(reaction.remark)
            self._pause(reaction.wait)

    def _is_to_be_repeated(self, held: Claim, answer: Answer) -> bool:
        """Whether only the same call again can tell what became of this one, or of an earlier one."""
        outcomes = {result.outcome for result in answer.results}
        in_doubt = Outcome.UNKNOWN in outcomes or (bool(held.first_handed_at) and Outcome.BUSY in outcomes)
        first = held.first_handed_at or self._job.clock().isoformat()
        return in_doubt and may_repeat(self._job.provider, first, self._job.clock())

    def _finish(self) -> None:
        """Say that everyone has it, if so; whoever sees it first."""
        with self._desk.writer() as connection:
            state = campaigns.get(connection, self._job.campaign.id).state
            if state is State.SENDING and deliveries.is_done(connection, self._job.campaign.id):
                campaigns.move(connection, self._job.campaign.id, "finish", now=self._job.clock())

    def _is_over(self, connection: Connection, campaign: Campaign) -> bool:
        if campaign.state is not State.SENDING or deliveries.is_done(connection, campaign.id):
            return True
        due = deliveries.next_due(connection, campaign.id) if self._rests and campaign.enqueued else None
        return due is not None and due - self._job.clock() > REST

    def _show(self) -> bool:
        """Show how far it is; whether it is over."""
        with self._job.database.read() as connection:
            campaign = campaigns.get(connection, self._job.campaign.id)
            self._watcher.progress(campaign, accounts.counts(connection, campaign.id))
            return self._is_over(connection, campaign)

    def _ending(self) -> Ending:
        with self._job.database.read() as connection:
            campaign = campaigns.get(connection, self._job.campaign.id)
            counted = accounts.counts(connection, campaign.id)
        return Ending(campaign=campaign, deliveries=counted, interrupted=self._desk.asked.is_set())

    def _stopping(self) -> bool:
        return self._over.is_set() or self._desk.asked.is_set()

    def _say_once(self, sentence: str) -> None:
        if sentence and sentence != self._said:
            self._watcher.say(sentence)
        self._said = sentence

    def _pause(self, seconds: float) -> None:
        """Wait, but not on when asked to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping():
            self._over.wait(min(left, TICK))

    def _guarded(self, step: Callable[[], None]) -> None:
        """Run a step of the sender; whatever goes wrong ends the run, and is raised in `run`."""
        try:
            step()
        except BaseException as error:
            self._error = self._error or error
            self._over.set()


def lock_file(database: Database) -> str:
    """The file whose lock the sender holds. Raises ConfigError for a database that is no file."""
    if database.engine.dialect.name != "sqlite":
        raise ConfigError("`send` works on a SQLite database", hint="Set [database] url to sqlite:///newsletter.db.")
    return database.name
