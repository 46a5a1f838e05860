"""Send one campaign, from its list of readers to the last answer.

Enqueues and sends at the same time: this thread enqueues the audience page by page, a few others send batches
(worker.py). One process on a database sends; the others follow it, and take over when it ends.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.campaigns import abandoned_batches, audience, claims, counts
from newsletter.campaigns.campaign import (
    Campaign,
    CampaignState,
    change_state,
    frozen_message,
    get_campaign,
    lock_campaign,
    pass_on,
)
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.tracking import Level, tracked
from newsletter.errors import ConfigError
from newsletter.messages.mailing import Mailing, envelope
from newsletter.providers import find_provider, read_settings
from newsletter.sending.job import THREADS, Job, ProgressListener, SendState, job_of, log_failure, require_settings
from newsletter.sending.lock import SenderLock
from newsletter.sending.pacing import batch_size
from newsletter.sending.recipients import addresses
from newsletter.sending.recovery import lock_file, recover
from newsletter.sending.worker import TICK, SendWorker
from newsletter.signals import Interrupts
from newsletter.signed_links import Links

__all__ = ["THREADS", "Job", "SendResult", "Sender", "job_of", "lock_file"]

logger = logging.getLogger(__name__)

SHOW = 0.5
"""Seconds between two looks at how far it is: counting a large campaign is not free."""
DRAIN = 7.5
"""Seconds that a call may take once it is to stop; one that takes longer is ended, or recovered at the next start."""
ABORT = 1.5
"""Seconds in which the answers of ended calls are written."""
RENEW = 60.0
"""Seconds between two signs of life of the batches in hand: a mail server may take ten minutes for a message."""
REST = timedelta(minutes=1)
"""The longest wait for the next batch before a run ends: a later one is another time zone's, not a busy provider's."""
STOPPING = "Stopping: what is in the air is finished first. Once more stops at once."


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """The state of a campaign at the end of a run."""

    campaign: Campaign
    deliveries: dict[str, int]
    interrupted: bool
    goes_on: datetime | None = None
    """When a quota that is used up has room again, if that is why it ended."""


def mailing_of(job: Job) -> Mailing:
    """Return a campaign's approved message with its headers, and its links as its tracking has them."""
    campaign, links = job.campaign, Links(job.publication)
    with job.database.read() as connection:
        frozen = frozen_message(connection, campaign.id)
    message = tracked(frozen, Level(campaign.tracking), links, campaign.id, campaign.key)
    headers = envelope(job.publication, campaign.list, campaign.date, campaign.key)
    return Mailing(message, headers, addresses(links, campaign.issue))


class Sender:
    """A run of one campaign in this process."""

    def __init__(
        self, job: Job, listener: ProgressListener, send_state: SendState | None = None, *, once: bool = False
    ) -> None:
        """End, with `once`, when a quota is used up for longer than REST.

        Raises ConfigError when newsletter.toml has no longer what the campaign needs.
        """
        require_settings(job.publication, job.campaign)
        self._job = job
        self._longest = REST.total_seconds() if once else math.inf
        self._listener = listener
        self._send_state = send_state or SendState(job.database)
        self._error: BaseException | None = None
        self._rests = False
        self._looked_at = 0.0
        self._renewed_at = time.monotonic()
        self._mailing = mailing_of(job)
        self.worker = self._worker()
        """Sends batches through the provider that is in use."""

    def run(self) -> SendResult:
        """Send until everyone has it, the campaign is paused, or a signal asks to stop. Raises NewsletterError."""
        with Interrupts(STOPPING, self._send_state.stop_asked), SenderLock(lock_file(self._job.database)) as lock:
            if self._wait_for(lock):
                recover(self._send_state, self._job.publication, self._listener, self._job.clock)
                self._send()
        return self._end()

    def work(self) -> SendResult:
        """Send for a caller that holds the lock and has recovered; end when nothing is due for a while."""
        self._rests = True
        self._send()
        return self._end()

    def _worker(self) -> SendWorker:
        return SendWorker(self._job, self._mailing, self._listener, self._send_state, self._is_over, self._longest)

    def _end(self) -> SendResult:
        if self._error:
            raise self._error
        self._finish()
        return self._result()

    def _wait_for(self, lock: SenderLock) -> bool:
        """Follow the process that is sending until the lock is ours; False when nothing is left to wait for."""
        if lock.acquire():
            return True
        self._listener.say(f"{lock.owner[0].upper()}{lock.owner[1:]} is sending from this database; following it.")
        self._enqueue()
        while not lock.acquire():
            if self._send_state.stop_asked.wait(TICK) or self._show():
                return False
        return True

    def _send(self) -> None:
        """Send through one provider after the other, as long as one stops and another is left."""
        self._send_through()
        while self.worker.successor and not (self._error or self._send_state.stop_asked.is_set()) and self._pass_on():
            self._send_through()

    def _pass_on(self) -> bool:
        """Go on through the next provider, if it can be used; what this one may have taken stays with it."""
        name, why = self.worker.successor, self.worker.why
        try:
            provider = find_provider(self._job.publication, name)
            settings = read_settings(self._job.publication, provider)
        except ConfigError as error:
            return self._pause(f"{why}; {name} cannot go on instead: {error.message}")
        self._listener.say(f"{self._job.provider.title} stopped: {why.rstrip('.')}. Going on through {provider.title}.")
        with self._send_state.writer() as connection:
            campaign = pass_on(connection, self._job.campaign.id, name)
        self._job = replace(self._job, campaign=campaign, provider=provider, settings=settings)
        self.worker = self._worker()
        return True

    def _pause(self, reason: str) -> bool:
        """Pause the campaign, since no provider is left; False, since it does not go on."""
        with self._send_state.writer() as connection:
            if lock_campaign(connection, self._job.campaign.id).state is CampaignState.SENDING:
                change_state(connection, self._job.campaign.id, "pause", now=self._job.clock(), reason=reason)
        return False

    def _leave_behind(self) -> None:
        """Call batches unknown that an earlier provider may have taken."""
        campaign_id, provider = self._job.campaign.id, self._job.provider.name
        with self._send_state.writer() as connection:
            abandoned_batches.leave_behind(connection, campaign_id, provider, self._job.clock())

    def _send_through(self) -> None:
        self._leave_behind()
        names = [f"sender-{number}" for number in range(self._job.threads)]
        threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        for thread in threads:
            thread.start()
        self._guarded(self._enqueue)
        self._watch(threads)
        if self._job.provider.rest:
            self._job.provider.rest()

    def _work(self) -> None:
        """Send batches; for a thread of its own."""
        self._guarded(self.worker.work)

    def _watch(self, threads: Sequence[threading.Thread]) -> None:
        """Wait until all threads have ended; once it is to stop, a call that takes longer than DRAIN is ended."""
        asked_at: float | None = None
        while alive := [thread for thread in threads if thread.is_alive()]:
            alive[0].join(SHOW)
            self._look()
            if self._send_state.stop_asked.is_set():
                asked_at = asked_at or time.monotonic()
                if time.monotonic() - asked_at > DRAIN:
                    self._abort(alive)
                    return

    def _abort(self, threads: Sequence[threading.Thread]) -> None:
        """End the calls under way, if the provider can, and give their threads time to write what is known."""
        until = time.monotonic() + ABORT
        if self._job.provider.abort:
            self._job.provider.abort()
            for thread in threads:
                thread.join(max(until - time.monotonic(), 0))

    def _look(self) -> None:
        """Show how far it is, renew the leases of batches in hand, and end the worker when the campaign is over."""
        self._looked_at = time.monotonic()
        if self._looked_at - self._renewed_at > min(RENEW, self._send_state.lease.total_seconds() / 4):
            self._renewed_at = self._looked_at
            with self._send_state.writer() as connection:
                owner, lease = self._send_state.owner, self._send_state.lease
                claims.renew(connection, self._job.campaign.id, owner=owner, now=self._job.clock(), lease=lease)
        if self._show():
            self.worker.over.set()

    def _enqueue(self) -> None:
        """Enqueue the audience, page by page; the first page has a batch for each thread, which begin at once."""
        size = batch_size(self._job.publication, self._job.provider, self._job.rate)
        page = self._job.threads * size
        while not self.worker.is_stopping:
            with self._send_state.writer() as connection:
                campaign = lock_campaign(connection, self._job.campaign.id)
                if campaign.enqueued:
                    return
                if is_sending := campaign.state is CampaignState.SENDING:
                    self._enqueue_page(connection, size, page)
            page = audience.PAGE
            self._send_state.tell_change()
            if not is_sending or time.monotonic() - self._looked_at > SHOW:
                self._look()

    def _enqueue_page(self, connection: Connection, size: int, page: int) -> None:
        campaign_id, now = self._job.campaign.id, self._job.clock()
        audience.enqueue(connection, self._job.publication, campaign_id, size, now=now, page=page)

    def _finish(self) -> None:
        """Call the campaign sent if nothing is left to be sent."""
        with self._send_state.writer() as connection:
            state = lock_campaign(connection, self._job.campaign.id).state
            if state is CampaignState.SENDING and counts.is_done(connection, self._job.campaign.id):
                change_state(connection, self._job.campaign.id, "finish", now=self._job.clock())

    def _is_over(self, connection: Connection) -> bool:
        campaign = get_campaign(connection, self._job.campaign.id)
        if campaign.state is not CampaignState.SENDING or counts.is_done(connection, campaign.id):
            return True
        due = counts.next_due(connection, campaign.id) if self._rests and campaign.enqueued else None
        return due is not None and due - self._job.clock() > REST

    def _show(self) -> bool:
        """Show how far it is; return whether it is over."""
        with self._job.database.read() as connection:
            campaign = get_campaign(connection, self._job.campaign.id)
            self._listener.progress(campaign, delivery_counts(connection, campaign.id))
            return self._is_over(connection)

    def _result(self) -> SendResult:
        with self._job.database.read() as connection:
            campaign = get_campaign(connection, self._job.campaign.id)
            counted = delivery_counts(connection, campaign.id)
        interrupted, goes_on = self._send_state.stop_asked.is_set(), self.worker.gate.opens_at
        return SendResult(campaign=campaign, deliveries=counted, interrupted=interrupted, goes_on=goes_on)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Run a step of the sender; its error ends the run, which raises the first one."""
        try:
            step()
        except BaseException as error:
            if self._error:
                log_failure(logger, "another thread of the sender failed", error)
            self._error = self._error or error
            self.worker.over.set()
