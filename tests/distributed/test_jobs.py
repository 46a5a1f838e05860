"""Jobs: one for each batch that waits, made with it, in turns between campaigns; never a reason to send."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from newsletter.campaigns import audience, claims, ledger
from newsletter.campaigns.campaign import CampaignPriority, change_state, set_priority
from newsletter.config import PublicationSettings
from newsletter.database.clock import database_now
from newsletter.database.connection import Database
from newsletter.distributed import jobs
from tests.support.sending import NOW, add_readers, settings, start_campaign
from tests.support.workers import opened

pytestmark = pytest.mark.usefixtures("postgresql")


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    with opened(publication) as database:
        add_readers(database, 20, ("daily", "weekly"))
        yield database


def begin(connection: Connection, publication: PublicationSettings, list_name: str, size: int) -> int:
    """Enqueue a campaign to twenty readers, and make its jobs."""
    campaign = start_campaign(connection, list_name)
    audience.enqueue(connection, publication, campaign.id, size, now=NOW)
    jobs.announce(connection, campaign.id, 0)
    return campaign.id


def order(connection: Connection) -> list[tuple[int, int]]:
    """The batches in the order in which workers take their jobs."""
    rows = text("SELECT args->>'campaign', args->>'batch' FROM procrastinate_jobs ORDER BY priority DESC, id")
    return [(int(campaign), int(batch)) for campaign, batch in connection.execute(rows)]


def test_each_batch_has_one_job_however_often_it_is_asked_for(
    publication: PublicationSettings, database: Database
) -> None:
    with database.begin() as connection:
        campaign = begin(connection, publication, "daily", 5)
        jobs.announce(connection, campaign, 0)

        assert order(connection) == [(campaign, 1), (campaign, 2), (campaign, 3), (campaign, 4)]


def test_jobs_are_made_with_their_batches_or_not_at_all(publication: PublicationSettings, database: Database) -> None:
    with database.engine.connect() as connection, connection.begin() as transaction:
        begin(connection, publication, "daily", 5)
        transaction.rollback()

    with database.read() as connection:
        assert order(connection) == []


def test_two_campaigns_take_turns_and_the_later_one_does_not_wait_for_the_first(
    publication: PublicationSettings, database: Database
) -> None:
    with database.begin() as connection:
        large = begin(connection, publication, "daily", 1)
        small = begin(connection, publication, "weekly", 5)

        turns = [campaign for campaign, _ in order(connection)][:8]
        assert turns == [large, small] * 4


def test_an_urgent_campaign_goes_first_and_a_low_one_last(publication: PublicationSettings, database: Database) -> None:
    with database.begin() as connection:
        low = start_campaign(connection, "daily")
        set_priority(connection, low.id, CampaignPriority.LOW)
        audience.enqueue(connection, publication, low.id, 5, now=NOW)
        jobs.announce(connection, low.id, 0)
        urgent = start_campaign(connection, "weekly")
        set_priority(connection, urgent.id, CampaignPriority.HIGH)
        audience.enqueue(connection, publication, urgent.id, 5, now=NOW)
        jobs.announce(connection, urgent.id, 0)

        assert [campaign for campaign, _ in groupby(campaign for campaign, _ in order(connection))] == [
            urgent.id,
            low.id,
        ]


def test_pages_of_one_campaign_do_not_give_it_more_turns(publication: PublicationSettings, database: Database) -> None:
    with database.begin() as connection:
        large = start_campaign(connection, "daily")
        for _ in range(4):
            before = ledger.last_batch(connection, large.id)
            audience.enqueue(connection, publication, large.id, 1, now=NOW, page=5)
            jobs.announce(connection, large.id, before)
        small = begin(connection, publication, "weekly", 5)

        assert [campaign for campaign, _ in order(connection)][:8] == [large.id, small] * 4


def test_a_batch_that_waits_has_a_job_that_waits(publication: PublicationSettings, database: Database) -> None:
    with database.begin() as connection:
        campaign = start_campaign(connection)
        audience.enqueue(connection, publication, campaign.id, 20, now=NOW)
        later = database_now(connection) + timedelta(hours=1)
        claim = claims.claim(connection, campaign.id, owner="a", now=NOW)
        assert claim
        claims.release(connection, claim, not_before=later)
        jobs.defer_batch(connection, campaign.id, 1)

        assert jobs.waiting(connection, database_now(connection)) == 0
        assert jobs.waiting(connection, later) == 1


def test_a_paused_campaign_gets_no_jobs_and_loses_those_it_has(
    publication: PublicationSettings, database: Database
) -> None:
    with database.begin() as connection:
        paused = begin(connection, publication, "daily", 5)
        other = begin(connection, publication, "weekly", 20)
        change_state(connection, paused, "pause", now=NOW)
        jobs.drop(connection, paused)
        jobs.announce(connection, paused, 0)

        assert order(connection) == [(other, 1)]


def test_a_batch_that_was_sent_gets_no_job(publication: PublicationSettings, database: Database) -> None:
    with database.begin() as connection:
        campaign = start_campaign(connection)
        audience.enqueue(connection, publication, campaign.id, 20, now=NOW)
        claim = claims.claim(connection, campaign.id, owner="a", now=NOW)
        assert claim
        claims.close_empty(connection, claim, NOW)
        jobs.announce(connection, campaign.id, 0)
        jobs.defer_batch(connection, campaign.id, 1)

        assert order(connection) == []


def test_a_large_campaign_s_lost_jobs_are_found_page_by_page(
    publication: PublicationSettings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PAGE", 3)
    with database.begin() as connection:
        campaign = begin(connection, publication, "daily", 2)
        connection.execute(text("DELETE FROM procrastinate_jobs"))

        ends = [jobs.defer_page(connection, campaign, after) for after in (0, 3, 6, 9, 10)]
        assert ends == [3, 6, 9, 10, 0]
        assert len(order(connection)) == 10


def test_jobs_of_dead_workers_are_cleared_and_those_of_the_living_stay(
    publication: PublicationSettings, database: Database
) -> None:
    with database.begin() as connection:
        begin(connection, publication, "daily", 5)
        worker = "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - {} * interval '1 s') RETURNING id"
        dead, living = (connection.execute(text(worker.format(age))).scalar() for age in (60, 1))
        for batch, id in ((1, dead), (2, living), (3, None)):
            doing = "UPDATE procrastinate_jobs SET status = 'doing', worker_id = :id WHERE args->>'batch' = :batch"
            connection.execute(text(doing), {"id": id, "batch": f"{batch}"})

        assert jobs.clear(connection, 30) == 2
        assert [batch for _, batch in order(connection)] == [2, 4]
