"""PgBouncer in transaction mode between the program and PostgreSQL: each transaction has another connection."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from newsletter.campaigns import audience, claims
from newsletter.campaigns.campaign import get_campaign
from newsletter.campaigns.claims import Claim
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, address, migrate_database, open_database
from newsletter.database.tables import subscriber
from newsletter.providers.base import Answer, Outcome, Result
from tests.database.test_connection import publication
from tests.support import databases
from tests.support.ports import free_port
from tests.support.postgresql_server import NOBODY, let_enter
from tests.support.programs import program
from tests.support.readers import Readers
from tests.support.sending import NOW, start_campaign

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("postgresql")]
POOL = """
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {folder}/log
"""


@contextmanager
def _pool(folder: Path, port: int) -> Iterator[None]:
    command = [program("pgbouncer"), str(folder / "ini")]
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, **user)  # type: ignore[call-overload]
    try:
        while not _listens(port):
            assert running.poll() is None, (folder / "log").read_text()
            time.sleep(0.02)
        yield
    finally:
        running.kill()
        running.wait()


def _listens(port: int) -> bool:
    with socket.socket() as connecting:
        return connecting.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def news(tmp_path: Path, postgresql: str) -> Iterator[PublicationSettings]:
    """Start a pool of two connections, in front of an empty database."""
    name = databases.new_database("template1")
    port, folder = free_port(), tmp_path / "pool"
    folder.mkdir()
    (folder / "ini").write_text(POOL.format(server=postgresql.partition(":")[2], port=port, folder=folder))
    let_enter(folder)
    folder.chmod(0o777)
    with _pool(folder, port):
        yield publication(tmp_path, f"postgresql://postgres@127.0.0.1:{port}/{name}")
    databases.drop(name)


def test_everything_from_migrate_to_settle_works_through_a_pool_of_two(news: PublicationSettings) -> None:
    assert migrate_database(address(news), news).before == ""
    with closing(open_database(news)) as database:
        readers = Readers(news, database)
        readers.read("email\n" + "".join(f"r{n}@example.com\n" for n in range(200)))
        with database.begin() as connection:
            campaign = start_campaign(connection).id
        while not _is_enqueued(database, campaign):
            with database.begin() as connection:
                audience.enqueue(connection, news, campaign, 10, now=NOW)

        threads = [threading.Thread(target=_send_all, args=(database, campaign, f"sender {n}")) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with database.read() as connection:
            counts = delivery_counts(connection, campaign)
            assert connection.scalar(select(func.count()).select_from(subscriber)) == 200
    assert {state: number for state, number in counts.items() if number} == {"accepted": 200}


def test_the_same_statement_many_times_is_never_prepared(news: PublicationSettings) -> None:
    migrate_database(address(news), news)
    with closing(open_database(news)) as database:
        for _ in range(12):
            with database.read() as connection:
                assert connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0


def _is_enqueued(database: Database, campaign: int) -> bool:
    with database.read() as connection:
        return get_campaign(connection, campaign).enqueued


def _send_all(database: Database, campaign: int, owner: str) -> None:
    while claim := _claim(database, campaign, owner):
        with database.begin() as connection:
            claims.hand(connection, claim, provider="outbox", now=NOW)
        with database.begin() as connection:
            ids = claims.members(connection, campaign, claim.no)
            accepted = Result(outcome=Outcome.ACCEPTED, provider_id="id")
            claims.settle(connection, claim, ids, Answer(results=(accepted,) * len(ids)), now=NOW)


def _claim(database: Database, campaign: int, owner: str) -> Claim | None:
    with database.begin() as connection:
        return claims.claim(connection, campaign, owner=owner, now=NOW)
