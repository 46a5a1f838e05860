"""The sender sends through a server that speaks Postmark's API, and one that fails as networks do."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from newsletter.campaigns import audience, claims, counts
from newsletter.campaigns.campaign import Campaign, CampaignState, change_state, get_campaign
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import subscription
from newsletter.rates import Rate
from newsletter.sending.job import SendState
from newsletter.sending.lock import SenderLock
from newsletter.sending.sender import THREADS, Sender, SendResult, job_of
from tests.support.provider_server import KEY, Postmark
from tests.support.sending import NOW, Quiet, add_readers, settings, start_campaign

POSTMARK = """
[send]
provider = "postmark"
patience = "{patience}"
[providers.postmark]
token = "env:POSTMARK_TOKEN"
base_url = "{url}"
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Postmark]:
    monkeypatch.setenv("POSTMARK_TOKEN", KEY)
    with Postmark() as found:
        yield found


@pytest.fixture
def publication(server: Postmark, tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path, POSTMARK.format(url=server.url, patience="2s"))


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    found = open_database(publication)
    yield found
    found.close()


def begin(database: Database, readers: int) -> Campaign:
    add_readers(database, readers)
    with database.begin() as connection:
        return start_campaign(connection, provider="postmark")


def send(
    publication: PublicationSettings,
    database: Database,
    watcher: Quiet | None = None,
    send_state: SendState | None = None,
) -> SendResult:
    """Send campaign 1 from its present state."""
    with database.read() as connection:
        campaign = get_campaign(connection, 1)
    job = replace(job_of(publication, database, campaign), rate=Rate("off"))
    return Sender(job, watcher or Quiet(), send_state).run()


def counted(ending: SendResult) -> dict[str, int]:
    return {state: number for state, number in ending.deliveries.items() if number}


def test_a_thousand_readers_are_two_calls(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    begin(database, 1000)

    ending = send(publication, database)

    assert sorted(server.calls) == [500, 500]
    assert sorted(server.addresses) == sorted(f"r{n}@example.com" for n in range(1, 1001))
    assert counted(ending) == {"accepted": 1000}
    assert ending.campaign.state is CampaignState.SENT


def test_every_reader_gets_their_own_name_link_and_delivery_id(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    begin(database, 3)

    send(publication, database)

    assert sorted(message["Subject"] for message in server.messages) == [
        "Hello Reader 1",
        "Hello Reader 2",
        "Hello Reader 3",
    ]
    assert sorted(message["Metadata"]["delivery_id"] for message in server.messages) == ["1.1", "1.2", "1.3"]
    assert len({message["TextBody"].rpartition("/")[2] for message in server.messages}) == 3


def test_a_rejected_address_is_one_reader_s_affair(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    server.refused["r7@example.com"] = (406, "Inactive recipient.")
    begin(database, 10)

    ending = send(publication, database)

    assert counted(ending) == {"accepted": 9, "rejected": 1}
    with database.read() as connection:
        (found,) = counts.named(connection, 1, "rejected", 10)
    assert (found.email, found.detail) == ("r7@example.com", "Inactive recipient. (code 406)")


def test_a_wrong_key_pauses_at_once_and_no_delivery_has_changed(
    server: Postmark, publication: PublicationSettings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTMARK_TOKEN", "wrong")
    begin(database, 1000)

    ending = send(publication, database)

    assert ending.campaign.state is CampaignState.PAUSED
    assert "401 (code 10): Request does not contain a valid Server token." in ending.campaign.reason
    assert counted(ending) == {"queued": 1000}
    assert server.messages == []


def test_credits_that_run_out_half_way_keep_what_was_accepted_and_queue_the_rest(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    server.credits = 50
    begin(database, 100)

    ending = send(publication, database)

    assert ending.campaign.state is CampaignState.PAUSED
    assert counted(ending) == {"accepted": 50, "queued": 50}
    server.credits = 100
    with database.begin() as connection:
        change_state(connection, 1, "resume", now=NOW)
    assert counted(send(publication, database)) == {"accepted": 100}
    assert Counter(server.addresses).most_common(1)[0][1] == 1


@pytest.mark.parametrize(
    "fault",
    ["dropped", "cut", "a page", "502"],
)
def test_an_answer_that_got_lost_makes_a_batch_unknown_and_never_sends_it_twice(
    server: Postmark, publication: PublicationSettings, database: Database, fault: str
) -> None:
    server.faults = [fault]
    begin(database, 700)

    first = send(publication, database)

    assert first.deliveries["unknown"] in (200, 500)
    assert first.deliveries["accepted"] == 700 - first.deliveries["unknown"]
    assert first.campaign.state is CampaignState.SENT
    assert max(Counter(server.addresses).values()) == 1


@pytest.mark.slow
def test_a_busy_provider_is_tried_again_until_everyone_has_it(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    server.faults = ["not accepted: busy"]
    begin(database, 10)
    watcher = Quiet()

    ending = send(publication, database, watcher=watcher)

    assert counted(ending) == {"accepted": 10}
    assert watcher.said[0].startswith("Postmark is busy: 429 (code 429): Rate limit exceeded.")


@pytest.mark.slow
def test_a_provider_that_stays_busy_pauses_the_campaign_when_patience_is_over(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    server.faults = ["not accepted: maintenance"] * 20
    begin(database, 10)

    ending = send(publication, database)

    assert ending.campaign.state is CampaignState.PAUSED
    assert "for longer than 2s" in ending.campaign.reason
    assert counted(ending) == {"queued": 10}


def test_nobody_answering_is_busy_and_not_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTMARK_TOKEN", KEY)
    publication = settings(tmp_path, POSTMARK.format(url="http://127.0.0.1:1", patience="0s"))
    database = open_database(publication)
    begin(database, 10)

    ending = send(publication, database)
    database.close()

    assert "no connection to 127.0.0.1:1" in ending.campaign.reason
    assert counted(ending) == {"queued": 10}


def test_those_who_left_before_their_batch_did_are_skipped(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    begin(database, 10)
    with database.begin() as connection:
        audience.enqueue(connection, publication, 1, 500, now=NOW)
        connection.execute(update(subscription).where(subscription.c.subscriber_id <= 3).values(status="unsubscribed"))

    ending = send(publication, database)

    assert counted(ending) == {"accepted": 7, "skipped": 3}
    assert "r1@example.com" not in server.addresses


def test_two_campaigns_of_an_issue_that_claim_at_once_do_not_both_leave_its_readers_out(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 4, ("daily", "weekly"))
    with database.begin() as connection:
        both = [start_campaign(connection, name, "postmark") for name in ("daily", "weekly")]
        for campaign in both:
            audience.enqueue(connection, publication, campaign.id, 500, now=NOW)
    workers = [Sender(job_of(publication, database, campaign), Quiet()).worker for campaign in both]
    with database.begin() as connection:
        both_claims = [worker.claim(connection) for worker in workers]

    calls = [worker.prepare(claim) for worker, claim in zip(workers, both_claims, strict=True) if claim]

    assert [call.size if call else 0 for call in calls] == [0, 4]


class Interfering(SendState):
    """Pauses the campaign as the second page of readers was written down, and lets it go on at once."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.pages = 0
        self.resuming = threading.Timer(0.2, self._move, ["resume"])

    def tell_change(self) -> None:
        super().tell_change()
        self.pages += 1
        if self.pages == 2:
            self._move("pause")
            self.resuming.start()

    def _move(self, verb: str) -> None:
        with self.database.begin() as connection:
            change_state(connection, 1, verb, now=NOW)


@pytest.mark.slow
def test_a_campaign_that_is_paused_for_a_moment_while_readers_are_written_down_loses_nobody(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    server.delay = 0.5
    begin(database, 9_000)
    send_state = Interfering(database)

    send(publication, database, send_state=send_state)
    send_state.resuming.join()
    ending = send(publication, database)

    assert ending.campaign.enqueued
    assert counted(ending) == {"accepted": 9_000}


TROUBLE = "CREATE TRIGGER trouble BEFORE {} BEGIN SELECT RAISE({}, 'the database has trouble'); END"


def test_a_batch_that_was_claimed_when_the_database_failed_is_free_again(
    publication: PublicationSettings, database: Database
) -> None:
    begin(database, 10)
    with database.begin() as connection:
        audience.enqueue(connection, publication, 1, 500, now=NOW)
        connection.execute(update(subscription).where(subscription.c.subscriber_id == 3).values(status="unsubscribed"))
        connection.exec_driver_sql(TROUBLE.format("INSERT ON delivery_exception", "ABORT"))

    with pytest.raises(IntegrityError):
        send(publication, database)

    with database.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER trouble")
        assert connection.exec_driver_sql("SELECT state FROM batch").scalars().all() == ["queued"]
    assert counted(send(publication, database)) == {"accepted": 9, "skipped": 1}


def test_what_a_dead_sender_had_handed_over_is_not_sent_again(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    begin(database, 1000)
    with database.begin() as connection:
        audience.enqueue(connection, publication, 1, 500, now=NOW)
        claim = claims.claim(connection, 1, owner="dead", now=NOW)
        assert claim
        claims.hand(connection, claim, provider="postmark", now=NOW)
    watcher = Quiet()

    ending = send(publication, database, watcher=watcher)

    assert counted(ending) == {"accepted": 500, "unknown": 500}
    assert server.calls == [500]
    left = "500 deliveries are unknown, never repeated."
    assert watcher.said == [f"The last run ended in the middle of a call of campaign 1: {left}"]


def test_a_pause_from_elsewhere_stops_new_calls_and_loses_nothing(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    server.answers.clear()
    begin(database, 500 * THREADS * 2)

    def pause() -> None:
        server.wait_for_calls(1)
        with database.begin() as connection:
            change_state(connection, 1, "pause", now=NOW, reason="asked")
        server.answers.set()

    thread = threading.Thread(target=pause)
    thread.start()
    ending = send(publication, database)
    thread.join()

    assert ending.campaign.state is CampaignState.PAUSED
    assert len(server.calls) <= THREADS
    assert ending.deliveries["accepted"] == len(server.addresses)
    assert ending.deliveries["handed"] == 0


def test_a_signal_lets_what_is_in_the_air_finish(
    server: Postmark, publication: PublicationSettings, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    server.answers.clear()
    begin(database, 500 * THREADS * 2)
    send_state = SendState(database)

    def interrupt() -> None:
        server.wait_for_calls(1)
        signal.raise_signal(signal.SIGINT)
        assert send_state.stop_asked.wait(60)
        server.answers.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    ending = send(publication, database, send_state=send_state)
    thread.join()

    assert ending.interrupted
    assert ending.campaign.state is CampaignState.SENDING
    assert ending.deliveries["accepted"] == len(server.addresses) > 0
    assert ending.deliveries["handed"] == ending.deliveries["unknown"] == 0
    assert "Stopping" in capfd.readouterr().err
    assert counted(send(publication, database)) == {"accepted": 500 * THREADS * 2}


def test_a_second_sender_follows_the_first_and_takes_over_when_it_ends(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    begin(database, 10)
    first = SenderLock(database.name)
    assert first.acquire()
    watcher = Quiet()
    endings: list[SendResult] = []
    thread = threading.Thread(target=lambda: endings.append(send(publication, database, watcher=watcher)))
    thread.start()
    while not watcher.seen:
        time.sleep(0.01)

    assert server.calls == []
    with first:
        pass
    thread.join()

    assert counted(endings[0]) == {"accepted": 10}
    assert "is sending from this database; following it." in watcher.said[0]


def test_messages_too_large_for_one_call_travel_in_several(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    begin(database, 20)
    with database.read() as connection:
        campaign = get_campaign(connection, 1)
    job = job_of(publication, database, campaign)
    job = replace(job, provider=replace(job.provider, byte_cap=6000), rate=Rate("off"))

    ending = Sender(job, Quiet()).run()

    assert counted(ending) == {"accepted": 20}
    assert len(server.calls) > 1
    assert sum(server.calls) == 20


def test_sending_begins_with_a_batch_for_each_thread_and_not_with_everyone(
    publication: PublicationSettings, database: Database
) -> None:
    begin(database, 5_000)
    watcher = Quiet()

    ending = send(publication, database, watcher)

    assert sum(watcher.seen[0].values()) == THREADS * 500
    assert counted(ending) == {"accepted": 5_000}


def test_a_pause_stops_the_writing_down_of_readers_too(
    server: Postmark, publication: PublicationSettings, database: Database
) -> None:
    begin(database, 35_000)

    ending = send(publication, database, watcher=PausingAtOnce(database))

    assert ending.campaign.state is CampaignState.PAUSED
    assert not ending.campaign.enqueued
    assert sum(ending.deliveries.values()) < 35_000


class PausingAtOnce(Quiet):
    """Pauses the campaign at the first sign of progress, as another process would."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        super().progress(campaign, counted)
        if len(self.seen) == 1:
            with self._database.begin() as connection:
                change_state(connection, 1, "pause", now=NOW, reason="asked")
