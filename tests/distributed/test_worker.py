"""`newsletter worker`: batches leave through jobs, and the ledger alone says what may be sent."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.campaigns.campaign import Campaign, CampaignState, change_state, get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.distributed.batch_sender import Tally
from newsletter.distributed.metrics import MetricsServer
from newsletter.errors import ConfigError
from newsletter.subscribers import suppressions
from newsletter.times import utc_now
from tests.support.provider_server import KEY, Postmark, Resend
from tests.support.sending import add_readers, settings, start_campaign
from tests.support.workers import alive, jobs_for, opened, sender_of, state_of, until, working

SOME_ON_WEEKLY = """
    INSERT INTO subscription (list, subscriber_id, status, changed_at)
    SELECT 'weekly', subscriber_id, status, changed_at FROM subscription WHERE subscriber_id <= 500
"""
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
        yield database


def begin(
    publication: PublicationSettings,
    database: Database,
    readers: int,
    list_name: str = "daily",
    provider: str = "postmark",
) -> Campaign:
    """Start a campaign and make its jobs, with nobody who follows it."""
    with database.begin() as connection:
        campaign = start_campaign(connection, list_name, provider)
    jobs_for(publication, database, campaign.id)
    return campaign


def counted(database: Database, campaign: int = 1) -> dict[str, int]:
    with database.read() as connection:
        return {state: number for state, number in delivery_counts(connection, campaign).items() if number}


def test_workers_send_what_send_enqueues(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    add_readers(database, 2500)
    with database.begin() as connection:
        campaign = start_campaign(connection, provider="postmark")
    with working(publication, 2):
        result = sender_of(publication, database, campaign).run()

    assert result.campaign.state is CampaignState.SENT
    assert result.deliveries["accepted"] == 2500
    assert server.most_often == 1


def test_send_works_itself_where_no_worker_lives(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    add_readers(database, 1200)
    with database.begin() as connection:
        campaign = start_campaign(connection, provider="postmark")

    result = sender_of(publication, database, campaign).run()

    assert result.deliveries["accepted"] == len(server.addresses) == 1200


def test_a_campaign_ends_though_nobody_follows_it(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    add_readers(database, 700)
    with working(publication):
        begin(publication, database, 700)
        until(lambda: state_of(database, 1).state is CampaignState.SENT)

    assert counted(database) == {"accepted": 700}


def test_a_paused_campaign_begins_no_further_call_and_goes_on_when_it_is_resumed(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    server.answers.clear()
    add_readers(database, 5000)
    with working(publication):
        begin(publication, database, 5000)
        server.wait_for_calls(4)
        with database.begin() as connection:
            change_state(connection, 1, "pause", now=utc_now(), reason="you asked for it")
        server.answers.set()
        until(lambda: counted(database) == {"accepted": 2000, "queued": 3000})

        assert len(server.calls) == 4
        with database.begin() as connection:
            change_state(connection, 1, "resume", now=utc_now())
        result = sender_of(publication, database, state_of(database, 1)).run()

    assert result.deliveries["accepted"] == 5000
    assert server.most_often == 1


def test_a_provider_that_stops_the_campaign_stops_it_for_every_worker(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    server.faults = ["not accepted: no credits"] * 100
    add_readers(database, 4000)
    with working(publication, 2):
        begin(publication, database, 4000)
        until(lambda: state_of(database, 1).state is CampaignState.PAUSED)
        until(lambda: counted(database) == {"queued": 4000})

    assert "credits" in state_of(database, 1).reason
    assert len(server.addresses) == 0


def test_a_reader_who_is_suppressed_before_a_batch_leaves_is_skipped_by_every_worker(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    server.answers.clear()
    add_readers(database, 4000)
    with working(publication):
        begin(publication, database, 4000)
        server.wait_for_calls(4)
        with database.begin() as connection:
            suppressions.suppress(connection, "r4000@example.com", suppressions.Reason.BY_HAND, "", utc_now())
        server.answers.set()
        until(lambda: state_of(database, 1).state is CampaignState.SENT)

    assert counted(database) == {"accepted": 3999, "skipped": 1}
    assert "r4000@example.com" not in server.addresses


def test_a_worker_that_stops_finishes_its_calls_and_gives_the_rest_back(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    add_readers(database, 5000)
    server.delay = 0.3
    with working(publication):
        begin(publication, database, 5000)
        server.wait_for_calls(4)

    with database.read() as connection:
        assert get_campaign(connection, 1).state is CampaignState.SENDING
    left = counted(database)
    assert left["accepted"] == len(server.addresses)
    assert left.keys() == {"accepted", "queued"}
    assert alive(database) == []


def test_a_batch_whose_provider_was_busy_is_sent_a_little_later(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    server.faults = ["not accepted: busy"] * 2
    add_readers(database, 1500)
    with working(publication):
        begin(publication, database, 1500)
        until(lambda: state_of(database, 1).state is CampaignState.SENT)

    assert counted(database) == {"accepted": 1500}
    assert server.most_often == 1


def test_a_provider_that_is_throttled_does_not_slow_another_one_s_campaign(server: Postmark, tmp_path: Path) -> None:
    with Resend() as slow:
        both = f'{server.toml}[providers.resend]\nbase_url = "{slow.url}"\n{slow.settings}'
        publication = settings(tmp_path / "both", both)
        with opened(publication) as database:
            slow.answers.clear()
            add_readers(database, 3000, ("daily", "weekly"))
            with working(publication):
                begin(publication, database, 3000, "daily", "resend")
                slow.wait_for_calls(4)
                begin(publication, database, 3000, "weekly", "postmark")
                until(lambda: state_of(database, 2).state is CampaignState.SENT)

                assert state_of(database, 1).state is CampaignState.SENDING
                slow.answers.set()


def test_a_small_campaign_is_not_kept_waiting_by_a_large_one(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    server.answers.clear()
    add_readers(database, 20_000, ("daily",))
    with database.begin() as connection:
        connection.execute(text(SOME_ON_WEEKLY))
    with working(publication):
        begin(publication, database, 20_000)
        server.wait_for_calls(4)
        begin(publication, database, 500, "weekly")
        server.delay = 0.05
        server.answers.set()
        until(lambda: state_of(database, 2).state is CampaignState.SENT)

        assert counted(database)["queued"] > 10_000


def test_one_worker_without_its_key_says_so_and_the_campaign_waits(
    publication: PublicationSettings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_readers(database, 100)
    with working(publication) as said:
        monkeypatch.delenv("PROVIDER_KEY")
        begin(publication, database, 100)
        until(lambda: any("cannot be sent from here" in sentence for sentence in said[0]))

    assert counted(database) == {"queued": 100}


def test_workers_are_listed_with_what_they_send(
    publication: PublicationSettings, database: Database, server: Postmark
) -> None:
    server.answers.clear()
    add_readers(database, 1000)
    with working(publication, 2):
        begin(publication, database, 1000)
        server.wait_for_calls(2)
        workers = alive(database)
        server.answers.set()

    assert len({worker.name for worker in workers}) == 2
    sending = [item for worker in workers for item in worker.sending]
    assert {item["issue"] for item in sending} == {"hello"}
    assert sum(int(str(item["messages"])) for item in sending) == 1000


def test_a_worker_s_metrics_and_health_are_on_its_own_address() -> None:
    tally, healthy = Tally(batches=3, failures=1), [True]
    tally.messages["accepted"] = 1500
    with MetricsServer("127.0.0.1", 0, tally, lambda: healthy[0]) as metrics:
        with urllib.request.urlopen(f"{metrics.address}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        with urllib.request.urlopen(f"{metrics.address}/healthz") as answer:
            assert answer.status == 200
        healthy[0] = False
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{metrics.address}/healthz")

    assert 'newsletter_worker_messages_total{outcome="accepted"} 1500' in lines
    assert "newsletter_worker_batches_total 3" in lines


def test_a_port_that_is_taken_is_one_error(server: Postmark) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with pytest.raises(ConfigError, match="--listen"):
        MetricsServer(host, int(port), Tally(), lambda: True)
