"""A large list in the middle of a campaign, after many others: the next batch costs what it costs on a small one.

`make soak` runs it larger: NEWSLETTER_LARGE_READERS, _CAMPAIGNS and _DELIVERIES, which are the deliveries of all
earlier campaigns together. It prints how long each step took. The test itself counts work and no time: instructions
of SQLite's virtual machine, and pages of PostgreSQL.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from sqlalchemy import Connection, event

from newsletter.campaigns import audience, claims, counts
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import campaign
from tests.support.sending import NOW, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")
READERS = int(os.environ.get("NEWSLETTER_LARGE_READERS", "72000"))
CAMPAIGNS = int(os.environ.get("NEWSLETTER_LARGE_CAMPAIGNS", "10"))
DELIVERIES = int(os.environ.get("NEWSLETTER_LARGE_DELIVERIES", "40000"))
SMALL = 24_000
"""Readers of the list that the large one is compared with."""
BATCH = 500
REPEATS = 21
CHUNK = 500_000
"""Rows that are made in one statement."""
Step = Callable[[Connection, PublicationSettings], object]
STEPS: dict[str, Step] = {
    "the next batch": lambda connection, _news: claims.claim(connection, 1, owner="test", now=NOW, provider="outbox"),
    "the next page of readers": lambda connection, news: audience.enqueue(
        connection, news, 1, BATCH, now=NOW, page=BATCH
    ),
    "whether it is done": lambda connection, _news: counts.is_done(connection, 1),
}
COUNT = "WITH RECURSIVE n(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM n WHERE n < {last}) "


@contextmanager
def large_list(folder: Path, readers: int) -> Iterator[tuple[PublicationSettings, Database]]:
    """Make a publication: half of a campaign is enqueued, half of that is sent, and the earlier ones are over."""
    publication = settings(folder)
    with closing(open_database(publication)) as database:
        with database.begin() as connection:
            start_campaign(connection)
            copied = ", ".join(f'"{column.name}"' for column in campaign.c if column.name not in ("id", "issue"))
            numbers = COUNT.format(first=2, last=CAMPAIGNS + 1)
            connection.exec_driver_sql(
                f"INSERT INTO campaign (issue, {copied}) {numbers} SELECT 'issue ' || n, {copied} FROM campaign, n"
            )
        _add_readers(database, readers)
        _add_past(database, readers)
        _add_present(database, readers)
        yield publication, database


def _insert(database: Database, last: int, statement: str) -> None:
    """Insert what `statement` selects for n = 1 .. last, in transactions of a size that fits."""
    for first in range(1, last + 1, CHUNK):
        into, _, what = statement.partition(" SELECT ")
        numbers = COUNT.format(first=first, last=min(first + CHUNK - 1, last))
        with database.begin() as connection:
            connection.exec_driver_sql(f"{into} {numbers} SELECT {what}")


def _add_readers(database: Database, readers: int) -> None:
    at = "'2025-01-17T12:00:00.000Z'"
    address = "'r' || (100000000 + n) || '@example.com'"
    into = "INSERT INTO subscriber (id, email, email_key, created_at, updated_at)"
    _insert(database, readers, f"{into} SELECT n, {address}, {address}, {at}, {at} FROM n")
    into = "INSERT INTO subscription (list, subscriber_id, status, changed_at)"
    _insert(database, readers, f"{into} SELECT 'daily', n, 'active', {at} FROM n")


def _add_past(database: Database, readers: int) -> None:
    each = min(readers, DELIVERIES // CAMPAIGNS)
    for number in range(2, CAMPAIGNS + 2):
        batches = f"INSERT INTO batch (campaign_id, no, size, state) SELECT {number}, n, {BATCH}, 'settled' FROM n"
        _insert(database, readers // BATCH, batches)
        into = "INSERT INTO delivery (campaign_id, subscriber_id, batch_no)"
        _insert(database, each, f"{into} SELECT {number}, n, (n - 1) / {BATCH} + 1 FROM n")


def _add_present(database: Database, readers: int) -> None:
    half = readers // 2 // BATCH * BATCH
    into = "INSERT INTO delivery (campaign_id, subscriber_id, batch_no)"
    _insert(database, half, f"{into} SELECT 1, n, (n - 1) / {BATCH} + 1 FROM n")
    state = f"CASE WHEN n > {half // BATCH // 2} THEN 'queued' ELSE 'settled' END"
    into = "INSERT INTO batch (campaign_id, no, size, state)"
    _insert(database, half // BATCH, f"{into} SELECT 1, n, {BATCH}, {state} FROM n")
    with database.begin() as connection:
        connection.exec_driver_sql(f'UPDATE campaign SET "cursor" = {half} WHERE id = 1')
    with database.begin() as connection:
        for table in ("subscriber", "subscription", "batch", "delivery", "campaign"):
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"ANALYZE {table}")


def work(publication: PublicationSettings, database: Database, step: Step) -> int:
    """Return how much the database does for a step, which is undone."""
    with database.read() as connection:
        count = _instructions if connection.dialect.name == "sqlite" else _pages
        return count(connection, publication, step)


def _instructions(connection: Connection, publication: PublicationSettings, step: Step) -> int:
    done = [0]

    def count() -> int:
        done[0] += 1
        return 0

    connection.connection.driver_connection.set_progress_handler(count, 1)  # type: ignore[union-attr]
    step(connection, publication)
    connection.connection.driver_connection.set_progress_handler(None, 1)  # type: ignore[union-attr]
    connection.rollback()
    return done[0]


def _pages(connection: Connection, publication: PublicationSettings, step: Step) -> int:
    asked: list[tuple[str, Any, bool]] = []

    def note(_connection: object, _cursor: object, words: str, values: Any, _context: object, many: bool) -> None:
        asked.append((words, values, many))

    event.listen(connection.engine, "before_cursor_execute", note)
    step(connection, publication)
    event.remove(connection.engine, "before_cursor_execute", note)
    connection.rollback()
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
    plans = [
        connection.exec_driver_sql(explain + words, values).scalar_one()[0]["Plan"]
        for words, values, many in asked
        if not many
    ]
    connection.rollback()
    return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)


def seconds(publication: PublicationSettings, database: Database, step: Step) -> float:
    """Return the median of how long a step takes with its commit."""
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        with database.begin() as connection:
            step(connection, publication)
        took.append(time.perf_counter() - began)
    return median(took)


@pytest.mark.timeout(0)
def test_the_next_batch_of_a_large_list_costs_as_much_as_that_of_a_small_one(
    tmp_path: Path, each_database: str
) -> None:
    with large_list(tmp_path / "small", SMALL) as small, large_list(tmp_path / "large", READERS) as large:
        for name, step in STEPS.items():
            few, many = work(*small, step), work(*large, step)
            took = [1000 * seconds(*each, step) for each in (small, large)]
            print(
                f"\n| {each_database} | {name} | {READERS:,} | {CAMPAIGNS} | {few:,} | {many:,} | "
                f"{took[0]:.2f} ms | {took[1]:.2f} ms |"
            )
            assert many <= 2 * few + 50, name
