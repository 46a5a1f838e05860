"""Following a campaign: when nothing more will happen by itself, it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.campaigns import audience, claims, reports
from newsletter.campaigns.campaign import change_state
from newsletter.campaigns.claims import Claim
from newsletter.campaigns.ledger import LEASE
from newsletter.campaigns.status import campaign_status
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.times import utc_now
from tests.support.sending import add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    found = open_database(publication)
    add_readers(found, 2)
    with found.begin() as connection:
        start_campaign(connection)
        audience.enqueue(connection, publication, 1, 2, now=utc_now())
    yield found
    found.close()


def handed(database: Database, ago: timedelta = timedelta(0)) -> Claim:
    at = utc_now() - ago
    with database.begin() as connection:
        held = claims.claim(connection, 1, owner="test", now=at)
        assert held
        claims.hand(connection, held, provider="outbox", now=at)
    return held


def pause(database: Database) -> None:
    with database.begin() as connection:
        change_state(connection, 1, "pause", now=utc_now(), reason="asked")


def test_a_paused_campaign_is_followed_until_what_was_in_the_air_is_settled(database: Database) -> None:
    handed(database)
    assert not campaign_status(database, 1).is_last

    pause(database)

    assert campaign_status(database, 1).deliveries["handed"] == 2
    assert not campaign_status(database, 1).is_last


def test_what_is_due_later_is_told_instead_of_a_time_left(database: Database) -> None:
    held = handed(database)
    assert campaign_status(database, 1).rest == timedelta(0)
    with database.begin() as connection:
        claims.settle_for_repeat(connection, held, now=utc_now(), wait=3600)

    found = campaign_status(database, 1)

    assert timedelta(minutes=59) < found.rest <= timedelta(hours=1)
    shown = reports.table(found.campaign, found.deliveries, 17, found.rest)
    assert re.search(r"Nobody is due for (59 min \d+ s|1 h 0 min):", shown)
    assert "a second" not in shown


def test_what_waits_for_its_call_to_be_repeated_is_not_in_the_air(database: Database) -> None:
    held = handed(database)
    with database.begin() as connection:
        claims.settle_for_repeat(connection, held, now=utc_now(), wait=1)
    pause(database)

    found = campaign_status(database, 1)

    assert (found.deliveries["handed"], found.is_last) == (2, True)


def test_nobody_waits_for_the_answer_to_a_call_of_a_dead_sender(database: Database) -> None:
    handed(database, LEASE + timedelta(seconds=1))
    pause(database)

    assert campaign_status(database, 1).is_last
