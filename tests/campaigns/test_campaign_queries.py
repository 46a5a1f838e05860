"""Campaigns are found by number, by slug, and by the nearest name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.campaigns.campaign_queries import find_campaign
from newsletter.database.connection import Database, open_database
from newsletter.errors import NewsletterError
from tests.campaigns.test_campaign import approve
from tests.support.sending import settings

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(settings(tmp_path))
    yield database
    database.close()


def test_a_number_is_an_id_if_there_is_one_else_a_slug(database: Database) -> None:
    first, numbered = approve(database), approve(database, slug="2025")

    with database.read() as connection:
        assert find_campaign(connection, "1").id == first.id
        assert find_campaign(connection, "2025").id == numbered.id
        with pytest.raises(NewsletterError, match='no campaign named "99999999999999999999999"'):
            find_campaign(connection, "99999999999999999999999")


def test_a_slug_means_its_latest_campaign(database: Database) -> None:
    approve(database)
    latest = approve(database, list_name="weekly")

    with database.read() as connection:
        assert find_campaign(connection, "hello").id == latest.id


def test_an_unknown_campaign_gets_the_nearest_name(database: Database) -> None:
    approve(database)

    with database.read() as connection, pytest.raises(NewsletterError, match='Did you mean "hello"'):
        find_campaign(connection, "helo")
