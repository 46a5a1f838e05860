"""What comes next: the issue of a day, a missing one, and the campaigns that wait."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.campaigns.campaign import approve_issue, schedule_campaign
from newsletter.config import PublicationSettings
from newsletter.database.connection import open_database
from newsletter.publishing.coming import day_issues, waiting_campaigns
from tests.support.sending import MESSAGE, NOW, PAGE, settings

DAYS = (date(2025, 1, 17), date(2025, 1, 18))
DAILY = '[schedule]\ndaily = "07:00"\n'


def publication(folder: Path, more: str = "") -> PublicationSettings:
    return settings(folder / "news", more, issue=True)


def test_a_day_without_an_issue_is_missing_one_when_the_publication_is_daily(tmp_path: Path) -> None:
    today, tomorrow = day_issues(publication(tmp_path, DAILY), DAYS)

    assert (today.slugs, today.is_missing) == (("hello",), False)
    assert (tomorrow.slugs, tomorrow.is_missing) == ((), True)
    assert tomorrow.due == datetime(2025, 1, 18, 7, tzinfo=UTC)


def test_without_a_daily_time_nothing_is_missing(tmp_path: Path) -> None:
    assert [day.is_missing for day in day_issues(publication(tmp_path), DAYS)] == [False, False]


@pytest.mark.usefixtures("each_database")
def test_scheduled_campaigns_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    database = open_database(publication(tmp_path))
    with database.begin() as connection:
        for name, hours in (("daily", 9), ("weekly", 3)):
            made = approve_issue(
                connection, message=MESSAGE, page=PAGE, list=name, segment="", provider="outbox", now=NOW
            )
            schedule_campaign(connection, made.id, send_at=NOW + timedelta(hours=hours), wall=None, now=NOW)

        assert [campaign.list for campaign in waiting_campaigns(connection)] == ["weekly", "daily"]
    database.close()
