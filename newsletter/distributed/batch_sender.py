"""Send the batch that a job names, as one of many workers: the ledger says whether it may be sent.

A campaign has one SendWorker here for as long as it is sending; several threads use it at once.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from newsletter.campaigns import abandoned_batches, counts
from newsletter.campaigns.campaign import Campaign, CampaignState, change_state, get_campaign, lock_campaign, pass_on
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.config import PublicationSettings
from newsletter.distributed import jobs
from newsletter.distributed.database_clock import DatabaseClock
from newsletter.distributed.sweep import finish_if_done
from newsletter.errors import ConfigError, NewsletterError
from newsletter.providers import find_provider, read_settings
from newsletter.sending.job import ProgressListener, SendState, is_of_database, job_of, log_failure
from newsletter.sending.sender import mailing_of
from newsletter.sending.worker import SendWorker

logger = logging.getLogger(__name__)

MOST_WAIT = 2.0
"""Seconds that a batch waits for its turn in a thread; for longer, its job waits in the database."""
AGAIN = timedelta(minutes=1)
"""Time until a campaign that cannot be sent from here, for want of a key for example, is tried again."""


@dataclass
class Tally:
    """The work of this process so far; every thread adds to it."""

    batches: int = 0
    failures: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    """Messages by outcome."""


class BatchSender:
    """The sender of one worker process; `send` is for its threads."""

    def __init__(
        self, publication: PublicationSettings, send_state: SendState, listener: ProgressListener, clock: DatabaseClock
    ) -> None:
        self._publication = publication
        self._send_state = send_state
        self._listener = listener
        self._clock = clock
        self._workers: dict[int, SendWorker] = {}
        self._not_before: dict[int, datetime] = {}
        self._lock = threading.Lock()
        self.tally = Tally()

    def send(self, campaign_id: int, no: int) -> None:
        """Send a batch if it is waiting and its campaign is sending. Raises nothing: what fails is told and logged."""
        try:
            self._send(campaign_id, no)
        except (NewsletterError, DBAPIError) as error:
            self.tally.failures += 1
            if is_of_database(error):  # the sweep makes the job again, and the lease ends if it was claimed
                logger.info("batch %d of campaign %d: the database failed", no, campaign_id, exc_info=error)
            else:
                self._put_off(campaign_id, error)
        except Exception as error:
            self.tally.failures += 1
            log_failure(logger, f"batch {no} of campaign {campaign_id} was not sent", error)
            self._put_off(campaign_id, error)

    def end_stopped(self) -> None:
        """End the calls of campaigns that are not sending any more, as soon as they can be."""
        with self._lock:
            known = dict(self._workers)
        if known:
            with self._send_state.database.read() as connection:
                sending = {each.id: each for each in campaigns_in_state(connection, CampaignState.SENDING)}
            self._forget([id for id, worker in known.items() if not _is_still(sending.get(id), worker)])

    def abort(self) -> None:
        """End the calls under way, where the provider can."""
        with self._lock:
            workers = list(self._workers.values())
        for provider in {worker.provider.name: worker.provider for worker in workers}.values():
            if provider.abort:
                provider.abort()

    def _send(self, campaign_id: int, no: int) -> None:
        if self._send_state.stop_asked.is_set() or self._is_put_off(campaign_id, no):
            return
        worker = self._worker_of(campaign_id)
        if worker is None:
            self._drop_jobs(campaign_id)
            return
        worker.gate.opens_at = None
        with self._send_state.writer() as connection:
            claim = worker.claim(connection, no)
        if claim:
            worker.send(claim)
            self.tally.batches += 1
            self._follow_up(worker, campaign_id, no)
        else:
            self._look_again(campaign_id, no)

    def _worker_of(self, campaign_id: int) -> SendWorker | None:
        """Return the campaign's worker, or a new one; None when the campaign is not sending."""
        with self._lock:
            worker = self._workers.get(campaign_id)
            if worker and not worker.over.is_set():
                return worker
            with self._send_state.database.read() as connection:
                campaign = get_campaign(connection, campaign_id)
            if campaign.state is not CampaignState.SENDING:
                self._workers.pop(campaign_id, None)
                return None
            self._workers[campaign_id] = worker = self._new_worker(campaign)
            return worker

    def _new_worker(self, campaign: Campaign) -> SendWorker:
        job = job_of(self._publication, self._send_state.database, campaign, self._clock)

        def is_over(connection: Connection) -> bool:
            return get_campaign(connection, campaign.id).state is not CampaignState.SENDING

        return SendWorker(
            job,
            mailing_of(job),
            self._listener,
            self._send_state,
            is_over,
            MOST_WAIT,
            takes_next=False,
            answered=self.tally.messages,
        )

    def _follow_up(self, worker: SendWorker, campaign_id: int, no: int) -> None:
        """Make the job of a batch that was queued again, let another provider go on, end the campaign."""
        if worker.over.is_set():
            self._forget([campaign_id])
            if worker.successor:
                self._pass_on(worker, campaign_id)
        with self._send_state.writer() as connection:
            jobs.defer_batch(connection, campaign_id, no)
            is_done = counts.is_done(connection, campaign_id)
        if is_done:
            finish_if_done(self._send_state, self._clock, campaign_id)

    def _look_again(self, campaign_id: int, no: int) -> None:
        """Find out why a batch could not be claimed: it was sent, or is not due yet, or its campaign stopped."""
        with self._send_state.database.read() as connection:
            campaign = get_campaign(connection, campaign_id)
        if campaign.state is not CampaignState.SENDING:
            self._forget([campaign_id])
            self._drop_jobs(campaign_id)
            return
        with self._send_state.writer() as connection:
            abandoned_batches.leave_behind(connection, campaign_id, campaign.provider, self._clock())
            jobs.defer_batch(connection, campaign_id, no)

    def _pass_on(self, worker: SendWorker, campaign_id: int) -> None:
        """Let the next provider go on, if it can be used; what this one may have taken stays with it."""
        name, why = worker.successor, worker.why
        try:
            read_settings(self._publication, find_provider(self._publication, name))
        except ConfigError as error:
            why = f"{why}; {name} cannot go on instead: {error.message}"
            with self._send_state.writer() as connection:
                if lock_campaign(connection, campaign_id).state is CampaignState.SENDING:
                    change_state(connection, campaign_id, "pause", now=self._clock(), reason=why)
            return
        with self._send_state.writer() as connection:
            campaign = lock_campaign(connection, campaign_id)
            if campaign.state is not CampaignState.SENDING or campaign.provider != worker.provider.name:
                return
            pass_on(connection, campaign_id, name)
            abandoned_batches.leave_behind(connection, campaign_id, name, self._clock())
        self._listener.say(f"{worker.provider.title} stopped: {why.rstrip('.')}. Going on through {name}.")

    def _drop_jobs(self, campaign_id: int) -> None:
        with self._send_state.writer() as connection:
            if lock_campaign(connection, campaign_id).state is not CampaignState.SENDING:
                jobs.drop(connection, campaign_id)

    def _forget(self, ids: Collection[int]) -> None:
        with self._lock:
            for id in ids:
                worker = self._workers.pop(id, None)
                if worker:
                    worker.over.set()

    def _put_off(self, campaign_id: int, error: BaseException) -> None:
        """Leave a campaign alone for a while: it cannot be sent from here, and other workers may."""
        words = str(error) if isinstance(error, NewsletterError) else type(error).__name__
        with self._lock:
            is_new = self._not_before.get(campaign_id, self._clock()) <= self._clock()
            self._not_before[campaign_id] = self._clock() + AGAIN
        if is_new:
            self._listener.say(f"newsletter: error: campaign {campaign_id} cannot be sent from here: {words}")

    def _is_put_off(self, campaign_id: int, no: int) -> bool:
        """Tell whether the campaign is left alone; then the job waits as long."""
        with self._lock:
            until = self._not_before.get(campaign_id)
        if until is None or until <= self._clock():
            return False
        with self._send_state.writer() as connection:
            jobs.defer_batch(connection, campaign_id, no, until)
        return True


def _is_still(campaign: Campaign | None, worker: SendWorker) -> bool:
    return campaign is not None and campaign.provider == worker.provider.name
