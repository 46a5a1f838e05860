"""The archive shows the issues that everybody may see, as they were approved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from newsletter.campaigns import archive
from newsletter.campaigns.campaign import approve_issue, change_state, schedule_campaign
from newsletter.database.connection import Database, open_database
from tests.support.sending import MESSAGE, NOW, PAGE, settings

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(settings(tmp_path))
    yield found
    found.close()


def approve(
    database: Database, slug: str, date: str = "2025-01-17", list_name: str = "daily", shown: bool = True
) -> int:
    about = replace(PAGE.about, slug=slug, title=slug.title(), date=date, archived=shown)
    page = replace(PAGE, about=about, html=f"<p>{slug} for {list_name}</p>")
    message = replace(MESSAGE, slug=slug)
    with database.begin() as connection:
        made = approve_issue(
            connection, message=message, page=page, list=list_name, segment="", provider="outbox", now=NOW
        )
    return made.id


def start(database: Database, campaign_id: int, now: datetime = NOW) -> None:
    with database.begin() as connection:
        change_state(connection, campaign_id, "start", now=now)


def shown(database: Database) -> list[str]:
    with database.read() as connection:
        return [entry.slug for entry in archive.entries(connection)]


def test_only_what_has_begun_to_be_sent_is_in_the_archive_and_the_newest_day_comes_first(database: Database) -> None:
    approve(database, "draft")
    waiting, cancelled = approve(database, "waiting"), approve(database, "cancelled")
    with database.begin() as connection:
        schedule_campaign(connection, waiting, send_at=NOW + timedelta(days=1), wall=None, now=NOW)
        change_state(connection, cancelled, "cancel", now=NOW)
    for slug, date in {"second": "2025-01-16", "third": "2025-01-17", "first": "2025-01-15"}.items():
        start(database, approve(database, slug, date))

    assert shown(database) == ["third", "second", "first"]


def test_what_was_paused_or_cancelled_after_it_began_stays(database: Database) -> None:
    begun = approve(database, "begun")
    start(database, begun)
    with database.begin() as connection:
        change_state(connection, begun, "pause", now=NOW)
        change_state(connection, begun, "cancel", now=NOW)

    assert shown(database) == ["begun"]


def test_an_issue_that_its_author_keeps_off_the_web_is_not_shown(database: Database) -> None:
    start(database, approve(database, "private", shown=False))

    assert shown(database) == []


def test_of_several_campaigns_of_an_issue_the_first_that_started_is_shown(database: Database) -> None:
    daily, weekly = approve(database, "both"), approve(database, "both", list_name="weekly")
    start(database, weekly)
    start(database, daily, NOW + timedelta(hours=1))

    with database.read() as connection:
        (entry,) = archive.entries(connection)
        assert (entry.campaign_id, entry.list, entry.published_at) == (weekly, "weekly", NOW)
        assert archive.page(connection, entry) == "<p>both for weekly</p>"
