"""Preferences: readers leave, pause and join by their links, and campaigns follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from newsletter.campaigns import audience, claims, events, unsubscribes
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.sending.recipients import load_recipients
from newsletter.subscribers import suppressions
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.segments import members
from newsletter.subscribers.subscriber import get_subscriber
from newsletter.subscribers.suppressions import Reason
from newsletter.subscribers.writes import Status, SubscriberEntry
from tests.support.readers import NOW, Readers
from tests.support.sending import add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

MONTH = NOW + timedelta(days=30)
BOTH = (("daily", "active"), ("weekly", "active"))


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path)


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    database = open_database(publication)
    yield database
    database.close()


def make(database: Database, *changes: PreferenceChange) -> list[tuple[str, ...]]:
    with database.begin() as connection:
        return unsubscribes.change_preferences(connection, changes)


def change(
    subscriber_id: int,
    action: PreferenceAction,
    *lists: str,
    at: datetime = NOW,
    until: datetime | None = None,
    source: str = "page",
) -> PreferenceChange:
    """Return a change of these lists, or of all lists when none is named."""
    return PreferenceChange(
        subscriber_id=subscriber_id, action=action, lists=lists or None, source=source, at=at, until=until
    )


def test_the_paused_are_in_no_audience_until_their_pause_ends(
    database: Database, publication: PublicationSettings
) -> None:
    add_readers(database, 3, ("daily", "weekly"))
    make(database, change(2, PreferenceAction.PAUSE, "daily", until=MONTH))

    with database.read() as connection:
        audiences = {
            (name, now): members(connection, publication, name, now=now)
            for name in ("daily", "weekly")
            for now in (NOW, MONTH)
        }

    assert audiences["daily", NOW] == [1, 3]
    assert audiences["daily", MONTH] == audiences["weekly", NOW] == audiences["weekly", MONTH] == [1, 2, 3]


def test_whoever_leaves_or_pauses_before_their_batch_goes_is_skipped(
    database: Database, publication: PublicationSettings
) -> None:
    add_readers(database, 3)
    with database.begin() as connection:
        campaign = start_campaign(connection)
        audience.enqueue(connection, publication, campaign.id, 10, now=NOW)
    make(database, change(1, PreferenceAction.LEAVE, "daily"), change(2, PreferenceAction.PAUSE, "daily", until=MONTH))

    with database.begin() as connection:
        claim = claims.claim(connection, campaign.id, owner="test", now=NOW)
        assert claim
        batch = load_recipients(connection, claim, campaign, NOW)

    assert [*batch.to_send] == [3]
    assert batch.to_skip == {1: "unsubscribed", 2: "paused until 2025-02-16"}


def test_a_pause_that_is_over_skips_nobody(database: Database, publication: PublicationSettings) -> None:
    add_readers(database, 1)
    make(database, change(1, PreferenceAction.PAUSE, "daily", until=NOW))
    with database.begin() as connection:
        campaign = start_campaign(connection)
        audience.enqueue(connection, publication, campaign.id, 10, now=NOW)
        claim = claims.claim(connection, campaign.id, owner="test", now=NOW)
        assert claim

        assert [*load_recipients(connection, claim, campaign, NOW).to_send] == [1]


def test_many_changes_of_many_readers_are_made_in_their_order(readers: Readers) -> None:
    readers.enter(SubscriberEntry("ada@example.com", BOTH), SubscriberEntry("bob@example.com", BOTH))

    changed = make(
        readers.database,
        change(1, PreferenceAction.LEAVE, "daily"),
        change(1, PreferenceAction.LEAVE, "daily"),
        change(2, PreferenceAction.LEAVE),
        change(1, PreferenceAction.JOIN, "daily"),
        change(1, PreferenceAction.PAUSE, "daily", until=MONTH),
        change(99, PreferenceAction.LEAVE),
        change(1, PreferenceAction.LEAVE, "nowhere"),
    )

    assert changed == [("daily",), (), ("daily", "weekly"), ("daily",), ("daily",), (), ()]
    ada, bob = readers.all()
    assert (ada.lists["daily"], bob.status) == ("active", "unsubscribed")
    assert [proof.status for proof in ada.consent if proof.list == "daily"] == [
        "active",
        "unsubscribed",
        "active",
        "paused",
    ]


def test_whoever_leaves_while_paused_has_left(readers: Readers) -> None:
    readers.enter(SubscriberEntry("ada@example.com", BOTH))

    make(readers.database, change(1, PreferenceAction.PAUSE, until=MONTH), change(1, PreferenceAction.LEAVE, "daily"))
    make(readers.database, change(1, PreferenceAction.PAUSE, until=MONTH))

    ada = readers.find("ada@example.com")
    assert ada.lists == {"daily": "unsubscribed", "weekly": "active"}
    assert ada.pauses.keys() == {"weekly"}
    assert ada.paused(MONTH) == {}


def test_nobody_joins_who_never_confirmed(readers: Readers) -> None:
    readers.enter(SubscriberEntry("ada@example.com", (("daily", "pending"),)))

    assert make(readers.database, change(1, PreferenceAction.JOIN, "daily", "weekly")) == [()]
    assert readers.find("ada@example.com").status is Status.PENDING


def test_joining_again_lifts_what_the_reader_asked_for_and_nothing_else(readers: Readers) -> None:
    readers.enter(SubscriberEntry("ada@example.com", BOTH), SubscriberEntry("bob@example.com", BOTH))
    with readers.database.begin() as connection:
        suppressions.suppress(connection, "ada@example.com", Reason.UNSUBSCRIBED, "", NOW)
        suppressions.suppress(connection, "bob@example.com", Reason.COMPLAINED, "", NOW)

    make(readers.database, change(1, PreferenceAction.JOIN, "daily"), change(2, PreferenceAction.JOIN, "daily"))

    with readers.database.read() as connection:
        assert suppressions.suppressed(connection, ["ada@example.com", "bob@example.com"]) == {
            "bob@example.com": "complained"
        }


def test_the_same_source_is_kept_once(readers: Readers) -> None:
    readers.enter(*(SubscriberEntry(f"r{n}@example.com", BOTH) for n in range(5)))

    for id in range(1, 6):
        make(readers.database, change(id, PreferenceAction.LEAVE, "daily", source="one click"))

    with readers.database.read() as connection:
        kinds = connection.exec_driver_sql("SELECT kind FROM consent_source").scalars().all()
    assert kinds == ["test", "one click"]


def test_a_campaign_counts_a_reader_who_left_by_its_email_once(database: Database) -> None:
    add_readers(database, 2, ("daily", "weekly"))
    with database.begin() as connection:
        campaign = start_campaign(connection)
    left = [
        replace(change(id, PreferenceAction.LEAVE, "daily", source="one click"), campaign_id=campaign.id)
        for id in (1, 2, 2)
    ]

    make(database, *left, replace(left[0], action=PreferenceAction.JOIN), replace(left[0], campaign_id=99), left[0])

    with database.read() as connection:
        [figure] = events.figures(connection, campaign.id)
    assert (figure.kind, figure.times, figure.readers) == ("unsubscribed", 2, 2)


def test_show_json_tells_a_pause_while_it_lasts(readers: Readers) -> None:
    readers.enter(SubscriberEntry("ada@example.com", BOTH))
    make(readers.database, change(1, PreferenceAction.PAUSE, "daily", until=MONTH))

    with readers.database.read() as connection:
        ada = get_subscriber(connection, 1)

    assert ada
    assert ada.as_json(NOW)["paused"] == {"daily": "2025-02-16T12:00:00.000Z"}
    assert "paused" not in ada.as_json(MONTH)
