"""Kept calls name nobody who was erased, and still tell about everyone else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from newsletter.database.connection import Database, open_database
from newsletter.database.program_tables import erased_reader, webhook_call
from newsletter.events import calls, erased_calls
from newsletter.events.calls import KeptCall
from newsletter.subscribers import erasure
from newsletter.subscribers.erasure import ErasureRequest
from tests.conftest import Run
from tests.support.sending import NOW, add_readers, settings

READERS = st.integers(1, 40)
pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(settings(tmp_path / "news"))
    add_readers(opened, 40)
    yield opened
    opened.close()


def keep(database: Database, provider: str, *bodies: object) -> None:
    written = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
    with database.begin() as connection:
        calls.keep(connection, [KeptCall(provider=provider, body=body, at=NOW) for body in written])


def forget(database: Database, reader: int) -> None:
    with database.begin() as connection:
        erasure.forget(connection, [ErasureRequest(subscriber_id=reader, at=NOW)])
    while clean(database):
        pass


def clean(database: Database) -> bool:
    with database.begin() as connection:
        return erased_calls.clean_page(connection)


def kept(database: Database) -> list[bytes]:
    with database.read() as connection:
        return [call.body for call in calls.calls_after(connection, 0, None, 10_000)]


def waiting(database: Database) -> int:
    with database.read() as connection:
        return erased_calls.waiting(connection)


def spark(reader: int) -> dict[str, object]:
    event = {"type": "delivery", "rcpt_meta": {"delivery_id": f"1.{reader}"}, "raw_rcpt_to": f"R{reader}@Example.com"}
    return {"msys": {"message_event": event}}


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("postmark", {"RecordType": "Delivery", "Recipient": "R3@example.com", "Metadata": {}}),
        ("postmark", {"RecordType": "Delivery", "Recipient": "", "Metadata": {"delivery_id": "1.3"}}),
        ("resend", {"data": {"to": ["<r3@example.com>"], "tags": {"delivery_id": "12-3"}}}),
        ("mailgun", {"event-data": {"url": "https://a.example/?email=r3@example.com", "recipient": "x"}}),
        ("mailgun", {"event-data": {"url": "https://a.example/?email=r3%40example.com", "recipient": "x"}}),
        ("ses", {"Type": "Notification", "Message": json.dumps({"mail": {"tags": {"delivery_id": ["1-3"]}}})}),
        ("ses", {"Type": "Notification", "Message": json.dumps({"mail": {"destination": ["R3 <r3@example.com>"]}})}),
        ("smtp", b"From: MAILER-DAEMON@example.com\r\nTo: bounces+1.3.k3jxAbc@news.example.com\r\n\r\nno such user"),
        ("smtp", b"To: b@news.example.com\r\n\r\nFinal-Recipient: rfc822;r3@example.com\r\n\xff"),
    ],
)
def test_a_call_about_an_erased_reader_is_deleted(database: Database, provider: str, body: object) -> None:
    keep(database, provider, body)

    forget(database, 3)

    assert kept(database) == []
    assert waiting(database) == 0


@pytest.mark.parametrize(
    "body",
    [
        {"Recipient": "r33@example.com", "Metadata": {"delivery_id": "1.33"}},
        {"Recipient": "ar3@example.com"},
        {"Recipient": "r3@example.com.example.org"},
        {"Recipient": "x.r3@example.com"},
        {"at": "1737118800.3", "version": "5.1.3", "Metadata": {"delivery_id": "3.1"}},
        b"To: bounces+1.33.k3jxAbc@news.example.com\r\n\r\nHTTP/1.3",
    ],
)
def test_a_call_about_somebody_with_a_similar_name_or_number_stays(database: Database, body: object) -> None:
    keep(database, "postmark", body)
    before = kept(database)

    forget(database, 3)

    assert kept(database) == before


def test_of_a_call_about_many_readers_the_others_events_stay(database: Database) -> None:
    keep(database, "sparkpost", [spark(reader) for reader in range(1, 6)], [spark(3)], [spark(30)])

    forget(database, 3)

    assert [json.loads(body) for body in kept(database)] == [
        [spark(reader) for reader in (1, 2, 4, 5)],
        [spark(30)],
    ]


def test_whoever_is_erased_in_whatever_order_nobody_else_is_touched(database: Database) -> None:
    @hypothesis_settings(max_examples=25, deadline=None)
    @given(gone=st.lists(READERS, max_size=5), groups=st.lists(st.lists(READERS, max_size=4), max_size=6))
    def check(gone: list[int], groups: list[list[int]]) -> None:
        with database.begin() as connection:
            connection.execute(delete(webhook_call))
            waiting = [{"subscriber_id": reader, "email_key": f"r{reader}@example.com"} for reader in gone]
            connection.execute(insert(erased_reader), [*waiting, {"subscriber_id": 99, "email_key": "r99@example.com"}])
        keep(database, "sparkpost", [spark(41)], *[[spark(reader) for reader in group] for group in groups])

        while clean(database):
            pass

        left = [[reader for reader in group if reader not in gone] for group in groups]
        wanted = [own for own, group in zip(left, groups, strict=True) if own or not group]
        assert [json.loads(body) for body in kept(database)][1:] == [
            [spark(reader) for reader in own] for own in wanted
        ]

    check()


def test_many_calls_are_looked_through_page_by_page_and_a_kill_in_between_loses_nothing(database: Database) -> None:
    keep(database, "postmark", *[{"Recipient": f"r{number % 10}@example.com"} for number in range(500)])
    with database.begin() as connection:
        erasure.forget(connection, [ErasureRequest(subscriber_id=3, at=NOW)])

    assert clean(database)
    half = len(kept(database))
    with database.begin() as connection:  # another reader asks meanwhile
        erasure.forget(connection, [ErasureRequest(subscriber_id=4, at=NOW)])
    while clean(database):
        pass

    assert 450 < half < 500
    assert len(kept(database)) == 400
    assert waiting(database) == 0


def test_without_kept_calls_nothing_of_the_reader_is_noted(database: Database) -> None:
    with database.begin() as connection:
        erasure.forget(connection, [ErasureRequest(subscriber_id=3, at=NOW)])

    with database.read() as connection:
        assert connection.execute(select(erased_reader)).all() == []


def test_removing_a_reader_takes_the_kept_reports_about_them_along(
    newsletter: Run, database: Database, tmp_path: Path
) -> None:
    keep(database, "sparkpost", [spark(3), spark(4)])

    removed = newsletter("subscribers", "remove", "r3@example.com", cwd=tmp_path / "news")

    assert removed.returncode == 0
    assert [json.loads(body) for body in kept(database)] == [[spark(4)]]
    assert waiting(database) == 0
