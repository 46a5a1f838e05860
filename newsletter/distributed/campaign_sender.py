"""Send one campaign where several processes may send: enqueue and follow, or work where no worker lives.

The threads that send are those of `sending.sender`; here there is no lock of a file, but leases: the batches of a
process that died are swept, and those of the living are left to them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from newsletter.campaigns import ledger
from newsletter.distributed import presence
from newsletter.distributed.database_clock import DatabaseClock
from newsletter.distributed.presence import this_process
from newsletter.distributed.shared_state import shared_state
from newsletter.distributed.sweep import Sweep
from newsletter.errors import NewsletterError
from newsletter.sending.job import AGAIN, Job, ProgressListener, SendState, is_of_database
from newsletter.sending.sender import SHOW, STOPPING, Sender, SendResult
from newsletter.signals import Interrupts

T = TypeVar("T")
AWAY = "The database does not answer; going on as soon as it does."


class SharedSender(Sender):
    """A run of one campaign in this process, beside other processes."""

    def __init__(
        self,
        job: Job,
        listener: ProgressListener,
        send_state: SendState | None = None,
        *,
        once: bool = False,
        clock: DatabaseClock | None = None,
    ) -> None:
        """See Sender; `send_state` is `shared_state`'s."""
        clock = clock or DatabaseClock(job.database)
        send_state = send_state or shared_state(job.publication, job.database, this_process().name)
        super().__init__(replace(job, clock=clock), listener, send_state, once=once)
        self._sweep = Sweep(job.publication, send_state, listener, clock)
        self._is_away = False

    def run(self) -> SendResult:
        """Send until everyone has it, the campaign is paused, or a signal asks to stop. Raises NewsletterError."""
        with Interrupts(STOPPING, self._send_state.stop_asked):
            self._send()
        return self._end()

    def _send_through(self) -> None:
        """Enqueue, sweep and show how far it is; send, too, from the moment on at which no worker lives."""
        self._leave_behind()
        self._say_whose_rate()
        threads = [self._start("enqueue", lambda: self._guarded(self._enqueue))]
        while not self.worker.is_stopping:
            if len(threads) == 1 and not self._persistently(self._has_workers):
                threads += [self._start(f"sender-{number}", self._work) for number in range(self._job.threads)]
            self._guarded(self._sweep.run_if_due)
            self.worker.over.wait(SHOW)
            self._guarded(self._look)
        self._watch(threads)
        if self._job.provider.rest:
            self._job.provider.rest()

    def _say_whose_rate(self) -> None:
        rate = self._job.publication.config.send.rate
        if self._job.rate != rate and self._persistently(self._has_workers):
            self._listener.say(f"Workers send it at [send] rate ({rate}); --rate is for what this process sends.")

    def _start(self, name: str, step: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=step, name=name, daemon=True)
        thread.start()
        return thread

    def _has_workers(self) -> bool:
        with self._job.database.read() as connection:
            return presence.is_any_alive(connection, self._job.clock())

    def _enqueue_page(self, connection: Connection, size: int, page: int) -> None:
        campaign_id = self._job.campaign.id
        before = ledger.last_batch(connection, campaign_id)
        super()._enqueue_page(connection, size, page)
        self._send_state.announce(connection, campaign_id, before)

    def _guarded(self, step: Callable[[], None]) -> None:
        super()._guarded(lambda: self._persistently(step))

    def _persistently(self, step: Callable[[], T]) -> T:
        """Take a step again while the database does not answer, until asked to stop: what is written is kept."""
        until = time.monotonic() + self._job.publication.config.send.patience.delta.total_seconds()
        while True:
            try:
                result = step()
            except (NewsletterError, DBAPIError) as error:
                stopping = self._send_state.stop_asked.is_set()
                if stopping or not is_of_database(error) or time.monotonic() > until:
                    raise
                if not self._is_away:
                    self._listener.say(AWAY)
                self._is_away = True
                self._send_state.stop_asked.wait(AGAIN)
            else:
                self._is_away = False
                return result
