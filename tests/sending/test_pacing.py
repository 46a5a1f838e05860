"""A campaign keeps its rate, goes slower for a busy provider, and pauses when it should."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.campaigns import audience
from newsletter.campaigns.campaign import CampaignState, change_state, get_campaign
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import subscription
from newsletter.rates import Rate
from newsletter.sending.job import job_of
from newsletter.sending.sender import Sender, SendResult
from newsletter.times import Clock, utc_now
from tests.support.provider_server import KEY
from tests.support.sending import NOW, Quiet, add_readers, settings, start_campaign
from tests.support.timed_provider import TimedPostmark

POSTMARK = '[providers.postmark]\ntoken = "env:POSTMARK_TOKEN"\nbase_url = "{url}"\n'
SEND = '[send]\nprovider = "postmark"\n'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TimedPostmark]:
    monkeypatch.setenv("POSTMARK_TOKEN", KEY)
    found = TimedPostmark()
    with found:
        yield found


@pytest.fixture
def publication(server: TimedPostmark, tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path, SEND + POSTMARK.format(url=server.url))


def send(
    publication: PublicationSettings,
    readers: int,
    rate: str = "off",
    watcher: Quiet | None = None,
    clock: Clock = utc_now,
) -> SendResult:
    database = begun(publication, readers)
    ending = go_on(publication, database, rate, watcher, clock)
    database.close()
    return ending


def begun(publication: PublicationSettings, readers: int) -> Database:
    """With a campaign that nobody is written down for yet."""
    database = open_database(publication)
    add_readers(database, readers)
    with database.begin() as connection:
        start_campaign(connection, provider="postmark")
    return database


def go_on(
    publication: PublicationSettings,
    database: Database,
    rate: str = "off",
    watcher: Quiet | None = None,
    clock: Clock = utc_now,
) -> SendResult:
    with database.read() as connection:
        campaign = get_campaign(connection, 1)
    job = replace(job_of(publication, database, campaign, clock), rate=Rate(rate))
    return Sender(job, watcher or Quiet()).run()


RATES = [(1, 60 if "NEWSLETTER_SOAK" in os.environ else 10), (20, 60), (500, 1500)]
TRIES = 5
"""A busy machine may be late in one; a sender that keeps no rate is off in each."""


def best_rate(server: TimedPostmark, folder: Path, wanted: int, readers: int) -> float:
    """The first that is within five percent, or else that of the last try."""
    for number in range(TRIES):
        server.taken.clear()
        ending = send(settings(folder / f"{number}", SEND + POSTMARK.format(url=server.url)), readers, f"{wanted}/s")
        assert ending.deliveries["accepted"] == readers
        if server.rate == pytest.approx(wanted, rel=0.05):
            break
    return server.rate


@pytest.mark.parametrize(("rate", "readers"), RATES)
@pytest.mark.slow
def test_the_rate_is_kept_within_five_percent(server: TimedPostmark, tmp_path: Path, rate: int, readers: int) -> None:
    assert best_rate(server, tmp_path, rate, readers) == pytest.approx(rate, rel=0.05)


@pytest.mark.slow
def test_a_slow_provider_does_not_make_the_rate_slower(server: TimedPostmark, tmp_path: Path) -> None:
    server.delay = 0.4

    assert best_rate(server, tmp_path, 200, 400) == pytest.approx(200, rel=0.05)


def test_a_quota_that_is_used_up_is_said_once_and_nothing_more_leaves(server: TimedPostmark, tmp_path: Path) -> None:
    more = '[send]\nprovider = "postmark"\nwarmup = "100, x2 daily"\n' + POSTMARK.format(url=server.url)
    watcher = Stopping(server, accepted=100)

    ending = send(settings(tmp_path, more), 300, watcher=watcher, clock=lambda: NOW)

    assert watcher.said[0] == "100 today, by the warm-up plan: that is used up; it goes on by itself."
    assert {state: number for state, number in ending.deliveries.items() if number} == {"accepted": 100, "queued": 200}


def test_a_pause_is_heard_while_a_quota_is_waited_for(server: TimedPostmark, tmp_path: Path) -> None:
    more = '[send]\nprovider = "postmark"\nwarmup = "100, x2 daily"\n' + POSTMARK.format(url=server.url)
    publication = settings(tmp_path, more)

    # It would have waited until tomorrow.
    ending = send(publication, 300, watcher=Pausing(server, publication), clock=lambda: NOW)

    assert ending.campaign.state is CampaignState.PAUSED
    assert ending.deliveries["queued"] >= 200


class Pausing(Quiet):
    """Pauses the campaign when the sender says something, as another process would."""

    def __init__(self, server: TimedPostmark, publication: PublicationSettings) -> None:
        super().__init__()
        self._server = server
        self._publication = publication

    def say(self, sentence: str) -> None:
        super().say(sentence)
        if len(self.said) == 1:
            self._server.wait_for_calls(1)  # what the quota allowed has left
            database = open_database(self._publication)
            with database.begin() as connection:
                change_state(connection, 1, "pause", now=datetime.now(UTC), reason="by hand")
            database.close()


class Stopping(Quiet):
    """Asks the sender to stop when it says something and `accepted` messages have left, as Ctrl-C would.

    A thread that has its turn and no call yet gives the turn back when it is stopped: hence the number.
    """

    def __init__(self, server: TimedPostmark, accepted: int) -> None:
        super().__init__()
        self._server = server
        self._accepted = accepted

    def say(self, sentence: str) -> None:
        super().say(sentence)
        if len(self.said) == 1:
            self._server.wait_for_messages(self._accepted)
            os.kill(os.getpid(), signal.SIGTERM)


def test_many_rejections_pause_the_campaign_with_the_numbers_and_forget_nobody(
    server: TimedPostmark, publication: PublicationSettings
) -> None:
    server.refused = {f"r{n}@example.com": (406, "Inactive recipient.") for n in range(1, 10_000, 10)}

    database = begun(publication, 10_000)
    with database.begin() as connection:
        while not get_campaign(connection, 1).enqueued:  # else it may pause before everyone is written down
            audience.enqueue(connection, publication, 1, 500, now=NOW)

    ending = go_on(publication, database)

    database.close()
    assert ending.campaign.state is CampaignState.PAUSED
    assert "messages were rejected, more than 5%" in ending.campaign.reason
    assert ending.deliveries["queued"] > 5000
    assert ending.deliveries["accepted"] == len(server.messages)
    assert sum(ending.deliveries.values()) == 10_000


@pytest.mark.slow
def test_a_provider_that_says_busy_and_nothing_more_is_tried_again_and_nobody_is_left_out(
    server: TimedPostmark, publication: PublicationSettings
) -> None:
    server.faults = ["not accepted: maintenance"] * 2
    watcher = Quiet()

    ending = send(publication, 1000, "1000/s", watcher)

    assert ending.deliveries["accepted"] == 1000
    assert len(set(server.addresses)) == len(server.addresses) == 1000
    assert any("Trying again in" in sentence for sentence in watcher.said)


@pytest.mark.slow
def test_who_leaves_while_their_batch_waits_for_its_turn_is_skipped(
    server: TimedPostmark, publication: PublicationSettings
) -> None:
    leave = threading.Thread(target=_leave_after_the_first_call, args=(server, open_database(publication)))
    leave.start()

    ending = send(publication, 2, "12/m")  # the second leaves five seconds after the first

    leave.join()
    assert {state: number for state, number in ending.deliveries.items() if number} == {"accepted": 1, "skipped": 1}
    assert len(server.addresses) == 1


def _leave_after_the_first_call(server: TimedPostmark, database: Database) -> None:
    """Whoever was not first leaves: which of two batches that is, their threads make out."""
    server.wait_for_calls(1)
    with database.begin() as connection:
        waits = subscription.c.subscriber_id != int(server.addresses[0].removeprefix("r").split("@")[0])
        connection.execute(update(subscription).where(waits).values(status="unsubscribed"))
    database.close()
