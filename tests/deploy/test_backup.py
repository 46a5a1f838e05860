"""Backups are made while everything runs, and a restored one mails nobody before somebody says so."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.database.connection import open_database
from tests.support import databases
from tests.support.fork_server import run_command, start_command
from tests.support.provider_server import KEY, Postmark
from tests.support.sending import add_readers, settings


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Postmark]:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    with Postmark() as server:
        yield server


def prepare(folder: Path, server: Postmark) -> str:
    """Make a publication with 1,000 readers; returns its database's address."""
    publication = settings(folder, server.toml, issue=True)
    with closing(open_database(publication)) as database:
        add_readers(database, 1000)
    return publication.config.database.url


def send_and_check(folder: Path, server: Postmark) -> None:
    """Send from the restored database: refused, until it is adopted."""
    before = len(server.addresses)
    refused = run_command(["send", "hello", "--yes"], folder, dict(os.environ))
    adopted = run_command(["adopt"], folder, dict(os.environ))
    assert len(server.addresses) == before
    sent = run_command(["send", "hello", "--yes", "--json"], folder, dict(os.environ))

    assert refused.returncode == 1
    assert "newsletter adopt" in refused.stderr
    assert adopted.returncode == 0
    assert sent.returncode == 0, sent.stderr
    assert len(set(server.addresses)) == 1000


def test_a_dump_of_postgresql_made_while_a_campaign_runs_is_restored_elsewhere(
    tmp_path: Path, server: Postmark, postgresql: str
) -> None:
    folder = tmp_path / "news"
    url, programs = prepare(folder, server), databases.server_programs()
    server.answers.clear()
    with start_command(["send", "hello", "--yes"], folder, dict(os.environ)) as sending:
        server.wait_for_calls(2)
        dump = [programs / "pg_dump", "--format=custom", f"--file={tmp_path / 'news.dump'}", url]
        subprocess.run([*map(str, dump)], check=True, capture_output=True)
        server.answers.set()
        assert sending.wait() == 0
    name = databases.new_database("template1")
    restore = ["--no-owner", f"--dbname={databases.url_of(name)}", tmp_path / "news.dump"]
    subprocess.run([*map(str, (programs / "pg_restore", *restore))], check=True, capture_output=True)
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace(url, databases.url_of(name)), encoding="utf-8")
    assert load_publication(toml).config.database.url.endswith(name)

    refused = run_command(["send", "hello", "--yes"], folder, dict(os.environ))
    run_command(["adopt"], folder, dict(os.environ))
    sent = run_command(["status", "hello", "--json"], folder, dict(os.environ))

    assert refused.returncode == 1
    assert "this database is a copy" in refused.stderr
    assert len(server.addresses) == len(set(server.addresses)) == 1000
    assert '"handed": 1000' in sent.stdout or '"unknown"' in sent.stdout
    databases.drop(name)


def test_a_backup_of_the_file_made_while_it_is_in_use_is_put_back(tmp_path: Path, server: Postmark) -> None:
    folder = tmp_path / "news"
    prepare(folder, server)
    with (
        closing(sqlite3.connect(folder / "newsletter.db")) as source,
        closing(sqlite3.connect(tmp_path / "backup.db")) as to,
    ):
        source.backup(to)
    sent = run_command(["send", "hello", "--yes"], folder, dict(os.environ))
    assert sent.returncode == 0, sent.stderr
    for end in ("-wal", "-shm"):
        (folder / f"newsletter.db{end}").unlink(missing_ok=True)
    (tmp_path / "backup.db").replace(folder / "newsletter.db")

    send_and_check(folder, server)

    assert len(server.addresses) == 2000
