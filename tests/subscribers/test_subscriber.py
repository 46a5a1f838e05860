"""Subscribers: find, page, move between lists, remove."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from newsletter.database.tables import subscriber
from newsletter.subscribers import consent
from newsletter.subscribers.subscriber import (
    is_on_list,
    remove_subscriber,
    set_status,
    subscriber_fields,
    subscriber_pages,
    whole_status,
)
from newsletter.subscribers.writes import Effect, Status, SubscriberEntry
from tests.support.readers import NOW, Readers

pytestmark = pytest.mark.usefixtures("each_database")

DAILY = (("daily", "active"),)


def letters(readers: Readers, list_name: str | None, status: str | None) -> str:
    """Return the first letters of the readers who are on the list with the status."""
    with readers.database.read() as connection:
        pages = subscriber_pages(connection, is_on_list(list_name, status), with_consent=False)
        return "".join(reader.email[0] for page in pages for reader in page)


def test_the_whole_is_active_if_any_list_is_then_pending_then_unsubscribed() -> None:
    assert whole_status(["unsubscribed", "pending", "active"]) == "active"
    assert whole_status(["unsubscribed", "pending"]) == "pending"
    assert whole_status(["unsubscribed"]) == whole_status([]) == "unsubscribed"


def test_readers_are_found_by_list_and_status(readers: Readers) -> None:
    readers.enter(
        SubscriberEntry("a@example.com", DAILY),
        SubscriberEntry("b@example.com", (("daily", "unsubscribed"), ("weekly", "pending"))),
        SubscriberEntry("c@example.com", (("daily", "unsubscribed"),)),
        SubscriberEntry("d@example.com", (("daily", "pending"), ("weekly", "active"))),
    )

    assert letters(readers, None, "active") == "ad"
    assert letters(readers, None, "pending") == "b"
    assert letters(readers, None, "unsubscribed") == "c"
    assert letters(readers, "daily", "unsubscribed") == "bc"
    assert letters(readers, "weekly", None) == "bd"


def test_an_address_is_found_in_any_spelling(readers: Readers) -> None:
    readers.enter(SubscriberEntry("Ada.Lovelace@example.com", DAILY))

    assert readers.find(" ada.lovelace@EXAMPLE.com ").email == "Ada.Lovelace@example.com"


def test_pages_hold_every_reader_once_in_the_order_they_joined(readers: Readers) -> None:
    readers.enter(*(SubscriberEntry(f"r{n}@example.com", DAILY) for n in range(10)))

    assert [reader.email for reader in readers.all()] == [f"r{n}@example.com" for n in range(10)]


def test_merge_tags_get_address_names_and_own_fields(readers: Readers) -> None:
    readers.enter(
        SubscriberEntry(
            "ada@example.com",
            DAILY,
            columns={"first_name": "Ada", "last_name": "Lovelace", "language": "en"},
            fields={"plan": "pro", "score": 2},
        ),
        SubscriberEntry("bob@example.com", DAILY, columns={"first_name": "Bob"}, fields={"name": "Dr Bob"}),
        SubscriberEntry("cyd@example.com", DAILY, fields={"name": False, "plan": ""}),
    )
    with readers.database.read() as connection:
        ada, bob, cyd = map(subscriber_fields, connection.execute(select(subscriber).order_by(subscriber.c.id)))

    assert ada == {
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "name": "Ada Lovelace",
        "language": "en",
        "plan": "pro",
        "score": 2,
    }
    assert bob["name"] == "Dr Bob"
    assert cyd == {"email": "cyd@example.com"}


def test_moving_between_lists_leaves_evidence_of_what_changed(readers: Readers) -> None:
    readers.enter(SubscriberEntry("ada@example.com", DAILY))
    ada = readers.find("ada@example.com")

    for _ in range(2):
        with readers.database.begin() as connection:
            source = consent.record_source(connection, "form", {"wording": "Join"}, NOW)
            wanted = {"daily": Status.UNSUBSCRIBED, "weekly": Status.ACTIVE}
            set_status(connection, ada.id, wanted, source, NOW)

    ada = readers.find("ada@example.com")
    assert ada.lists == {"daily": "unsubscribed", "weekly": "active"}
    assert [(proof.list, proof.status, proof.source) for proof in ada.consent] == [
        ("daily", "active", "test"),
        ("daily", "unsubscribed", "form"),
        ("weekly", "active", "form"),
    ]


def test_removing_erases_all_that_is_known_and_the_id_is_never_used_again(readers: Readers) -> None:
    readers.enter(
        SubscriberEntry("ada@example.com", DAILY, {"first_name": "Ada"}), SubscriberEntry("bob@example.com", DAILY)
    )
    last = readers.find("bob@example.com").id
    with readers.database.begin() as connection:
        assert remove_subscriber(connection, "BOB@example.com")
        assert not remove_subscriber(connection, "bob@example.com")
        counts = (f"SELECT count(*) FROM {name}" for name in ("consent", "subscription"))
        left = [connection.exec_driver_sql(statement).scalar() for statement in counts]

    readers.enter(SubscriberEntry("eve@example.com", DAILY))

    assert left == [1, 1]
    assert readers.find("eve@example.com").id == last + 1


def test_an_entry_has_a_result(readers: Readers) -> None:
    same = SubscriberEntry("ada@example.com", DAILY, fields={"plan": "pro"})

    results = readers.enter(same, same, same._replace(fields={"plan": "team"}), same._replace(email="bob@example.com"))

    assert [result.effect for result in results] == [Effect.ADDED, Effect.UNCHANGED, Effect.UPDATED, Effect.ADDED]


def test_json_has_the_shape_that_scripts_rely_on(readers: Readers) -> None:
    readers.enter(SubscriberEntry("ada@example.com", DAILY, {"first_name": "Ada"}, {"plan": "pro"}, ("vip",)))

    assert readers.find("ada@example.com").as_json(NOW) == {
        "email": "ada@example.com",
        "status": "active",
        "lists": {"daily": "active"},
        "fields": {"first_name": "Ada", "plan": "pro"},
        "tags": ("vip",),
        "consent": [
            {"list": "daily", "status": "active", "at": "2025-01-17T12:00:00.000Z", "source": "test", "detail": {}}
        ],
    }
