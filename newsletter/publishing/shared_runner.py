"""Run the scheduler where several processes may send: of all runners at the database one leads, the others wait.

The leader starts what is due, enqueues, and takes over what dead workers left. While no worker lives it sends, too.
"""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy.exc import DBAPIError

from newsletter.campaigns.campaign import Campaign
from newsletter.config import PublicationSettings
from newsletter.database import schema
from newsletter.database.connection import Database
from newsletter.database.errors import SchemaChangedError
from newsletter.distributed import presence
from newsletter.distributed.campaign_sender import SharedSender
from newsletter.distributed.database_clock import DatabaseClock
from newsletter.distributed.leadership import Leadership
from newsletter.distributed.shared_state import shared_state
from newsletter.distributed.sweep import Sweep
from newsletter.errors import NewsletterError
from newsletter.publishing.scheduler import MOST_AT_ONCE, Runner, RunnerListener
from newsletter.sending.sender import STOPPING, Sender, job_of
from newsletter.signals import Interrupts

logger = logging.getLogger(__name__)

MOST_FOLLOWED = 50
"""Campaigns that are enqueued and followed at once while workers send them."""


class SharedRunner(Runner):
    """A runner that leads, or waits until it may."""

    def __init__(self, publication: PublicationSettings, database: Database, listener: RunnerListener) -> None:
        self._database_clock = DatabaseClock(database)
        super().__init__(publication, database, listener, self._database_clock)
        self._identity = presence.this_process()
        self._send_state = shared_state(publication, database, self._identity.name)
        self._sweep = Sweep(publication, self._send_state, listener, self._database_clock)
        self._leadership = Leadership(database)
        self._leads: bool | None = None
        self._failure = ""

    def run(self, *, once: bool = False, greeting: str = "") -> None:
        """Lead and send what is due until asked to stop, or with `once` until nothing is due.

        Raises NewsletterError with `once` when another runner leads.
        """
        self._once = once
        with Interrupts(STOPPING, self._send_state.stop_asked), self._leadership:
            if once and not self._leadership.leads():
                hint = "It sends what is due. Stop it, then run this again, or leave it to that one."
                raise NewsletterError("another `newsletter run` leads at this database", hint=hint)
            if greeting:
                self._listener.say(greeting)
            try:
                self._loop(once=once)
            finally:
                self._drain()

    def tick(self, now: datetime) -> None:
        """Record the heartbeat; as the leader, do all that a runner does, and sweep."""
        with self._database.read() as connection:
            schema.require_unchanged(connection, self._database.name)
        self._beat(now)
        if self._may_lead():
            self._sweep.run_if_due()
            self._listener.recovered(self._sweep.recovered)
            super().tick(now)
        self._failure = ""

    def _tick_or_report(self, *, once: bool) -> None:
        """Run one tick; report a failure that goes on once, not at every tick.

        Raises NewsletterError with `once`, and SchemaChangedError always: an older program must not go on.
        """
        try:
            self.tick(self._clock())
        except (NewsletterError, DBAPIError) as error:
            if once or isinstance(error, SchemaChangedError):
                raise
            words = str(error) if isinstance(error, NewsletterError) else f"the database failed: {type(error).__name__}"
            if words != self._failure:
                logger.info("the runner could not look around, and looks again", exc_info=error)
                self._listener.say(f"newsletter: error: {words}")
            self._failure = words

    def _may_lead(self) -> bool:
        leads = self._leadership.leads()
        if leads != self._leads:
            self._listener.say("This runner leads." if leads else "Another runner leads; this one waits for its turn.")
        self._leads = leads
        return leads

    def _most_at_once(self) -> int:
        with self._database.read() as connection:
            return MOST_FOLLOWED if presence.is_any_alive(connection, self._clock()) else MOST_AT_ONCE

    def _make_sender(self, campaign: Campaign) -> Sender:
        job = job_of(self._publication, self._database, campaign, self._clock)
        clock = self._database_clock
        return SharedSender(job, self._listener, self._send_state, once=self._once, clock=clock)
