"""Workers, runners and servers on PostgreSQL, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.campaigns.campaign import CampaignState, change_state
from newsletter.campaigns.counts import delivery_counts
from newsletter.database.connection import Database
from newsletter.times import utc_now
from tests.support.fork_server import Child, run_command, start_command
from tests.support.provider_server import KEY, Postmark
from tests.support.sending import add_readers, settings, start_campaign
from tests.support.workers import alive, opened, state_of, until

pytestmark = pytest.mark.usefixtures("postgresql")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Postmark]:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    with Postmark() as server:
        yield server


@pytest.fixture
def folder(server: Postmark, tmp_path: Path) -> Path:
    settings(tmp_path / "news", server.toml, issue=True)
    return tmp_path / "news"


@pytest.fixture
def database(folder: Path, server: Postmark) -> Iterator[Database]:
    with opened(settings(folder, server.toml)) as database:
        yield database


@contextmanager
def started(folder: Path, *words: str) -> Iterator[Child]:
    with start_command(words, folder, dict(os.environ)) as child:
        yield child


def schedule(folder: Path, *more: str) -> None:
    """Schedule the issue for a moment ago."""
    at = f"{utc_now() - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}Z"
    done = run_command(["schedule", "hello", "--at", at, "--yes", *more], folder, dict(os.environ))
    assert done.returncode == 0, done.stderr


def counted(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {state: number for state, number in delivery_counts(connection, 1).items() if number}


def test_one_worker_and_one_runner_send_what_is_scheduled(folder: Path, database: Database, server: Postmark) -> None:
    add_readers(database, 600)
    with started(folder, "worker"), started(folder, "run"):
        until(lambda: alive(database))
        schedule(folder)
        until(lambda: _is_sent(database))
        listed = run_command(["workers", "--json"], folder, dict(os.environ))

    assert counted(database) == {"accepted": 600}
    (worker,) = json.loads(listed.stdout)
    assert worker.keys() == {"name", "host", "pid", "since", "seen", "sending"}
    assert worker["sending"] == []


def test_a_runner_alone_sends_itself(folder: Path, database: Database, server: Postmark) -> None:
    add_readers(database, 600)
    schedule(folder, "--priority", "high")

    done = run_command(["run", "--once"], folder, dict(os.environ))

    assert done.returncode == 0, done.stderr
    assert counted(database) == {"accepted": 600}
    assert state_of(database, 1).priority == 1


def test_the_readers_server_sends_with_sender(folder: Path, database: Database, server: Postmark) -> None:
    add_readers(database, 600)
    schedule(folder)

    with started(folder, "serve", "--port", "0", "--with-sender") as child:
        until(lambda: _is_sent(database))
        child.signal(signal.SIGTERM)
        assert child.wait() == 0

    assert counted(database) == {"accepted": 600}


def test_send_follows_the_workers_and_exits_with_the_campaign(
    folder: Path, database: Database, server: Postmark
) -> None:
    add_readers(database, 600)
    with started(folder, "worker"):
        until(lambda: alive(database))
        done = run_command(["send", "hello", "--yes", "--json"], folder, dict(os.environ))

    assert (done.returncode, json.loads(done.stdout)["deliveries"]["accepted"]) == (0, 600)


def test_when_the_leader_is_killed_another_runner_leads(folder: Path, database: Database) -> None:
    with started(folder, "run") as first:
        until(lambda: "This runner leads." in first.said()[1])
        with started(folder, "run") as second:
            until(lambda: "waits for its turn" in second.said()[1])
            first.kill()
            until(lambda: "This runner leads." in second.said()[1])


def test_a_signal_lets_calls_finish_and_gives_the_rest_back(folder: Path, database: Database, server: Postmark) -> None:
    add_readers(database, 4000)
    server.answers.clear()
    with started(folder, "worker") as worker:
        until(lambda: alive(database))
        with started(folder, "send", "hello", "--yes") as follower:
            server.wait_for_calls(4)
            follower.signal(signal.SIGSTOP)  # else it would send itself once no worker lives
            worker.signal(signal.SIGTERM)
            until(lambda: "Stopping" in worker.said()[1])
            server.answers.set()
            assert worker.wait() == 0
            assert "Traceback" not in worker.said()[1]

    left = counted(database)
    assert left["accepted"] == len(server.addresses) >= 2000
    assert "handed" not in left


def test_a_second_signal_stops_at_once_and_the_ledger_knows_what_was_in_the_air(
    folder: Path, database: Database, server: Postmark
) -> None:
    add_readers(database, 2000)
    server.answers.clear()
    with started(folder, "worker") as worker:
        until(lambda: alive(database))
        with database.begin() as connection:
            campaign = start_campaign(connection, provider="postmark")
        with started(folder, "run"):
            server.wait_for_calls(4)
            worker.signal(signal.SIGTERM)
            until(lambda: "Stopping" in worker.said()[1])
            worker.signal(signal.SIGTERM)
            assert worker.wait() == 128 + signal.SIGTERM
            with database.begin() as connection:
                change_state(connection, campaign.id, "pause", now=utc_now())
    assert counted(database)["handed"] == 2000


def test_a_worker_on_sqlite_is_refused_with_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "file"
    settings(folder)
    text = (folder / "newsletter.toml").read_text(encoding="utf-8").partition("[database]")[0]
    (folder / "newsletter.toml").write_text(text, encoding="utf-8")

    refused = run_command(["worker"], folder, dict(os.environ))
    listed = run_command(["workers", "--json"], folder, dict(os.environ))

    assert refused.returncode == 2
    assert "workers need PostgreSQL" in refused.stderr
    assert (listed.returncode, json.loads(listed.stdout)) == (0, [])


def test_a_worker_tells_monitors_how_it_is(folder: Path, database: Database) -> None:
    with started(folder, "worker", "--listen", "127.0.0.1:0") as worker:
        until(lambda: "Metrics on" in worker.said()[1])
        address = worker.said()[1].partition("Metrics on ")[2].partition("/metrics")[0]
        with urllib.request.urlopen(f"{address}/healthz") as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{address}/metrics") as answer:
            assert "newsletter_worker_database_up 1" in answer.read().decode()


@pytest.mark.parametrize("address", ["9100", "localhost:", "localhost:http", "localhost:70000"])
def test_a_wrong_address_to_listen_on_is_a_usage_error(folder: Path, address: str) -> None:
    done = run_command(["worker", "--listen", address], folder, dict(os.environ))

    assert done.returncode == 2
    assert "127.0.0.1:9100" in done.stderr


def _is_sent(database: Database) -> bool:
    try:
        return state_of(database, 1).state is CampaignState.SENT
    except Exception:  # it is not scheduled yet
        return False
