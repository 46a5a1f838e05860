"""Run the scheduler and the senders in one process until it is stopped.

Once a second the runner starts what is due and gives every sending campaign a sender. Up to MOST_AT_ONCE campaigns
are sent side by side and share the provider's rate batch by batch. `campaigns.schedule` and `daily` decide what is
due; `sending.sender` sends one campaign.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from newsletter.campaigns import counts, schedule
from newsletter.campaigns.abandoned_batches import Recovered
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.publishing import alerts, daily, heartbeat, report_emails
from newsletter.publishing.alerts import Alert
from newsletter.publishing.complaints import complaint_warnings
from newsletter.publishing.daily import ScheduleProblem
from newsletter.publishing.report_emails import DueReport
from newsletter.sending.job import SendState
from newsletter.sending.lock import SenderLock
from newsletter.sending.recovery import recover
from newsletter.sending.sender import STOPPING, Sender, SendResult, job_of, lock_file
from newsletter.signals import Interrupts
from newsletter.times import Clock, utc_now

logger = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two readings of the schedule."""
ONCE_TICK = 0.1
"""Seconds between two readings of the schedule with `--once`, where a person or a job waits for the end."""
MOST_AT_ONCE = 4
"""Campaigns sent side by side; the others wait for their turn."""
LOOK = timedelta(minutes=1)
"""Time between two searches for today's issue."""
AGAIN = timedelta(minutes=1)
"""Time until a campaign that could not be sent at all, for want of a key for example, is tried again."""
DRAIN = 8.0
"""Seconds that the senders have to end after they were asked to stop."""


class RunnerListener(Protocol):
    """The receiver of what a runner reports; `cli.run_log` prints it."""

    def say(self, sentence: str) -> None:
        """Take a sentence for a person who reads the log."""

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """Take the counts of a campaign that is being sent; called a few times a second."""

    def began(self, campaign: Campaign) -> None:
        """Take a campaign whose time has come: it starts, or is held."""

    def ended(self, result: SendResult) -> None:
        """Take the result of a sender that has nothing more to do for now."""

    def failed(self, campaign: Campaign, error: BaseException) -> None:
        """Take a campaign that could not be sent and is tried again later."""

    def recovered(self, recovered: Recovered) -> None:
        """Take the counts of what a dead sender had left and this one recovered."""

    def schedule_problem(self, problem: ScheduleProblem) -> None:
        """Take the reason why there will be no issue today."""


class Runner:
    """The scheduler and senders of one `newsletter run`; `run` works, `stop` ends it from another thread."""

    def __init__(
        self, publication: PublicationSettings, database: Database, listener: RunnerListener, clock: Clock = utc_now
    ) -> None:
        self._publication = publication
        self._database = database
        self._listener = listener
        self._clock = clock
        self._send_state = SendState(database)
        self._name = f"{os.getpid()} {socket.gethostname()}"
        self._running: dict[int, threading.Thread] = {}
        self._not_before: dict[int, datetime] = {}
        self._alerting: threading.Thread | None = None
        self._once = False
        self._next_beat = self._next_look = datetime.min.replace(tzinfo=clock().tzinfo)

    def run(self, *, once: bool = False, greeting: str = "") -> None:
        """Send what is due until asked to stop, or with `once` until nothing is due.

        The `greeting` is reported once the database is locked. Raises NewsletterError when another process sends.
        """
        self._once = once
        with Interrupts(STOPPING, self._send_state.stop_asked), SenderLock(lock_file(self._database)) as lock:
            if not lock.acquire():
                hint = "One sender per database: let it end, or stop it, then run this again."
                raise NewsletterError(f"{lock.owner} is sending from this database", hint=hint)
            if greeting:
                self._listener.say(greeting)
            self._listener.recovered(recover(self._send_state, self._publication, self._listener, self._clock))
            try:
                self._loop(once=once)
            finally:
                self._drain()

    def stop(self) -> None:
        """Ask the runner to stop, as a signal does; returns at once."""
        self._send_state.stop_asked.set()

    def _loop(self, *, once: bool) -> None:
        while not self._send_state.stop_asked.is_set():
            self._tick_or_report(once=once)
            if once and not self._running and not (self._alerting and self._alerting.is_alive()):
                return
            self._send_state.stop_asked.wait(ONCE_TICK if once else TICK)

    def _tick_or_report(self, *, once: bool) -> None:
        """Run one tick. Raises NewsletterError only with `once`: a service reports it and goes on."""
        try:
            self.tick(self._clock())
        except NewsletterError as error:
            if once:
                raise
            logger.info("the scheduler could not look around, and looks again", exc_info=error)
            self._listener.say(f"newsletter: error: {error}")

    def tick(self, now: datetime) -> None:
        """Record the heartbeat, start what is due, and give every sending campaign a sender."""
        self._beat(now)
        if now >= self._next_look:
            self._next_look = now + LOOK
            self._look_for_today(now)
        self._start_due(now)
        self._running = {id: thread for id, thread in self._running.items() if thread.is_alive()}
        for campaign in self._waiting(now)[: max(self._most_at_once() - len(self._running), 0)]:
            if not self._hold(campaign, now):
                self._start_sender(campaign)

    def _beat(self, now: datetime) -> None:
        if now >= self._next_beat:
            self._next_beat = now + heartbeat.BEAT
            with self._send_state.writer() as connection:
                heartbeat.beat(connection, self._name, now)

    def _most_at_once(self) -> int:
        """Return how many campaigns have a sender at once."""
        return MOST_AT_ONCE

    def _make_sender(self, campaign: Campaign) -> Sender:
        job = job_of(self._publication, self._database, campaign, self._clock)
        return Sender(job, self._listener, self._send_state, once=self._once)

    def _hold(self, campaign: Campaign, now: datetime) -> bool:
        """Pause a campaign for which newsletter.toml lacks something; tell whether it did."""
        if not schedule.missing_setting(self._publication, campaign):
            return False
        with self._send_state.writer() as connection:
            paused = schedule.hold_unprepared(connection, self._publication, campaign.id, now)
        if paused:
            self._listener.began(paused)
        return True

    def _look_for_today(self, now: datetime) -> None:
        unscheduled = daily.schedule_today(self._publication, self._database, now)
        for problem in unscheduled:
            self._listener.schedule_problem(problem)
        problems: list[Alert] = [*unscheduled, *complaint_warnings(self._database, now)]
        reports = report_emails.due(self._publication, self._database, now)
        if (problems or reports) and not (self._alerting and self._alerting.is_alive()):
            # An email may hang for a minute, and nothing that is due may wait for it.
            arguments = (problems, reports, now)
            self._alerting = threading.Thread(target=self._mail_editors, args=arguments, daemon=True)
            self._alerting.start()

    def _mail_editors(self, problems: Sequence[Alert], reports: Sequence[DueReport], now: datetime) -> None:
        for problem in problems:
            subject = f"{self._publication.config.publication.name}: {problem.subject}"
            self._mail(
                lambda problem=problem, subject=subject: alerts.alert_editors(  # type: ignore[misc]
                    self._publication, self._database, problem.key, subject, problem.sentence, now
                )
            )
        for report in reports:
            self._mail(lambda report=report: report_emails.send(self._publication, self._database, report, now))  # type: ignore[misc]

    def _mail(self, send: Callable[[], str]) -> None:
        """Mail something to the editors, and report why it failed: that must not keep an issue from readers."""
        try:
            failure = send()
        except NewsletterError as error:
            logger.info("the editors were not told by email", exc_info=True)
            failure = f"The editors were not told by email: {error}"
        except Exception as error:
            logger.exception("the editors were not told by email")
            failure = f"The editors were not told by email: {type(error).__name__}: {error}"
        if failure:
            self._listener.say(failure)

    def _start_due(self, now: datetime) -> None:
        with self._database.read() as connection:
            scheduled = campaigns_in_state(connection, CampaignState.SCHEDULED)
        if any(campaign.start and campaign.start <= now for campaign in scheduled):
            with self._send_state.writer() as connection:
                begun = schedule.begin_due(connection, self._publication, now)
            for campaign in begun:
                self._listener.began(campaign)

    def _waiting(self, now: datetime) -> list[Campaign]:
        """Return the sending campaigns without a sender that have something due, the longest waiting first."""
        with self._database.read() as connection:
            sending = campaigns_in_state(connection, CampaignState.SENDING)
            idle = [campaign for campaign in sending if campaign.id not in self._running]
            due = {each.id: counts.next_due(connection, each.id) for each in idle if each.enqueued}
        ready = [each for each in idle if (moment := due.get(each.id)) is None or moment <= now]
        return [each for each in ready if self._not_before.get(each.id, now) <= now]

    def _start_sender(self, campaign: Campaign) -> None:
        logger.info("campaign %d: a sender starts", campaign.id)
        thread = threading.Thread(target=self._send, args=(campaign,), name=f"campaign-{campaign.id}", daemon=True)
        self._running[campaign.id] = thread
        thread.start()

    def _send(self, campaign: Campaign) -> None:
        """Send one campaign, in a thread of its own. Its errors must not stop the other campaigns."""
        try:
            result = self._make_sender(campaign).work()
            if result.goes_on:
                self._not_before[campaign.id] = result.goes_on
            logger.info("campaign %d: its sender ended, the campaign is %s", campaign.id, result.campaign.state)
            self._listener.ended(result)
        except BaseException as error:
            # A refusal on purpose explains itself; anything else is a mistake in the program and needs its traceback.
            level = logging.INFO if isinstance(error, NewsletterError) else logging.ERROR
            logger.log(level, "campaign %d could not be sent", campaign.id, exc_info=True)
            self._not_before[campaign.id] = self._clock() + AGAIN
            self._listener.failed(campaign, error)

    def _drain(self) -> None:
        """Let calls to the provider finish; one that takes longer than DRAIN is recovered at the next start."""
        self._send_state.stop_asked.set()
        until = time.monotonic() + DRAIN
        for thread in [*self._running.values(), *([self._alerting] if self._alerting else [])]:
            thread.join(max(0.0, until - time.monotonic()))
        with self._send_state.writer() as connection:
            heartbeat.leave(connection, self._name)
