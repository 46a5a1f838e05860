"""The status of an issue in a word."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from newsletter.campaigns.campaign import approve_issue, change_state, schedule_campaign, start_now
from newsletter.database.connection import Database, open_database
from newsletter.preview.inbox import issue_statuses
from tests.support.sending import MESSAGE, NOW, PAGE, settings

ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(settings(tmp_path / "news"))


def approved(database: Database) -> int:
    with database.begin() as connection:
        campaign = approve_issue(
            connection, message=MESSAGE, page=PAGE, list="daily", segment="", provider="outbox", now=NOW
        )
    return campaign.id


def words(database: Database) -> str:
    with database.read() as connection:
        return issue_statuses(connection, ZONE)["hello"].words


def test_an_issue_without_a_campaign_has_no_standing(database: Database) -> None:
    with database.read() as connection:
        assert issue_statuses(connection, ZONE) == {}


def test_a_scheduled_one_says_when_in_the_publications_zone(database: Database) -> None:
    campaign = approved(database)
    assert words(database) == "Draft"

    with database.begin() as connection:
        schedule_campaign(connection, campaign, send_at=NOW + timedelta(hours=1), wall=None, now=NOW)

    assert words(database) == "Scheduled for Fri 17 Jan, 08:00"


def test_one_that_is_sending_and_one_that_is_sent_say_how_many_have_it(database: Database) -> None:
    campaign = approved(database)
    with database.begin() as connection:
        start_now(connection, campaign, now=NOW)
    assert words(database) == "Sending, 0 of 0"

    with database.begin() as connection:
        change_state(connection, campaign, "finish", now=NOW)

    assert words(database) == "Sent to 0"
