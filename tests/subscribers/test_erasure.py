"""Erasure: only a keyed hash is left, and the reader may join again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from newsletter.database.tables import delivery_exception, suppression
from newsletter.subscribers import erasure, suppressions
from newsletter.subscribers.erasure import ErasureRequest
from newsletter.subscribers.suppressions import Reason
from newsletter.subscribers.writes import SubscriberEntry
from newsletter.web.public import data_export
from tests.support.readers import NOW, Readers
from tests.support.sending import start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

DAILY = (("daily", "active"),)


@pytest.fixture
def readers(publication_folder: Path) -> Iterator[Readers]:
    readers = Readers.of(publication_folder)
    readers.enter(SubscriberEntry("Ada.Lovelace@Example.com", DAILY))
    yield readers
    readers.database.close()


def forget(readers: Readers, subscriber_id: int = 1) -> list[bool]:
    with readers.database.begin() as connection:
        return erasure.forget(connection, [ErasureRequest(subscriber_id=subscriber_id, at=NOW)])


def kept(readers: Readers) -> list[tuple[str, str, str]]:
    columns = suppression.c.email_key, suppression.c.reason, suppression.c.detail
    with readers.database.read() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(select(*columns))]


def test_only_a_keyed_hash_is_left(readers: Readers, publication_folder: Path) -> None:
    assert forget(readers) == [True]

    [(key, reason, _detail)] = kept(readers)
    assert (key[:5], len(key), reason) == ("hmac:", 69, "erased")
    assert readers.all() == []

    # With another secret it is another hash: the database alone tells nobody whether an address is in it.
    (publication_folder / ".newsletter" / "secret").write_text("x" * 43)
    with readers.database.read() as connection:
        assert suppressions.suppressed(connection, ["ada.lovelace@example.com"]) == {}


@pytest.mark.sqlite
def test_no_byte_of_the_address_is_left_in_the_file(readers: Readers) -> None:
    file = Path(readers.database.name)
    forget(readers)

    readers.database.close()  # copies the write-ahead log into the file, and removes it

    assert b"ada.lovelace" not in file.read_bytes().lower()
    assert not file.with_name(f"{file.name}-wal").exists()


def test_forgetting_twice_and_nobody_is_harmless(readers: Readers) -> None:
    assert [forget(readers), forget(readers), forget(readers, 99)] == [[True], [False], [False]]


def test_an_import_cannot_bring_back_who_asked_to_be_forgotten_in_any_spelling(readers: Readers) -> None:
    forget(readers)

    readers.read("email,status\nADA.LOVELACE@example.com,active\nbob@example.com,active\n")

    assert readers.reasons() == [(2, "this address is suppressed (erased)")]
    assert [reader.email for reader in readers.all()] == ["bob@example.com"]


def test_an_operator_who_names_them_may(readers: Readers) -> None:
    forget(readers)

    readers.read("email\nada.lovelace@example.com\n", resubscribe={"ada.lovelace@example.com"})

    assert kept(readers) == []
    assert readers.find("ada.lovelace@example.com").status == "active"


def test_an_earlier_reason_outlives_the_words_it_came_with(readers: Readers) -> None:
    with readers.database.begin() as connection:
        suppressions.suppress(
            connection, "ada.lovelace@example.com", Reason.COMPLAINED, "by Ada.Lovelace@Example.com", NOW
        )

    forget(readers)

    assert [(key[:5], reason, detail) for key, reason, detail in kept(readers)] == [("hmac:", "complained", "")]


@pytest.mark.parametrize("forgotten", [True, False])
def test_the_address_goes_from_what_providers_said(readers: Readers, forgotten: bool) -> None:
    with readers.database.begin() as connection:
        campaign = start_campaign(connection)
        rejected = {
            "detail": "550 <ada.lovelace@example.com> no such user",
            "at": "",
            "batch_no": 1,
            "state": "rejected",
        }
        for id in (1, 2):
            connection.execute(
                insert(delivery_exception).values(
                    campaign_id=campaign.id, subscriber_id=id, retryable=False, **rejected
                )
            )

    if forgotten:
        forget(readers)
    else:
        with readers.database.begin() as connection:
            assert erasure.erase(connection, "ada.lovelace@example.com")

    with readers.database.read() as connection:
        details = connection.scalars(select(delivery_exception.c.detail).order_by(delivery_exception.c.subscriber_id))
        assert details.all() == ["550 <(erased)> no such user", rejected["detail"]]


def test_nothing_is_held_of_nobody(readers: Readers) -> None:
    forget(readers)

    with readers.database.read() as connection:
        assert data_export.reader_data(connection, 1, NOW) is None


def test_a_database_without_hashes_asks_for_no_secret(readers: Readers, publication_folder: Path) -> None:
    readers.read("email\nbob@example.com\n")

    assert not (publication_folder / ".newsletter").exists()
