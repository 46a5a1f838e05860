"""Many processes that send from one PostgreSQL database, and everything that can happen to them."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, text

from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.campaign_queries import find_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.sending import reconcile
from newsletter.sending.bench import SLUG, TOKEN, ask, prepare, running_provider
from newsletter.sending.bench_provider import Behaviour
from newsletter.times import utc_now
from tests.acceptance.kills import ACCEPTED, OF_BATCHES, UNKNOWN
from tests.support.fork_server import Child, run_command, start_command
from tests.support.own_postgresql import DroppingProxy, OwnPostgresql, own_postgresql

LATENCY = 0.25
"""Seconds a call is in the air."""
LEASE = 14
"""Seconds: the shortest lease for calls that may take 10 s to connect and 2 s to be answered."""
WORKERS, RUNNERS = 3, 2
PAST_LEASE = LEASE + 2.0
"""Seconds for which a worker is stopped, or cut off."""


@dataclass(frozen=True, kw_only=True)
class SharedAftermath:
    """What is left when a campaign of many processes has ended."""

    happened: Counter[str]
    seconds: float
    deliveries: dict[str, int]
    accepted: set[str]
    """Delivery ids, by the ledger."""
    unknown: set[str]
    at_provider: dict[str, int]
    """How often the provider accepted each delivery."""
    jobs_left: int
    said: str
    """What all processes said."""
    accepted_in_the_end: set[str] = field(default_factory=set)
    """By the ledger, once the provider has been asked."""
    unknown_in_the_end: set[str] = field(default_factory=set)

    @property
    def duplicates(self) -> int:
        return sum(self.at_provider.values()) - len(self.at_provider)


class Cluster:
    """Workers and runners on one machine, as on many; the first worker's way to the database may be cut."""

    def __init__(self, folder: Path, server: OwnPostgresql, proxy: DroppingProxy, stack: ExitStack) -> None:
        self._server, self.proxy = server, proxy
        self._folder = folder
        self._children: dict[str, Child] = {}
        self._running: dict[str, ExitStack] = {}
        self._said: list[str] = []
        stack.callback(self.close)
        self.names = [*(f"worker {n}" for n in range(WORKERS)), *(f"runner {n}" for n in range(RUNNERS))]
        for name in self.names:
            self.start(name)

    def start(self, name: str) -> None:
        settings = "cut.toml" if name == "worker 0" else "newsletter.toml"
        words = ["worker"] if name.startswith("worker") else ["run"]
        environment = environment_of(self._folder, settings)
        running = self._running[name] = ExitStack()
        self._children[name] = running.enter_context(start_command(words, self._folder, environment))

    def kill(self, name: str) -> None:
        self._children[name].kill()
        self._said.append(self._children[name].said()[1])
        self._running.pop(name).close()  # 300 kills would use up the files that a process may open
        self.start(name)

    def close(self) -> None:
        for running in self._running.values():
            running.close()

    def said(self) -> str:
        """Return what all processes wrote to standard error."""
        return "\n".join([*self._said, *(child.said()[1] for child in self._children.values())])

    def stop(self, name: str) -> None:
        self._children[name].signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._children[name].signal(signal.SIGCONT)

    def crash_database(self) -> None:
        self._server.crash()


def shared_campaign(
    folder: Path, provider: str, *, readers: int, kills: int, seed: int, rate: str, patience: float = 300.0
) -> SharedAftermath:
    """Send to everyone, whatever happens meanwhile: kills, a crash of the database, a stop, a cut network."""
    chance, began = random.Random(seed), time.monotonic()
    with ExitStack() as stack:
        port = stack.enter_context(running_provider(Behaviour(latency=LATENCY)))
        server = stack.enter_context(own_postgresql())
        publication = _prepare(folder, server, port, provider, readers, rate)
        proxy = DroppingProxy(server.port)
        stack.callback(proxy.close)
        settings = publication.path.read_text(encoding="utf-8")
        (folder / "cut.toml").write_text(settings.replace(server.url(), server.url(proxy.port)), encoding="utf-8")
        database = open_database(publication)
        stack.callback(database.close)
        cluster = Cluster(folder, server, proxy, stack)
        _schedule(folder)
        happened = _let_happen(cluster, chance, kills, database, port)
        _until_sent(database, patience)
        aftermath = _aftermath(database, port, happened, time.monotonic() - began, cluster)
    return aftermath


def _prepare(
    folder: Path, server: OwnPostgresql, port: int, provider: str, readers: int, rate: str
) -> PublicationSettings:
    os.environ[TOKEN] = "bench"
    migrated = create_engine(server.url().replace("postgresql:", "postgresql+psycopg:"))
    with migrated.begin() as connection:
        from newsletter.database.migrations import upgrade

        upgrade(connection, "")
    migrated.dispose()
    send = f'timeout = "2s"\nlease = "{LEASE}s"\nrate = "{rate}"'
    return prepare(folder, readers, port, provider, send=send, more=f'[database]\nurl = "{server.url()}"')


def environment_of(folder: Path, settings: str = "newsletter.toml") -> dict[str, str]:
    return {**os.environ, TOKEN: "bench", "NEWSLETTER_CONFIG": str(folder / settings)}


def _schedule(folder: Path) -> None:
    at = f"{utc_now() - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}Z"
    done = run_command(["schedule", SLUG, "--at", at, "--yes"], folder, environment_of(folder))
    assert done.returncode == 0, done.stderr


def _let_happen(cluster: Cluster, chance: random.Random, kills: int, database: Database, port: int) -> Counter[str]:
    """Kill again and again at random moments; stop one, cut one off and crash the database on the way."""
    happened: Counter[str] = Counter()
    _until(lambda: _calls(port) > 0)
    back: list[tuple[float, Callable[[], None]]] = []
    special = {kills // 5: "stop", kills * 2 // 5: "cut", kills * 3 // 5: "crash"}
    for number in range(kills):
        if database.engine and _state(database) is not CampaignState.SENDING:
            break
        what = special.get(number)
        if what == "stop":
            cluster.stop("worker 1")
            back.append((time.monotonic() + PAST_LEASE, lambda: cluster.resume("worker 1")))
        elif what == "cut":
            cluster.proxy.cut()
            back.append((time.monotonic() + PAST_LEASE, cluster.proxy.heal))
        elif what == "crash":
            cluster.crash_database()
        happened[what or "none"] += 1
        time.sleep(chance.uniform(0.1, 1.2))
        busy = {"worker 1", "worker 0"} if back else set()
        name = chance.choice([each for each in cluster.names if each not in busy])
        cluster.kill(name)
        happened["kill"] += 1
        happened[f"kill of a {name.split()[0]}"] += 1
        back = _do_due(back)
    while back:
        time.sleep(0.05)
        back = _do_due(back)
    return happened


def _do_due(back: list[tuple[float, Callable[[], None]]]) -> list[tuple[float, Callable[[], None]]]:
    for due, step in back:
        if due <= time.monotonic():
            step()
    return [(due, step) for due, step in back if due > time.monotonic()]


def _until(condition: Callable[[], object], patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def _until_sent(database: Database, patience: float) -> None:
    _until(lambda: _state(database) is CampaignState.SENT, patience)


def _state(database: Database) -> CampaignState:
    for _ in range(100):
        try:
            with database.read() as connection:
                return find_campaign(connection, SLUG).state
        except Exception:  # the database was restarted
            time.sleep(0.1)
    raise AssertionError("the database did not come back")


def _calls(port: int) -> int:
    counts: dict[str, int] = json.loads(ask(port, "/counts"))
    return counts["calls"]


def _aftermath(
    database: Database, port: int, happened: Counter[str], seconds: float, cluster: Cluster
) -> SharedAftermath:
    with database.read() as connection:
        campaign = find_campaign(connection, SLUG)
        deliveries = delivery_counts(connection, campaign.id)
        jobs_left = connection.execute(
            text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
        ).scalar_one()
    accepted, unknown = _ids(database, ACCEPTED), _ids(database, UNKNOWN)
    at_provider = json.loads(ask(port, "/accepted"))
    later = datetime.now(UTC) + timedelta(hours=1)
    publication = load_publication(cluster._folder / "newsletter.toml")
    findings = reconcile.ask(database, publication, campaign, later)
    with database.begin() as connection:
        reconcile.record(connection, findings, later)
    return SharedAftermath(
        happened=happened,
        seconds=seconds,
        deliveries=deliveries,
        accepted=accepted,
        unknown=unknown,
        at_provider=at_provider,
        jobs_left=jobs_left,
        said=cluster.said(),
        accepted_in_the_end=_ids(database, ACCEPTED),
        unknown_in_the_end=_ids(database, UNKNOWN),
    )


def _ids(database: Database, condition: str) -> set[str]:
    with database.read() as connection:
        return {*connection.execute(text(OF_BATCHES.format(condition))).scalars()}
