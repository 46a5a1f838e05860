"""Measure campaigns that many workers send from PostgreSQL: `python -m bench.workers [READERS] [RUN ...]`.

A run is a provider, a number of workers and the calls that each makes at once, such as `null:2:4`; `null` makes every
message and throws it away, `resend` is the benchmark's provider, which answers after 50 ms. The readers are imported
once, then each run sends them a campaign of its own. Everything is on this machine, the database and the provider too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, text

from bench.million import peak_of
from bench.null import register
from bench.timing import ENVIRONMENT, ROOT, report
from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.campaign_queries import find_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.clock import database_now
from newsletter.database.connection import Database, open_database
from newsletter.database.migrations import upgrade
from newsletter.distributed import presence
from newsletter.sending.bench import SLUG, TOKEN, add_readers, prepare, running_provider
from newsletter.sending.bench_provider import Behaviour
from newsletter.times import utc_now
from tests.support.own_postgresql import own_postgresql

READERS = 1_000_000
LATENCY = 0.05
RUNS = ("null:1:4", "null:2:4", "null:4:4", "resend:1:4", "resend:2:4", "resend:4:4", "resend:1:1", "resend:2:1")
_TICKS = os.sysconf("SC_CLK_TCK")
_TABLES = " + ".join(f"pg_total_relation_size('{name}')" for name in ("delivery", "batch", "delivery_exception"))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One campaign: its provider, and the processes that send it."""

    provider: str
    workers: int
    concurrency: int


@dataclass(frozen=True, kw_only=True)
class Used:
    """The processor time and peak memory of processes."""

    seconds: float
    peak_mib: float


def main() -> None:
    """Import the readers, send each run's campaign, and print its figures."""
    readers = int(sys.argv[1]) if len(sys.argv) > 1 else READERS
    register()
    os.environ[TOKEN] = "bench"
    with TemporaryDirectory() as name, ExitStack() as stack:
        port = stack.enter_context(running_provider(Behaviour(latency=LATENCY)))
        server = stack.enter_context(own_postgresql())
        publication = _publication(Path(name), server.url(), port)
        began = time.perf_counter()
        add_readers(publication, readers)
        print(f"{readers:,} readers imported in {time.perf_counter() - began:,.0f} s", flush=True)
        database = open_database(publication)
        stack.callback(database.close)
        for number, words in enumerate(sys.argv[2:] or RUNS, start=1):
            provider, workers, concurrency = words.split(":")
            run = Run(provider=provider, workers=int(workers), concurrency=int(concurrency))
            _send(publication, database, run, f"{SLUG}-{number}", readers)


def _publication(folder: Path, url: str, port: int) -> PublicationSettings:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        upgrade(connection, "")
    engine.dispose()
    return prepare(folder, 1, port, "resend", send='rate = "off"', more=f'[database]\nurl = "{url}"')


def _send(publication: PublicationSettings, database: Database, run: Run, slug: str, readers: int) -> None:
    issues = publication.root / "issues"
    (issues / f"2025-01-17-{slug}.md").write_bytes((issues / f"2025-01-17-{SLUG}.md").read_bytes())
    settings = publication.path.with_name(f"{slug}.toml")
    words = publication.path.read_text(encoding="utf-8")
    settings.write_text(words.replace('provider = "resend"', f'provider = "{run.provider}"'), encoding="utf-8")
    environment = {**ENVIRONMENT, "NEWSLETTER_CONFIG": str(settings), TOKEN: "bench"}
    with _processes(database, run, environment) as processes:
        at = f"{utc_now() - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}Z"
        subprocess.run(_command("schedule", slug, "--at", at, "--yes"), cwd=ROOT, env=environment, check=True)
        _until(lambda: _state(database, slug) is CampaignState.SENT)
        runner, *workers = [_used(process) for process in processes]
    _print(database, run, slug, readers, runner, workers)


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "bench.null", *words]


@contextmanager
def _processes(database: Database, run: Run, environment: Mapping[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run a runner, which comes first, and the workers."""
    worker = _command("worker", "--concurrency", str(run.concurrency))
    with ExitStack() as stack:
        processes = []
        for words in (_command("run"), *[worker] * run.workers):
            process = subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            processes.append(process)
        _until(lambda: _living(database) == run.workers)
        yield processes


def _living(database: Database) -> int:
    with database.read() as connection:
        return len(presence.living(connection, database_now(connection)))


def _state(database: Database, slug: str) -> CampaignState:
    with database.read() as connection:
        return find_campaign(connection, slug).state


def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.2)


def _used(process: subprocess.Popen[bytes]) -> Used:
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return Used(seconds=(int(fields[11]) + int(fields[12])) / _TICKS, peak_mib=peak_of(process.pid))


def _print(database: Database, run: Run, slug: str, readers: int, runner: Used, workers: list[Used]) -> None:
    with database.read() as connection:
        campaign = find_campaign(connection, slug)
        accepted = delivery_counts(connection, campaign.id)["accepted"]
        span = text("SELECT min(handed_at), max(settled_at) FROM batch WHERE campaign_id = :id")
        first, last = connection.execute(span, {"id": campaign.id}).one()
        size = connection.execute(text(f"SELECT ({_TABLES})::float / (SELECT count(*) FROM delivery)")).scalar_one()
    seconds = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    whole = (datetime.fromisoformat(last) - campaign.date).total_seconds()
    rows = [
        ("accepted", f"{accepted:,}"),
        ("seconds from the first call to the last answer", f"{seconds:,.1f}"),
        ("seconds from the campaign's start", f"{whole:,.1f}"),
        ("messages a second", f"{readers / seconds:,.0f}"),
        ("CPU of the workers per message", f"{sum(used.seconds for used in workers) / readers * 1e6:,.0f} us"),
        ("CPU of the runner per message", f"{runner.seconds / readers * 1e6:,.0f} us"),
        ("peak memory of a worker", f"{max(used.peak_mib for used in workers):.0f} MiB"),
        ("peak memory of the runner", f"{runner.peak_mib:.0f} MiB"),
        ("bytes per delivery", f"{size:,.0f}"),
    ]
    title = f"{run.workers} workers with {run.concurrency} calls at once each, {run.provider}, {readers:,} readers"
    report(title, rows, "150 MiB a worker")


if __name__ == "__main__":
    main()
