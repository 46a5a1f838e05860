"""Writes: many in one transaction, answered when it is on disk; one that fails fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select

from newsletter.config import load_publication
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import notice
from newsletter.web.public.write_queue import BusyError, ClosingError, WriteQueue


@pytest.fixture
def db(publication_folder: Path) -> Iterator[Database]:
    database = open_database(load_publication(publication_folder / "newsletter.toml"))
    yield database
    database.close()


class Work:
    """Writes keys down; remembers how many came together."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def keep(self, connection: Connection, keys: Sequence[str]) -> list[str]:
        self.sizes.append(len(keys))
        for key in keys:
            if key == "bad":
                raise ValueError("this one cannot be kept")
            connection.execute(insert(notice).values(key=key, at=""))
        return [f"kept {key}" for key in keys]


def kept(db: Database) -> int:
    with db.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(notice)) or 0)


def test_many_at_once_share_transactions_and_each_gets_its_own_result(db: Database) -> None:
    work = Work()

    async def ask() -> list[str]:
        return await asyncio.gather(*(writes.do(work.keep, str(number)) for number in range(300)))

    with WriteQueue(db) as writes:
        results = asyncio.run(ask())

    assert results == [f"kept {number}" for number in range(300)]
    assert len(work.sizes) < 20
    assert kept(db) == 300


def test_one_that_fails_fails_alone(db: Database) -> None:
    work = Work()

    async def ask() -> list[str | BaseException]:
        wishes = [writes.do(work.keep, key) for key in ("a", "bad", "b")]
        return await asyncio.gather(*wishes, return_exceptions=True)

    with WriteQueue(db) as writes:
        good, bad, other = asyncio.run(ask())

    assert (good, other) == ("kept a", "kept b")
    assert isinstance(bad, ValueError)
    assert kept(db) == 2


def test_it_is_stuck_while_somebody_else_holds_the_database(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.web.public.write_queue.STUCK", 0.05)

    async def ask() -> tuple[bool, bool, str]:
        before = writes.is_stuck
        with db.begin():
            asked = asyncio.create_task(writes.do(Work().keep, "a"))
            await asyncio.sleep(0.5)
            during = writes.is_stuck
        return before, during, await asked

    with WriteQueue(db) as writes:
        assert asyncio.run(ask()) == (False, True, "kept a")
        assert not writes.is_stuck


def test_an_end_comes_after_what_waits(db: Database) -> None:
    work = Work()

    async def ask() -> list[str]:
        tasks = [asyncio.create_task(writes.do(work.keep, str(number))) for number in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(writes.__exit__)
        return await asyncio.gather(*tasks)

    writes = WriteQueue(db)
    with writes:
        results = asyncio.run(ask())

    assert len(results) == kept(db) == 50
    assert not writes.is_open


def test_after_the_end_nothing_is_taken(db: Database) -> None:
    with WriteQueue(db) as writes:
        pass

    with pytest.raises(ClosingError):
        asyncio.run(writes.do(Work().keep, "late"))


def test_more_than_can_be_written_soon_are_told_to_come_back(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.web.public.write_queue.MOST_WAITING", 10)
    writes = WriteQueue(db)  # not begun: nothing is taken out

    async def ask() -> list[str | BaseException]:
        wishes = [asyncio.create_task(writes.do(Work().keep, str(number))) for number in range(12)]
        await asyncio.sleep(0)
        late = await asyncio.gather(*wishes[10:], return_exceptions=True)
        for wish in wishes:
            wish.cancel()
        return late

    assert all(isinstance(error, BusyError) for error in asyncio.run(ask()))
