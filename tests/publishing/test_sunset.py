"""Inactive readers are asked once, and those who do not answer are unsubscribed; nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from newsletter.campaigns import events
from newsletter.campaigns.events import Event, EventKind
from newsletter.campaigns.unsubscribes import change_preferences
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import transactional_message as message
from newsletter.errors import ConfigError
from newsletter.figures.readers import readers
from newsletter.publishing.sunset import Sunset, SunsetReport, sunset
from newsletter.subscribers import segments
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.subscriber import get_subscriber
from newsletter.times import Duration, stamp
from tests.conftest import Run
from tests.support.sending import NOW, add_readers, settings
from tests.support.sent_campaigns import send_campaign

pytestmark = pytest.mark.usefixtures("each_database")
DAY = timedelta(days=1)
TRACKED = '[tracking]\nlevel = "individual"\nkeep = "365d"\n[segments.asleep]\ninactive = "180d"\n'
WANTED = Sunset(list="daily", inactive=Duration("180d"), after=Duration("14d"))


class Publisher:
    """A publication whose five readers were sent six campaigns; what each did is in `act`."""

    def __init__(self, publication: PublicationSettings, database: Database) -> None:
        self.publication, self.database = publication, database
        self.now = NOW + 60 * DAY
        ids = add_readers(database, 5)
        for number in range(6):
            # The fifth reader joined late, and was sent four of them.
            send_campaign(database, f"issue-{number}", ids if number > 1 else ids[:4], NOW + number * DAY)
        self.did(EventKind.CLICKED, 1)
        self.did(EventKind.OPENED, 2)
        self.did(EventKind.OPENED, 3, machine="proxy apple")

    def did(self, kind: EventKind, reader: int, *, at: datetime | None = None, machine: str = "") -> None:
        when = at or NOW + 3 * DAY
        told = Event(
            kind=kind, campaign_id=3, subscriber_id=reader, at=when, key=f"{kind}{reader}{when}", machine=machine
        )
        with self.database.begin() as connection:
            events.record(connection, [told])

    def sunset(self, *, dry_run: bool = False) -> SunsetReport:
        return sunset(self.publication, self.database, WANTED, self.now, dry_run=dry_run)

    def asked(self) -> list[tuple[int, str]]:
        with self.database.read() as connection:
            rows = connection.execute(select(message.c.subscriber_id, message.c.state).order_by(message.c.id))
            return [(row.subscriber_id, row.state) for row in rows]

    def send(self, *readers: int) -> None:
        """What the transactional sender writes once the provider took the question."""
        with self.database.begin() as connection:
            these = update(message).where(message.c.subscriber_id.in_(readers))
            connection.execute(these.values(state="accepted", settled_at=stamp(self.now)))

    def statuses(self) -> dict[int, str]:
        with self.database.read() as connection:
            found = [get_subscriber(connection, id) for id in range(1, 6)]
        return {reader.id: str(reader.status) for reader in found if reader}

    def stay(self, reader: int) -> None:
        with self.database.begin() as connection:
            change = PreferenceChange(
                subscriber_id=reader, action=PreferenceAction.STAY, lists=("daily",), source="stay page", at=self.now
            )
            change_preferences(connection, [change])


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    publication = settings(tmp_path, TRACKED)
    database = open_database(publication)
    yield Publisher(publication, database)
    database.close()


def test_inactive_is_who_was_sent_five_campaigns_and_of_whom_no_person_did_anything(publisher: Publisher) -> None:
    with publisher.database.read() as connection:
        asleep = segments.members(connection, publisher.publication, "daily", "asleep", now=publisher.now)
        later = segments.members(connection, publisher.publication, "daily", "asleep", now=publisher.now + 200 * DAY)

    assert asleep == [3, 4]
    assert later == []  # nothing was sent for so long


def test_a_dry_run_asks_nobody_and_the_figures_keep_the_count(publisher: Publisher) -> None:
    report = publisher.sunset(dry_run=True)

    assert report == SunsetReport(inactive=2, asked=2, waiting=0, unsubscribed=0)
    assert publisher.asked() == []
    with publisher.database.read() as connection:
        figures = readers(connection)
    assert (figures.inactive, figures.inactive_for, figures.inactive_at) == (2, "180d", f"{publisher.now:%Y-%m-%d}")


def test_each_is_asked_once_however_often_it_is_run(publisher: Publisher) -> None:
    publisher.sunset()
    publisher.sunset()

    assert publisher.asked() == [(3, "queued"), (4, "queued")]


def test_who_does_not_answer_is_unsubscribed_after_the_time_with_evidence(publisher: Publisher) -> None:
    publisher.sunset()
    publisher.send(3, 4)
    publisher.now += 13 * DAY
    assert publisher.sunset() == SunsetReport(inactive=2, asked=0, waiting=2, unsubscribed=0)
    publisher.stay(4)
    publisher.now += DAY

    assert publisher.sunset() == SunsetReport(inactive=1, asked=0, waiting=0, unsubscribed=1)
    assert publisher.statuses() == {1: "active", 2: "active", 3: "unsubscribed", 4: "active", 5: "active"}
    with publisher.database.read() as connection:
        left, stayed = get_subscriber(connection, 3), get_subscriber(connection, 4)
    assert left
    assert stayed
    assert [(proof.status, proof.source) for proof in left.consent] == [("unsubscribed", "sunset")]
    assert [(proof.status, proof.source) for proof in stayed.consent] == [("active", "stay page")]


def test_a_click_counts_as_an_answer(publisher: Publisher) -> None:
    publisher.sunset()
    publisher.send(3, 4)
    publisher.now += 20 * DAY
    publisher.did(EventKind.CLICKED, 3, at=publisher.now - DAY)

    assert publisher.sunset().unsubscribed == 1
    assert publisher.statuses()[3] == "active"


def test_nobody_is_unsubscribed_who_may_not_have_the_question(publisher: Publisher) -> None:
    publisher.sunset()
    publisher.send(3)  # the other one still waits
    publisher.now += 20 * DAY

    assert publisher.sunset().unsubscribed == 1
    assert publisher.statuses()[4] == "active"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", 'level is "none"'),
        ('[tracking]\nlevel = "aggregate"\n', 'level is "aggregate"'),
        ('[tracking]\nlevel = "individual"\n', "forgets readers' clicks after 90d"),
    ],
)
def test_without_knowledge_of_each_reader_nobody_is_asked(tmp_path: Path, more: str, words: str) -> None:
    publication = settings(tmp_path, more)
    database = open_database(publication)

    with pytest.raises(ConfigError, match=words):
        sunset(publication, database, WANTED, NOW)

    database.close()


def test_the_command_says_why_it_cannot_know_and_exits_2(newsletter: Run, publication_folder: Path) -> None:
    refused = newsletter("subscribers", "sunset", "--inactive", "180d", cwd=publication_folder)
    mistyped = newsletter("subscribers", "sunset", "--inactive", "soon", cwd=publication_folder)

    assert refused.returncode == mistyped.returncode == 2
    assert 'level = "individual"' in refused.stderr
    assert "180d" not in refused.stdout
    assert '"soon" is not a duration' in mistyped.stderr


def test_the_command_prints_the_numbers(newsletter: Run, publication_folder: Path) -> None:
    toml = publication_folder / "newsletter.toml"
    toml.write_text(toml.read_text() + TRACKED)

    done = newsletter("subscribers", "sunset", "--inactive", "180d", "--dry-run", "--json", cwd=publication_folder)

    assert json.loads(done.stdout) == {"inactive": 0, "asked": 0, "waiting": 0, "unsubscribed": 0}


def test_an_own_field_that_is_called_inactive_stays_a_field(tmp_path: Path) -> None:
    publication = settings(tmp_path, '[fields]\ninactive = "boolean"\n[segments.asleep]\ninactive = true\n')
    database = open_database(publication)
    with database.read() as connection:
        assert segments.members(connection, publication, "daily", "asleep", now=NOW) == []
    database.close()
