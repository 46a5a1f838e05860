"""Campaigns start at one moment for all or at each reader's own time; a start may be late, changed or taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.campaigns import abandoned_batches, audience, claims, counts, schedule
from newsletter.campaigns.campaign import (
    Campaign,
    CampaignState,
    change_state,
    get_campaign,
    resume_campaign,
    start_now,
)
from newsletter.campaigns.campaign_queries import all_campaigns
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import subscriber
from newsletter.errors import NewsletterError
from newsletter.publishing import heartbeat
from newsletter.publishing.plan import make_plan, remarks, schedule_plan
from newsletter.times import Duration, parse_moment
from tests.support.sending import NOW, add_readers, settings

pytestmark = pytest.mark.usefixtures("each_database")

HOUR = timedelta(hours=1)
TOMORROW = datetime(2025, 1, 18, 7, tzinfo=UTC)


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path, issue=True)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    found = open_database(publication)
    yield found
    found.close()


def scheduled(publication: PublicationSettings, database: Database, when: str, now: datetime = NOW) -> Campaign:
    plan = make_plan(publication, database, "hello", list_name=None, segment=None)
    moment = parse_moment(when, publication.config.publication.timezone)
    return schedule_plan(publication, database, plan, moment, now)


def live_in(database: Database, zones: dict[int, str]) -> None:
    with database.begin() as connection:
        for id, zone in zones.items():
            connection.execute(update(subscriber).where(subscriber.c.id == id).values(timezone=zone))


def begin(publication: PublicationSettings, database: Database, now: datetime) -> list[Campaign]:
    with database.begin() as connection:
        return schedule.begin_due(connection, publication, now)


def test_a_campaign_starts_when_its_time_has_come_and_not_before(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 1)
    assert scheduled(publication, database, "2025-01-18 07:00").start == TOMORROW

    assert begin(publication, database, TOMORROW - timedelta(seconds=1)) == []
    (begun,) = begin(publication, database, TOMORROW)

    assert begun.state is CampaignState.SENDING
    assert begun.date == TOMORROW


def test_an_explicit_zone_counts_and_clocks_that_skip_the_time_too(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 1)

    found = scheduled(publication, database, "2025-03-09 02:30 America/New_York")

    assert found.start == datetime(2025, 3, 9, 7, tzinfo=UTC)


def test_scheduling_again_changes_the_time_and_takes_what_the_file_says_now(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 1)
    first = scheduled(publication, database, "2025-01-18 07:00")
    issue = publication.issues / "2025-01-17-hello.md"
    issue.write_text(issue.read_text().replace("subject: Hello", "subject: Better"))

    again = scheduled(publication, database, "2025-01-19 09:00")

    assert (again.id, again.subject) == (first.id, "Better")
    assert again.digest != first.digest
    assert begin(publication, database, TOMORROW) == []


def test_a_campaign_that_has_begun_cannot_be_scheduled(publication: PublicationSettings, database: Database) -> None:
    add_readers(database, 1)
    scheduled(publication, database, "2025-01-18 07:00")
    begin(publication, database, TOMORROW)

    with pytest.raises(NewsletterError, match="the campaign is sending"):
        scheduled(publication, database, "2025-01-19 07:00")
    with database.begin() as connection:
        change_state(connection, 1, "pause", now=TOMORROW, reason="asked")
    with pytest.raises(NewsletterError, match="has begun already"):
        scheduled(publication, database, "2025-01-19 07:00")
    with database.read() as connection:
        assert get_campaign(connection, 1).state is CampaignState.PAUSED


def test_a_start_later_than_max_lateness_is_held_and_says_so(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 1)
    scheduled(publication, database, "2025-01-18 07:00")

    (claim,) = begin(publication, database, TOMORROW + 3 * HOUR)

    assert claim.state is CampaignState.PAUSED
    assert claim.reason == "it was to start at 2025-01-18 07:00 UTC, 3 h 0 min ago; max_lateness is 2h"
    with database.begin() as connection:
        assert resume_campaign(connection, 1, now=TOMORROW + 4 * HOUR).state is CampaignState.SENDING


@pytest.mark.parametrize(("most", "late"), [("2h", False), ("119m", True), ("off", False)])
def test_lateness_is_measured_to_the_second_and_may_be_off(most: str, late: bool) -> None:
    assert schedule.is_too_late(TOMORROW, TOMORROW + 2 * HOUR, Duration(most)) is late


def test_a_campaign_paused_before_its_time_waits_for_it_again(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 1)
    scheduled(publication, database, "2025-01-18 07:00")
    with database.begin() as connection:
        change_state(connection, 1, "pause", now=NOW, reason="asked")
    assert begin(publication, database, TOMORROW) == []

    with database.begin() as connection:
        resumed = resume_campaign(connection, 1, now=NOW)

    assert (resumed.state, resumed.reason, resumed.start) == (CampaignState.SCHEDULED, "", TOMORROW)


def test_a_cancelled_schedule_never_starts(publication: PublicationSettings, database: Database) -> None:
    add_readers(database, 1)
    scheduled(publication, database, "2025-01-18 07:00")
    with database.begin() as connection:
        change_state(connection, 1, "cancel", now=NOW)
        abandoned_batches.cancel(connection, 1, NOW)

    assert begin(publication, database, TOMORROW) == []
    with pytest.raises(NewsletterError, match="the campaign is cancelled"):
        scheduled(publication, database, "2025-01-19 07:00")


def test_a_time_that_has_gone_by_is_refused_and_nothing_is_made(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 1)

    with pytest.raises(NewsletterError, match="2025-01-17 07:00 UTC has gone by"):
        scheduled(publication, database, "2025-01-17 07:00")

    with database.read() as connection:
        assert all_campaigns(connection) == []


def test_each_reader_s_own_time_makes_waves_from_the_east_to_the_west(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 5)
    live_in(database, {1: "America/New_York", 2: "Asia/Tokyo", 3: "Mars/Olympus", 4: "Asia/Tokyo"})
    found = scheduled(publication, database, "2025-01-20 07:00 local")
    tokyo, london, york = (datetime(2025, 1, 19, 22, tzinfo=UTC) + hours * HOUR for hours in (0, 9, 14))
    assert found.start == tokyo
    (begun,) = begin(publication, database, tokyo)
    with database.begin() as connection:
        audience.enqueue(connection, publication, begun.id, 500, now=tokyo)

    due = []
    for now in (tokyo, london, york):
        with database.begin() as connection:
            claim = claims.claim(connection, begun.id, owner="test", now=now)
            assert claim
            assert claims.claim(connection, begun.id, owner="test", now=now) is None
            due.append((now, claim.no))

    assert due == [(tokyo, 1), (london, 2), (york, 3)]
    with database.read() as connection:
        assert sum(delivery_counts(connection, begun.id).values()) == 5


def test_readers_whose_own_time_has_gone_by_get_it_when_it_starts(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 2)
    live_in(database, {1: "Pacific/Auckland"})
    wall = parse_moment("2025-01-18 00:30 local", UTC)

    with database.read() as connection:
        found = schedule.timing(connection, publication, wall, "daily", "", NOW)

    assert found.start == NOW
    assert found.late(NOW) == 1
    assert [*found.waves.values()] == [1, 1]


def test_sending_a_scheduled_issue_by_hand_sends_it_to_everyone_at_once(
    publication: PublicationSettings, database: Database
) -> None:
    add_readers(database, 2)
    live_in(database, {1: "Asia/Tokyo"})
    scheduled(publication, database, "2025-01-20 07:00 local")

    with database.begin() as connection:
        started = start_now(connection, 1, now=NOW)
        audience.enqueue(connection, publication, 1, 500, now=NOW)

    assert (started.state, started.wall) == (CampaignState.SENDING, None)
    with database.read() as connection:
        due = counts.next_due(connection, 1)
        assert due is not None
        assert due < NOW


def said_of_sending(publication: PublicationSettings, database: Database, now: datetime = NOW) -> list[str]:
    plan = make_plan(publication, database, "hello", list_name=None, segment=None)
    return remarks(publication, plan, now)


@pytest.mark.parametrize(
    ("when", "named", "gone_by"),
    [
        ("2025-01-20 07:00", "2025-01-20 07:00 UTC", datetime(2025, 1, 20, 8, tzinfo=UTC)),
        (
            "2025-01-20 07:00 local",
            "2025-01-20 07:00 by each reader's own clock",
            datetime(2025, 1, 20, 20, tzinfo=UTC),
        ),
    ],
)
def test_who_sends_a_scheduled_issue_by_hand_is_told_what_is_not_waited_for(
    publication: PublicationSettings, database: Database, when: str, named: str, gone_by: datetime
) -> None:
    add_readers(database, 1)
    assert said_of_sending(publication, database) == []
    scheduled(publication, database, when)

    assert said_of_sending(publication, database) == [
        f"campaign 1 is scheduled for {named}; `send` does not wait for it."
    ]
    assert said_of_sending(publication, database, gone_by) == []
    with database.begin() as connection:
        start_now(connection, 1, now=NOW)
    assert said_of_sending(publication, database) == []


@pytest.mark.parametrize(("when", "named"), [("", ""), (" Asia/Tokyo", ""), (" local", " by each reader's own clock")])
def test_who_sends_an_issue_before_its_own_time_is_told_so(
    publication: PublicationSettings, database: Database, when: str, named: str
) -> None:
    issue = publication.issues / "2025-01-17-hello.md"
    issue.write_text(issue.read_text().replace("date:", f"send_at: 2025-01-20 07:00{when}\ndate:"), encoding="utf-8")

    assert said_of_sending(publication, database) == [
        f"send_at is 2025-01-20 07:00{named}; `send` does not wait for it."
    ]
    assert said_of_sending(publication, database, datetime(2025, 1, 20, 20, tzinfo=UTC)) == []


def test_a_runner_is_there_for_a_minute_after_its_last_sign_of_life(database: Database) -> None:
    with database.begin() as connection:
        assert not heartbeat.is_runner_alive(connection, NOW)
        heartbeat.beat(connection, "1 box", NOW)

        assert heartbeat.is_runner_alive(connection, NOW + timedelta(seconds=59))
        assert not heartbeat.is_runner_alive(connection, NOW + timedelta(seconds=61))
        heartbeat.leave(connection, "1 box")
        assert not heartbeat.is_runner_alive(connection, NOW)


@pytest.mark.parametrize(
    ("left", "said"),
    [(-HOUR, "at once"), (5 * HOUR, "in 5 h 0 min"), (49 * HOUR, "in 2 days"), (9000 * HOUR, "in 375 days")],
)
def test_the_time_until_then_is_said_as_people_say_it(left: timedelta, said: str) -> None:
    assert schedule.until(NOW + left, NOW) == said
