"""What deploy/ starts sends a campaign, and goes on sending while each part is restarted, or the tables are newer."""

from __future__ import annotations

import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.campaigns.counts import delivery_counts
from newsletter.database.connection import Database
from newsletter.times import utc_now
from tests.support.deployment import address_of, on_free_ports, parts_of_compose, parts_of_units
from tests.support.fork_server import Child, run_command, start_command
from tests.support.provider_server import KEY, Resend
from tests.support.sending import add_readers, settings
from tests.support.workers import alive, opened, until

pytestmark = pytest.mark.usefixtures("postgresql")
READY = {"run": "runner", "serve": "Readers' pages on", "worker": "Worker "}
"""By the command, words that it says once it is ready, and takes signals."""
NEWER = "UPDATE alembic_version SET version_num = '9999'"


class Gate(threading.Event):
    """Lets calls be answered that have arrived when it says so, and those that come later not yet."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._arrived = self._through = 0
        self._is_open = False

    def wait(self, timeout: float | None = None) -> bool:
        with self._changed:
            self._arrived += 1
            mine = self._arrived
            return self._changed.wait_for(lambda: self._is_open or mine <= self._through)

    @property
    def waiting(self) -> int:
        with self._changed:
            return self._arrived - self._through

    def let_through(self) -> None:
        with self._changed:
            self._through = self._arrived
            self._changed.notify_all()

    def set(self) -> None:
        with self._changed:
            self._is_open = True
            self._changed.notify_all()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resend]:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    with Resend() as server:
        yield server


@pytest.fixture
def folder(server: Resend, tmp_path: Path) -> Path:
    settings(tmp_path / "news", server.toml, issue=True)
    return tmp_path / "news"


@pytest.fixture
def database(folder: Path, server: Resend) -> Iterator[Database]:
    with opened(settings(folder, server.toml)) as database:
        yield database


class Parts:
    """The processes of a deployment, by their names."""

    def __init__(self, folder: Path, commands: dict[str, list[str]], stack: ExitStack) -> None:
        self.commands = {name: on_free_ports(words) for name, words in commands.items()}
        self._folder, self._stack = folder, stack
        self.running: dict[str, Child] = {}

    def start(self, name: str) -> None:
        command = start_command(self.commands[name], self._folder, dict(os.environ))
        self.running[name] = self._stack.enter_context(command)

    def wait_for(self, name: str) -> None:
        until(lambda: READY[self.commands[name][0]] in self.said(name))

    def stop(self, name: str) -> int:
        self.running[name].signal(signal.SIGTERM)
        return self.running[name].wait()

    def said(self, name: str) -> str:
        return self.running[name].said()[1]


@contextmanager
def started(folder: Path, database: Database, commands: dict[str, list[str]]) -> Iterator[Parts]:
    with ExitStack() as stack:
        parts = Parts(folder, commands, stack)
        for name in parts.commands:
            parts.start(name)
        for name in parts.commands:
            parts.wait_for(name)
        until(lambda: len(alive(database)) == 2)
        yield parts


def schedule(folder: Path) -> None:
    at = f"{utc_now() - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}Z"
    done = run_command(["schedule", "hello", "--at", at, "--yes"], folder, dict(os.environ))
    assert done.returncode == 0, done.stderr


def is_sent(database: Database) -> bool:
    with database.read() as connection:
        return bool(campaigns_in_state(connection, CampaignState.SENT))


def counted(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {state: number for state, number in delivery_counts(connection, 1).items() if number}


@pytest.mark.parametrize("commands", [parts_of_compose(), parts_of_units()], ids=["compose", "units"])
def test_what_deploy_starts_sends_what_is_scheduled_and_its_metrics_name_no_reader(
    folder: Path, database: Database, server: Resend, commands: dict[str, list[str]]
) -> None:
    add_readers(database, 400)
    with started(folder, database, commands) as parts:
        schedule(folder)
        until(lambda: is_sent(database))
        listening = [address_of(words) for words in parts.commands.values() if "--listen" in words]
        metrics = [urllib.request.urlopen(f"http://{address}/metrics").read().decode() for address in listening]
        codes = {name: parts.stop(name) for name in parts.running}

    assert sorted(words[0] for words in commands.values()) == ["run", "serve", "worker", "worker"]
    assert set(codes.values()) == {0}
    assert counted(database) == {"accepted": 400}
    assert all("newsletter_worker_database_up 1" in text for text in metrics)
    assert not any("@" in text or "example" in text for text in metrics)


def test_a_campaign_goes_on_while_every_part_is_restarted_one_at_a_time(
    folder: Path, database: Database, server: Resend
) -> None:
    server.answers = gate = Gate()
    add_readers(database, 6000)
    commands = {**parts_of_units(), "newsletter-run-of-another-machine": ["run"]}
    with started(folder, database, commands) as parts:
        schedule(folder)
        for name in commands:
            until(lambda: gate.waiting >= 4)
            parts.running[name].signal(signal.SIGTERM)
            gate.let_through()
            assert parts.running[name].wait() == 0, parts.said(name)
            assert "Traceback" not in parts.said(name)
            parts.start(name)
            parts.wait_for(name)
        assert not is_sent(database)
        until(lambda: gate.waiting >= 4)
        gate.set()
        until(lambda: is_sent(database))

    assert counted(database) == {"accepted": 6000}
    assert server.most_often == 1


def test_parts_of_an_older_version_stop_politely_when_the_tables_are_migrated(
    folder: Path, database: Database, server: Resend
) -> None:
    server.answers.clear()
    add_readers(database, 2000)
    with started(folder, database, {**parts_of_compose(), "another": ["serve", "--with-sender"]}) as parts:
        schedule(folder)
        server.wait_for_calls(8)
        with database.begin() as connection:
            connection.execute(text(NEWER))
        server.answers.set()
        older = [name for name, words in parts.commands.items() if words[0] != "serve" or "--with-sender" in words]
        codes = {name: parts.running[name].wait() for name in older}
        refused = run_command(["worker"], folder, dict(os.environ))
        said = {name: parts.said(name) for name in older}
        assert not parts.running["web-1"].has_ended()

    assert set(codes.values()) == {2}, said
    for words in said.values():
        assert "the tables were brought up to date by a newer newsletter (schema 9999, not " in words
        assert "Upgrade newsletter here, then start this again." in words
        assert "Traceback" not in words
    assert refused.returncode == 2
    assert "made by a newer newsletter (schema 9999)" in refused.stderr
    left = counted(database)
    assert left["accepted"] == len(server.accepted)
    assert "handed" not in left
