"""Workers for tests: in threads of the test's own process, which is quicker to start and to stop than a process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from newsletter.campaigns import audience, ledger
from newsletter.campaigns.campaign import Campaign, get_campaign
from newsletter.config import PublicationSettings
from newsletter.database.clock import database_now
from newsletter.database.connection import Database, open_database
from newsletter.distributed import presence
from newsletter.distributed.campaign_sender import SharedSender
from newsletter.distributed.shared_state import shared_state
from newsletter.distributed.worker import SendingWorker
from newsletter.providers import provider_record
from newsletter.sending.job import job_of
from newsletter.sending.pacing import batch_size
from tests.support.sending import Quiet

PATIENCE = 100.0
"""Seconds that a test waits for what is sure to come."""


@contextmanager
def working(publication: PublicationSettings, number: int = 1, concurrency: int = 4) -> Iterator[list[list[str]]]:
    """Let workers live; yields the sentences of each. They have ended when the context has."""
    said: list[list[str]] = [[] for _ in range(number)]
    with ExitStack() as stack:
        databases = [stack.enter_context(opened(publication)) for _ in range(number)]
        workers = [
            SendingWorker(publication, database, sentences.append, concurrency)
            for database, sentences in zip(databases, said, strict=True)
        ]
        threads = [threading.Thread(target=worker.run, daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(alive(databases[0])) >= number)
            yield said
        finally:
            for worker in workers:
                worker.stop()
            for thread in threads:
                thread.join(PATIENCE)
            assert not any(thread.is_alive() for thread in threads)


@contextmanager
def opened(publication: PublicationSettings) -> Iterator[Database]:
    database = open_database(publication)
    try:
        yield database
    finally:
        database.close()


def alive(database: Database) -> list[presence.LivingWorker]:
    with database.read() as connection:
        return presence.living(connection, database_now(connection))


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, never for a time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def sender_of(publication: PublicationSettings, database: Database, campaign: Campaign) -> SharedSender:
    """What `newsletter send` runs."""
    return SharedSender(job_of(publication, database, campaign), Quiet())


def state_of(database: Database, campaign_id: int) -> Campaign:
    with database.read() as connection:
        return get_campaign(connection, campaign_id)


def jobs_for(publication: PublicationSettings, database: Database, campaign_id: int) -> None:
    """Enqueue a campaign's whole audience and make its jobs, as `send` does, and do not follow it."""
    send_state = shared_state(publication, database, "enqueuer")
    while not state_of(database, campaign_id).enqueued:
        with database.begin() as connection:
            campaign = get_campaign(connection, campaign_id)
            size = batch_size(publication, provider_record(campaign.provider), publication.config.send.rate)
            before = ledger.last_batch(connection, campaign_id)
            audience.enqueue(connection, publication, campaign_id, size, now=database_now(connection))
            send_state.announce(connection, campaign_id, before)
