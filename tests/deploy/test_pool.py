"""deploy/pgbouncer.ini carries workers, readers' pages and commands; the scheduler goes around it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import make_url

from newsletter.config import load_publication
from tests.acceptance.test_workers import schedule
from tests.database.test_pgbouncer import _pool
from tests.support.deployment import DEPLOY, on_free_ports, parts_of_units
from tests.support.fork_server import start_command
from tests.support.ports import free_port
from tests.support.postgresql_server import let_enter
from tests.support.provider_server import KEY, Resend
from tests.support.sending import add_readers, settings
from tests.support.workers import alive, opened, state_of, until

HERE = {
    "host=db.example.com port=5432": "host=127.0.0.1 port={server} user=postgres",
    "dbname=news": "dbname={name}",
    "listen_port = 6432": "listen_port = {port}\nunix_socket_dir =\nlogfile = {folder}/log",
    "auth_type = scram-sha-256\nauth_file = /etc/pgbouncer/userlist.txt": "auth_type = any",
}
"""What is different on this machine: addresses, and that nobody needs a password."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resend]:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    with Resend() as server:
        yield server


def pool_settings(**values: object) -> str:
    text = (DEPLOY / "pgbouncer.ini").read_text(encoding="utf-8")
    for written, here in HERE.items():
        assert written in text
        text = text.replace(written, here.format(**values))
    return text


def test_a_campaign_is_sent_through_the_pool_by_all_parts_but_the_scheduler(
    tmp_path: Path, postgresql: str, server: Resend
) -> None:
    folder, pool, port = tmp_path / "news", tmp_path / "pool", free_port()
    publication = settings(folder, server.toml, issue=True)
    url = publication.config.database.url
    name = make_url(url).database
    pool.mkdir()
    ini = pool_settings(server=postgresql.partition(":")[2], name=name, port=port, folder=pool)
    (pool / "ini").write_text(ini, encoding="utf-8")
    let_enter(pool)
    pool.chmod(0o777)
    pooled = url.replace(postgresql, f"127.0.0.1:{port}").replace(f"/{name}", "/news")
    (folder / "newsletter.toml").write_text(publication.path.read_text().replace(url, "env:DATABASE_URL"))

    with _pool(pool, port), ExitStack() as stack:
        os.environ["DATABASE_URL"] = pooled
        stack.callback(os.environ.pop, "DATABASE_URL")
        database = stack.enter_context(opened(load_publication(folder / "newsletter.toml")))
        add_readers(database, 600)
        for words in parts_of_units().values():
            address = url if words[0] == "run" else pooled
            environment = {**os.environ, "DATABASE_URL": address}
            stack.enter_context(start_command(on_free_ports(words), folder, environment))
        until(lambda: len(alive(database)) == 2)
        schedule(folder)
        until(lambda: state_of(database, 1).state == "sent")

    assert len(server.accepted) == 600
    assert server.most_often == 1
