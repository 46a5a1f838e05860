"""A sender beside others: the database may go away for a moment, and its batch may be taken over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text, update

from newsletter.campaigns import abandoned_batches, audience
from newsletter.campaigns.campaign import get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.database.tables import batch
from newsletter.errors import NewsletterError
from newsletter.providers import find_provider
from newsletter.sending import database_guard
from newsletter.sending.job import SendState, job_of
from newsletter.sending.recovery import LATE
from newsletter.sending.sender import mailing_of
from newsletter.sending.worker import SendWorker
from newsletter.times import utc_now
from tests.support.provider_server import KEY, Postmark
from tests.support.sending import Quiet, add_readers, settings, start_campaign
from tests.support.workers import opened, until

pytestmark = pytest.mark.usefixtures("postgresql")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Postmark]:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    with Postmark() as server:
        yield server


@pytest.fixture
def publication(server: Postmark, tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path / "news", server.toml)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    with opened(publication) as database:
        add_readers(database, 20)
        with database.begin() as connection:
            campaign = start_campaign(connection, provider="postmark")
            audience.enqueue(connection, publication, campaign.id, 20, now=utc_now())
        yield database


def worker_of(publication: PublicationSettings, database: Database, state: SendState) -> SendWorker:
    with database.read() as connection:
        campaign = get_campaign(connection, 1)
    job = job_of(publication, database, campaign)
    assert job.provider is find_provider(publication)
    return SendWorker(job, mailing_of(job), Quiet(), state, lambda _: False, 2.0, takes_next=False)


def counted(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {state: number for state, number in delivery_counts(connection, 1).items() if number}


def test_an_answer_is_written_though_the_database_ended_the_connection(
    publication: PublicationSettings, database: Database
) -> None:
    state, tries = SendState(database), []

    def write(connection: Connection) -> str:
        tries.append(connection)
        if len(tries) == 1:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return "written"

    assert state.record(write) == "written"
    assert len(tries) == 2


def test_a_mistake_that_is_not_the_database_s_is_not_tried_again(database: Database) -> None:
    def write(_: Connection) -> None:
        raise NewsletterError("no")

    with pytest.raises(NewsletterError, match="no"):
        SendState(database).record(write)


def test_an_answer_that_comes_after_the_batch_was_given_up_still_tells_who_has_it(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    state = SendState(database)
    worker = worker_of(publication, database, state)
    with database.begin() as connection:
        claim = worker.claim(connection)
    assert claim
    late = utc_now() + state.lease + timedelta(seconds=1)

    def gives_up(messages: list[dict[str, object]]) -> list[dict[str, object]]:
        with database.begin() as connection:
            abandoned_batches.recover(connection, lambda *_: False, expired=late)
        return accept(messages)

    accept = server.accept
    server.accept = gives_up  # type: ignore[method-assign]
    worker.send(claim)

    assert counted(database) == {"accepted": 20}
    with database.read() as connection:
        assert connection.execute(text("SELECT DISTINCT detail FROM delivery_exception")).scalars().all() == [LATE]


def test_a_sender_that_was_stopped_past_its_lease_hands_nothing_over(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    worker = worker_of(publication, database, SendState(database, lease=timedelta(0)))
    with database.begin() as connection:
        claim = worker.claim(connection)
    assert claim

    worker.send(claim)

    assert server.calls == []
    assert counted(database) == {"handed": 20}  # until the sweep calls it unknown: nobody sends it again


def test_a_batch_whose_claim_was_taken_over_is_not_sent_by_its_first_sender(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    worker = worker_of(publication, database, SendState(database))
    with database.begin() as connection:
        claim = worker.claim(connection)
        connection.execute(update(batch).values(attempt=batch.c.attempt + 1, owner="another"))
    assert claim

    worker.send(claim)

    assert server.calls == []
    assert counted(database) == {"queued": 20}


def _somebody_waits(database: Database) -> bool:
    """Tell whether a transaction waits for another one."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with database.read() as connection:
        return bool(connection.execute(text(waiting)).scalar_one())


def test_processes_that_start_at_once_agree_on_the_database_s_place(database: Database) -> None:
    place = database_guard.here(database)

    def settle() -> None:
        with database.begin(alone=False) as connection:
            database_guard.settle(connection, place, utc_now())

    second = threading.Thread(target=settle)
    with database.begin(alone=False) as connection:
        database_guard.settle(connection, place, utc_now())
        second.start()
        until(lambda: _somebody_waits(database))
    second.join()

    with database.read() as connection:
        database_guard.require_home(connection, place)
        assert connection.execute(text("SELECT count(*) FROM host")).scalar_one() == 1
