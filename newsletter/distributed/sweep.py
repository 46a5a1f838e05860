"""Take over what dead workers left, make the jobs that are lacking, and end campaigns of which nothing is left.

Any number of processes may sweep at once: a batch is moved by the one that locks its row, a job is made once.
"""

from __future__ import annotations

import time

from newsletter.campaigns import counts
from newsletter.campaigns.abandoned_batches import Recovered
from newsletter.campaigns.campaign import CampaignState, change_state, lock_campaign
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.distributed import jobs, presence
from newsletter.distributed.database_clock import DatabaseClock
from newsletter.distributed.presence import this_process
from newsletter.distributed.shared_state import shared_state
from newsletter.sending.job import ProgressListener, SendState
from newsletter.sending.recovery import recover

EVERY = 2.0
"""Seconds between two sweeps."""
ZOMBIE = 30.0
"""Seconds after the last heartbeat of Procrastinate's worker when its jobs are deleted."""


class Sweep:
    """The sweep of one process."""

    def __init__(
        self, publication: PublicationSettings, send_state: SendState, listener: ProgressListener, clock: DatabaseClock
    ) -> None:
        self._publication = publication
        self._send_state = send_state
        self._listener = listener
        self._clock = clock
        self._next = 0.0
        self._after: dict[int, int] = {}
        """By campaign, the batch up to which lost jobs were looked for."""
        self.recovered = Recovered(replayed_of={}, unknown_of={})
        """What the last sweep took over."""

    def run_if_due(self) -> None:
        """Sweep, unless the last time was a moment ago."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            self.run()

    def run(self) -> None:
        """Sweep once, a short transaction after the other."""
        self._clock.read()
        self.recovered = recover(self._send_state, self._publication, self._listener, self._clock)
        with self._send_state.database.read() as connection:
            sending = campaigns_in_state(connection, CampaignState.SENDING)
            has_workers = presence.is_any_alive(connection, self._clock())
        for campaign in sending:
            if not self._finish(campaign.id) and has_workers:
                self._make_lost_jobs(campaign.id)
        with self._send_state.writer() as connection:
            jobs.clear(connection, ZOMBIE)

    def _make_lost_jobs(self, campaign_id: int) -> None:
        """Look at the next page of waiting batches: large campaigns take several sweeps."""
        with self._send_state.writer() as connection:
            self._after[campaign_id] = jobs.defer_page(connection, campaign_id, self._after.get(campaign_id, 0))

    def _finish(self, campaign_id: int) -> bool:
        with self._send_state.database.read() as connection:
            if not counts.is_done(connection, campaign_id):
                return False
        return finish_if_done(self._send_state, self._clock, campaign_id)


def sweep_once(publication: PublicationSettings, database: Database, listener: ProgressListener) -> None:
    """Take over what dead senders left, for a command that asks what became of a campaign."""
    send_state = shared_state(publication, database, this_process().name)
    Sweep(publication, send_state, listener, DatabaseClock(database)).run()


def finish_if_done(send_state: SendState, clock: DatabaseClock, campaign_id: int) -> bool:
    """Call a campaign sent if nothing is left to be sent, and delete jobs that are left; tell whether it did."""
    with send_state.writer() as connection:
        is_sending = lock_campaign(connection, campaign_id).state is CampaignState.SENDING
        is_finished = is_sending and counts.is_done(connection, campaign_id)
        if is_finished:
            change_state(connection, campaign_id, "finish", now=clock())
            jobs.drop(connection, campaign_id)
    return is_finished
