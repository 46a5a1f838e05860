"""Reads that share a transaction: each gets its own answer, and none one from before it was asked."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from newsletter.api_keys import Scope, find_key, revoke_key
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.times import utc_now
from newsletter.web.api import short_reads
from newsletter.web.api.operations import ApiRequest, ApiResponse, Operation
from newsletter.web.api.problems import RefusalError
from newsletter.web.api.short_reads import FindKey, Read, ShortReads, read_together
from tests.web.api.conftest import make_news
from tests.web.api.serving import ServedApi, serve_api


def test_readers_who_are_asked_for_at_once_each_get_their_own_answer(api: ServedApi) -> None:
    ids = [api.ask("POST", "/subscribers", json={"email": f"own{n}@example.com"}).json()["id"] for n in range(20)]
    mine, others = api.make_key("own"), api.make_key("writes-only", "subscribers")

    def ask(turn: int) -> bool:
        number = turn % 20
        match turn % 4:
            case 0:
                return api.ask("GET", "/subscribers/987654", mine).status_code == 404
            case 1:
                return api.ask("GET", f"/subscribers/{ids[number]}", others).status_code == 403
            case 2:
                return api.ask("GET", f"/subscribers/{ids[number]}", "nlk_wrong").status_code == 401
        answer = api.ask("GET", f"/subscribers/{ids[number]}", mine)
        return bool(answer.json()["email"] == f"own{number}@example.com")

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(160)))


@pytest.mark.process
def test_a_key_that_another_process_revokes_is_refused_by_the_next_request_however_busy_the_server_is(
    tmp_path: Path,
) -> None:
    with serve_api(make_news(tmp_path)) as api:
        key, number = (
            api.make_key("leaked"),
            api.ask("POST", "/subscribers", json={"email": "a@example.com"}).json()["id"],
        )
        stop = threading.Event()

        def keep_asking() -> None:
            while not stop.is_set():
                api.ask("GET", f"/subscribers/{number}", key)

        threads = [threading.Thread(target=keep_asking) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            assert api.ask("GET", f"/subscribers/{number}", key).status_code == 200
            command = [sys.executable, "-m", "newsletter", "keys", "revoke", "leaked"]
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
            after = [api.ask("GET", f"/subscribers/{number}", key).status_code for _ in range(10)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    assert after == [401] * 10


def test_a_key_that_is_revoked_while_it_writes_writes_nothing_more(api: ServedApi) -> None:
    key = api.make_key("writer")
    assert api.ask("POST", "/subscribers", key, json={"email": "before@example.com"}).status_code == 201

    with api.database.begin() as connection:
        revoke_key(connection, "writer", utc_now())

    assert api.ask("POST", "/subscribers", key, json={"email": "after@example.com"}).status_code == 401
    assert api.ask("GET", "/subscribers/after@example.com").status_code == 404


def test_a_limit_holds_for_requests_that_are_answered_together(tmp_path: Path) -> None:
    with serve_api(make_news(tmp_path), rate="20/h") as api:
        key = api.make_key("busy")
        with ThreadPoolExecutor(16) as pool:
            asked = list(pool.map(lambda _n: api.ask("GET", "/subscribers/1", key).status_code, range(60)))

    assert (asked.count(404), asked.count(429)) == (20, 40)


def test_each_of_the_requests_sees_what_was_written_before_it(api: ServedApi) -> None:
    def write_and_read(number: int) -> bool:
        body = {"email": f"seen{number}@example.com", "first_name": f"Ada{number}"}
        written = api.ask("POST", "/subscribers", json=body).json()
        return bool(api.get(f"/subscribers/{written['id']}")["fields"]["first_name"] == f"Ada{number}")

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_read, range(40)))


def test_a_read_that_fails_takes_no_other_with_it_and_none_is_made_twice(api: ServedApi) -> None:
    made: list[int] = []

    def read(number: int) -> Callable[[Connection, FindKey], int]:
        def run(connection: Connection, find: FindKey) -> int:
            made.append(number)
            if number == 1:
                raise RefusalError("not-found", "nothing here")
            if number == 2:
                connection.execute(text("SELECT 1 / 0"))  # an error on PostgreSQL, after which the transaction is lost
                raise ValueError("a mistake")
            return number + len(connection.execute(text("SELECT 1")).all())

        return run

    outcomes = read_together(api.database, [read(number) for number in range(5)])

    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [1, 4, 5]
    assert isinstance(outcomes[1], RefusalError)
    assert isinstance(outcomes[2], ValueError | DBAPIError)
    assert made == [0, 1, 2, 3, 4]


@pytest.mark.sqlite
def test_when_the_database_refuses_every_read_is_told_at_once(tmp_path: Path) -> None:
    with serve_api(make_news(tmp_path)) as api:
        api.database.close()  # no connection is kept that still works
        broken = _broken(api.database)
        outcomes = read_together(broken, [lambda connection, find: 1] * 3)

    assert len(outcomes) == 3
    assert all(isinstance(outcome, NewsletterError) for outcome in outcomes)


def _broken(database: Database) -> Database:
    for end in ("", "-wal", "-shm"):
        Path(f"{database.name}{end}").unlink(missing_ok=True)
    Path(database.name).write_bytes(b"no database" * 1_000)
    return database


def test_requests_that_come_while_others_are_answered_share_the_next_transaction(api: ServedApi) -> None:
    transactions: list[int] = []
    gate = threading.Event()

    def read(wait: bool) -> Read[int]:
        def run(connection: Connection, find: FindKey) -> int:
            if wait:
                assert gate.wait(30)
            transactions.append(id(find))  # one of each transaction
            return len(transactions)

        return run

    async def ask() -> list[int]:
        reads = ShortReads(api.database)
        first = asyncio.create_task(reads.run(read(wait=True)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # it has begun
        others = [asyncio.create_task(reads.run(read(wait=False))) for _ in range(10)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(first, *others)

    assert sorted(asyncio.run(ask())) == list(range(1, 12))
    assert len(set(transactions[1:])) == 1


def test_a_key_is_looked_up_once_for_the_requests_of_one_transaction_and_again_for_the_next(api: ServedApi) -> None:
    key = api.make_key("looked-up")

    def read(connection: Connection, find: FindKey) -> bool:
        return find(key) is find(key) is not None

    assert read_together(api.database, [read, read]) == [True, True]
    with api.database.begin() as connection:
        revoke_key(connection, "looked-up", utc_now())
        assert find_key(connection, key) is None
    assert read_together(api.database, [read]) == [False]


def test_without_a_thread_for_them_requests_fail_and_do_not_wait(
    api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_thread(*_arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    async def ask() -> list[object]:
        reads = ShortReads(api.database)
        with monkeypatch.context() as patch:
            patch.setattr(short_reads, "run_in_threadpool", no_thread)
            failed = await asyncio.gather(
                reads.run(lambda _c, _f: 1), reads.run(lambda _c, _f: 1), return_exceptions=True
            )
        return [*failed, await reads.run(lambda _c, _f: 2)]

    assert [str(outcome) for outcome in asyncio.run(ask())] == ["can't start new thread"] * 2 + ["2"]


def test_a_client_that_goes_away_takes_nobody_with_it(api: ServedApi) -> None:
    async def ask() -> int:
        reads = ShortReads(api.database)
        gone = asyncio.create_task(reads.run(lambda _connection, _find: 1))
        stays = asyncio.create_task(reads.run(lambda _connection, _find: 2))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(ask()) == 2


def test_requests_that_take_long_hold_up_no_short_one_and_are_all_answered(each_database: str, tmp_path: Path) -> None:
    gate, begun = threading.Event(), threading.Event()

    def run_long(request: ApiRequest, connection: Connection) -> ApiResponse:
        connection.execute(text("SELECT 1"))
        begun.set()
        assert gate.wait(60)
        return ApiResponse(value={})

    def run_short(request: ApiRequest, connection: Connection) -> ApiResponse:
        return ApiResponse(value=connection.execute(text("SELECT 1")).scalar_one())

    operations = [_operation("long", run_long, is_short=False), _operation("short", run_short, is_short=True)]
    with serve_api(make_news(tmp_path), operations=operations) as api, ThreadPoolExecutor(20) as pool:
        slow = [pool.submit(api.ask, "GET", "/long") for _ in range(20)]
        assert begun.wait(60)
        assert [api.get("/short") for _ in range(10)] == [1] * 10
        assert not any(request.done() for request in slow)
        gate.set()
        assert {request.result().status_code for request in slow} == {200}


def _operation(name: str, run: Callable[[ApiRequest, Connection], ApiResponse], *, is_short: bool) -> Operation:
    return Operation(
        name=name,
        method="GET",
        path=f"/{name}",
        scope=Scope.READ,
        summary="Read something",
        answers={200: dict},
        run=run,
        is_short=is_short,
    )
