"""The runner: scheduler and senders in one process, for as long as it is let.

Once a second it starts what is due and gives every sending campaign a sender; up to MOST_AT_ONCE
are sent side by side, and share the provider's rate batch by batch. What is due is `schedule`
and `daily`; how one campaign is sent is `sender`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from newsletter.campaigns import deliveries, schedule
from newsletter.campaigns.abandoned_batches import Recovered
from newsletter.campaigns.campaign import Campaign, CampaignState, campaigns_in_state
from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.publishing import alerts, daily, heartbeat
from newsletter.publishing.daily import ScheduleProblem
from newsletter.sending.job import SendState
from newsletter.sending.lock import SenderLock
from newsletter.sending.recovery import recover
from newsletter.sending.sender import STOPPING, Sender, SendResult, job_of, lock_file
from newsletter.signals import Interrupts
from newsletter.times import Clock, utc_now

logger = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two looks at the schedule."""
IMPATIENT_TICK = 0.1
"""The same, for who waits for it to end."""
MOST_AT_ONCE = 4
"""Campaigns sent side by side; the others wait for their turn."""
LOOK = timedelta(minutes=1)
"""Between two looks for today's issue."""
AGAIN = timedelta(minutes=1)
"""After a campaign could not be sent at all (a key is missing), until it is tried again."""
DRAIN = 8.0
"""Seconds for the senders to end after the wish to stop."""


class Narrator(Protocol):
    """Is told what a runner does."""

    def say(self, sentence: str) -> None:
        """Something a person reads in a log."""

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """How far a campaign is; a few times a second."""

    def began(self, campaign: Campaign) -> None:
        """A campaign's time has come: it starts, or is held."""

    def ended(self, ending: SendResult) -> None:
        """A sender has nothing more to do for now."""

    def failed(self, campaign: Campaign, error: BaseException) -> None:
        """A campaign could not be sent; it is tried again."""

    def recovered(self, found: Recovered) -> None:
        """What a dead sender left was taken over, and said."""

    def troubled(self, trouble: ScheduleProblem) -> None:
        """There will be no issue today."""


class Runner:
    """One `newsletter run`."""

    def __init__(
        self, publication: Publication, database: Database, narrator: Narrator, clock: Clock = utc_now
    ) -> None:
        self._publication = publication
        self._database = database
        self._narrator = narrator
        self._clock = clock
        self._send_state = SendState(database)
        self._name = f"{os.getpid()} {socket.gethostname()}"
        self._running: dict[int, threading.Thread] = {}
        self._not_before: dict[int, datetime] = {}
        self._telling: threading.Thread | None = None
        self._once = False
        self._next_beat = self._next_look = datetime.min.replace(tzinfo=clock().tzinfo)

    def run(self, *, once: bool = False, greeting: str = "") -> None:
        """Until asked to stop; `once`: until nothing is due. Raises NewsletterError when another process sends.

        The `greeting` is said when nobody else does.
        """
        self._once = once
        with Interrupts(STOPPING, self._send_state.asked), SenderLock(lock_file(self._database)) as lock:
            if not lock.acquire():
                hint = "One sender per database: let it end, or stop it, then run this again."
                raise NewsletterError(f"{lock.owner} is sending from this database", hint=hint)
            if greeting:
                self._narrator.say(greeting)
            self._narrator.recovered(recover(self._send_state, self._publication, self._narrator, self._clock))
            try:
                self._loop(once=once)
            finally:
                self._drain()

    def stop(self) -> None:
        """Ask it to stop, as a signal does."""
        self._send_state.asked.set()

    def _loop(self, *, once: bool) -> None:
        while not self._send_state.asked.is_set():
            self._look_around(once=once)
            if once and not self._running and not (self._telling and self._telling.is_alive()):
                return
            self._send_state.asked.wait(IMPATIENT_TICK if once else TICK)

    def _look_around(self, *, once: bool) -> None:
        """One tick. An error ends it only `once`: a service says it, and looks again."""
        try:
            self.tick(self._clock())
        except NewsletterError as error:
            if once:
                raise
            logger.info("the scheduler could not look around, and looks again", exc_info=error)
            self._narrator.say(f"newsletter: error: {error}")

    def tick(self, now: datetime) -> None:
        """Say that we are here, start what is due, see that everything that is sending has a sender."""
        if now >= self._next_beat:
            self._next_beat = now + heartbeat.BEAT
            with self._send_state.writer() as connection:
                heartbeat.beat(connection, self._name, now)
        if now >= self._next_look:
            self._next_look = now + LOOK
            self._look_for_today(now)
        self._begin(now)
        self._running = {id: thread for id, thread in self._running.items() if thread.is_alive()}
        for found in self._waiting(now)[: MOST_AT_ONCE - len(self._running)]:
            self._employ(found)

    def _look_for_today(self, now: datetime) -> None:
        troubles = daily.look(self._publication, self._database, now)
        for trouble in troubles:
            self._narrator.troubled(trouble)
        if troubles and not (self._telling and self._telling.is_alive()):
            # A mail may hang for a minute, and nothing that is due may wait for it.
            self._telling = threading.Thread(target=self._tell_editors, args=(troubles, now), daemon=True)
            self._telling.start()

    def _tell_editors(self, troubles: Sequence[ScheduleProblem], now: datetime) -> None:
        for trouble in troubles:
            self._tell(trouble, now)

    def _tell(self, trouble: ScheduleProblem, now: datetime) -> None:
        subject = f"{self._publication.config.publication.name}: {trouble.subject}"
        try:
            said = alerts.tell_editors(self._publication, self._database, trouble.key, subject, trouble.sentence, now)
        except NewsletterError as error:  # a notice that does not go is no reason to keep an issue from readers
            said = f"The editors were not told by email: {error}"
        if said:
            self._narrator.say(said)

    def _begin(self, now: datetime) -> None:
        with self._database.read() as connection:
            due = campaigns_in_state(connection, CampaignState.SCHEDULED)
        if any(one.start and one.start <= now for one in due):
            with self._send_state.writer() as connection:
                begun = schedule.begin_due(connection, self._publication, now)
            for one in begun:
                self._narrator.began(one)

    def _waiting(self, now: datetime) -> list[Campaign]:
        """Campaigns that are sending, have something to do now, and no sender; those waiting longest first."""
        with self._database.read() as connection:
            found = [
                one for one in campaigns_in_state(connection, CampaignState.SENDING) if one.id not in self._running
            ]
            due = {one.id: deliveries.next_due(connection, one.id) for one in found if one.enqueued}
        ready = [one for one in found if (moment := due.get(one.id)) is None or moment <= now]
        return [one for one in ready if self._not_before.get(one.id, now) <= now]

    def _employ(self, found: Campaign) -> None:
        thread = threading.Thread(target=self._send, args=(found,), name=f"campaign-{found.id}", daemon=True)
        self._running[found.id] = thread
        thread.start()

    def _send(self, found: Campaign) -> None:
        """A campaign's thread. What goes wrong with one campaign is no reason to leave the others."""
        try:
            job = job_of(self._publication, self._database, found, self._clock)
            ending = Sender(job, self._narrator, self._send_state, once=self._once).work()
            if ending.goes_on:
                self._not_before[found.id] = ending.goes_on
            self._narrator.ended(ending)
        except BaseException as error:
            # A sentence meant for people is said by the narrator; a mistake of the program needs its traceback.
            level = logging.INFO if isinstance(error, NewsletterError) else logging.ERROR
            logger.log(level, "campaign %s failed, and is tried again", found.id, exc_info=error)
            self._not_before[found.id] = self._clock() + AGAIN
            self._narrator.failed(found, error)

    def _drain(self) -> None:
        """Let what is in the air finish; a call that takes too long is recovered at the next start."""
        self._send_state.asked.set()
        until = time.monotonic() + DRAIN
        for thread in [*self._running.values(), *([self._telling] if self._telling else [])]:
            thread.join(max(0.0, until - time.monotonic()))
        with self._send_state.writer() as connection:
            heartbeat.leave(connection, self._name)
