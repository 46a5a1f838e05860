"""Several processes that write at once, on both databases: what one reads is still so when it writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from newsletter.database.connection import Database, open_database
from newsletter.database.process_tables import hand_over
from newsletter.subscribers import suppressions
from newsletter.subscribers.suppressions import Reason
from tests.support.sending import NOW, settings

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[list[Database]]:
    """Open a database as often as several servers would."""
    publication = settings(tmp_path)
    opened = [open_database(publication) for _ in range(4)]
    yield opened
    for database in opened:
        database.close()


def at_once(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_writers_take_turns_so_that_nothing_read_is_lost(databases: list[Database]) -> None:
    with databases[0].begin() as connection:
        connection.execute(insert(hand_over).values(queue="test", number=0))
    all_begin = threading.Barrier(4)

    def count(database: Database) -> None:
        all_begin.wait(60)
        for _ in range(10):
            with database.begin() as connection:
                number = connection.execute(select(hand_over.c.number)).scalar_one()
                connection.execute(update(hand_over).values(number=number + 1))

    at_once([threading.Thread(target=count, args=(database,)) for database in databases])

    with databases[0].read() as connection:
        assert connection.execute(select(hand_over.c.number)).scalar_one() == 40


def test_an_address_that_two_servers_suppress_at_once_is_suppressed_once(databases: list[Database]) -> None:
    told: list[bool] = []
    all_begin = threading.Barrier(4)

    def suppress(database: Database) -> None:
        all_begin.wait(60)
        for number in range(10):
            with database.begin() as connection:
                told.append(suppressions.suppress(connection, f"r{number}@example.com", Reason.BOUNCED, "", NOW))

    at_once([threading.Thread(target=suppress, args=(database,)) for database in databases])

    assert (len(told), sum(told)) == (40, 10)
