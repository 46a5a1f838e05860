"""The write queue: many changes in one transaction, each answered when it is on disk; one that fails fails alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from newsletter.config import load_publication
from newsletter.database.connection import Database, open_database
from newsletter.database.process_tables import notice
from newsletter.errors import NewsletterError
from newsletter.web.public.write_queue import BusyError, ClosingError, WriteError, WriteQueue

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def db(publication_folder: Path) -> Iterator[Database]:
    database = open_database(load_publication(publication_folder / "newsletter.toml"))
    yield database
    database.close()


class KeyWriter:
    """Writes keys, and notes how many came together."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def write(self, connection: Connection, keys: Sequence[str]) -> list[str]:
        self.sizes.append(len(keys))
        for key in keys:
            if key == "bad":
                raise ValueError("this key cannot be written")
            connection.execute(insert(notice).values(key=key, at=""))
        return [f"wrote {key}" for key in keys]


def written(db: Database) -> int:
    with db.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(notice)) or 0)


def test_many_at_once_share_transactions_and_each_gets_its_own_result(db: Database) -> None:
    writer = KeyWriter()

    async def write_all() -> list[str]:
        return await asyncio.gather(*(write_queue.run(writer.write, str(number)) for number in range(300)))

    with WriteQueue(db) as write_queue:
        results = asyncio.run(write_all())

    assert results == [f"wrote {number}" for number in range(300)]
    assert len(writer.sizes) < 20
    assert written(db) == 300


def test_a_change_that_fails_fails_alone(db: Database) -> None:
    writer = KeyWriter()

    async def write_all() -> list[str | BaseException]:
        tasks = [write_queue.run(writer.write, key) for key in ("a", "bad", "b")]
        return await asyncio.gather(*tasks, return_exceptions=True)

    with WriteQueue(db) as write_queue:
        first, bad, last = asyncio.run(write_all())

    assert (first, last) == ("wrote a", "wrote b")
    assert isinstance(bad, ValueError)
    assert written(db) == 2


@pytest.mark.sqlite
def test_the_queue_is_stuck_while_another_transaction_holds_the_database(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.web.public.write_queue.STUCK_SECONDS", 0.05)

    async def write_all() -> tuple[bool, bool, str]:
        before = write_queue.is_stuck
        with db.begin():
            waiting = asyncio.create_task(write_queue.run(KeyWriter().write, "a"))
            await asyncio.sleep(0.5)
            during = write_queue.is_stuck
        return before, during, await waiting

    with WriteQueue(db) as write_queue:
        assert asyncio.run(write_all()) == (False, True, "wrote a")
        assert not write_queue.is_stuck


def test_the_queue_ends_after_everything_that_waits(db: Database) -> None:
    writer = KeyWriter()

    async def write_all() -> list[str]:
        tasks = [asyncio.create_task(write_queue.run(writer.write, str(number))) for number in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(write_queue.__exit__)
        return await asyncio.gather(*tasks)

    write_queue = WriteQueue(db)
    with write_queue:
        results = asyncio.run(write_all())

    assert len(results) == written(db) == 50
    assert not write_queue.is_open


def test_after_its_end_the_queue_takes_nothing(db: Database) -> None:
    with WriteQueue(db) as write_queue:
        pass

    with pytest.raises(ClosingError):
        asyncio.run(write_queue.run(KeyWriter().write, "late"))


def test_more_changes_than_can_wait_are_refused(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.web.public.write_queue.MAX_WAITING", 10)
    write_queue = WriteQueue(db)  # its thread has not started: nothing is taken

    async def write_all() -> list[str | BaseException]:
        tasks = [asyncio.create_task(write_queue.run(KeyWriter().write, str(number))) for number in range(12)]
        await asyncio.sleep(0)
        late = await asyncio.gather(*tasks[10:], return_exceptions=True)
        for task in tasks:
            task.cancel()
        return late

    assert all(isinstance(error, BusyError) for error in asyncio.run(write_all()))


def test_a_failing_write_logs_its_traceback_and_no_address(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(connection: Connection, addresses: Sequence[str]) -> list[str]:
        raise ValueError(f"cannot write {addresses[0]}")

    with WriteQueue(db) as write_queue, pytest.raises(ValueError, match="ada@"):
        asyncio.run(write_queue.run(refuse, "ada@example.com"))

    assert "Traceback" in caplog.text
    assert "in refuse" in caplog.text
    assert "ValueError: cannot write <address>" in caplog.text
    assert "ada@" not in caplog.text


def test_a_statement_that_fails_logs_none_of_its_values(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    def insert_twice(connection: Connection, names: Sequence[str]) -> list[None]:
        for _ in range(2):
            connection.execute(insert(notice).values(key=names[0], at=""))
        return [None]

    with WriteQueue(db) as write_queue, pytest.raises(IntegrityError):
        asyncio.run(write_queue.run(insert_twice, "Ada Lovelace"))

    assert re.search("UNIQUE constraint failed|violates unique constraint", caplog.text)
    assert "Lovelace" not in caplog.text


def test_a_database_that_refuses_is_logged_once_for_all_its_changes(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(connection: Connection, items: Sequence[str]) -> list[str]:
        raise NewsletterError("the database is full")

    async def write_all() -> list[str | BaseException]:
        writes = [write_queue.run(refuse, str(number)) for number in range(20)]
        return await asyncio.gather(*writes, return_exceptions=True)

    write_queue = WriteQueue(db)  # all wait before the first is taken

    async def write_then_start() -> list[str | BaseException]:
        waiting = asyncio.create_task(write_all())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with write_queue:
            return await waiting

    errors = asyncio.run(write_then_start())

    assert all(isinstance(error, WriteError) and "full" in str(error) for error in errors)
    assert [record.getMessage() for record in caplog.records] == ["the database refused 20 changes"]
    assert "Traceback" in caplog.text
