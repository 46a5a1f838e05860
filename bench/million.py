"""Measure a campaign to a million readers through a provider that throws messages away.

The figures are its start, its time and memory, and the speed of `status` meanwhile: `python -m bench.million [COUNT]`.
The database is SQLite as users have it: write-ahead log, synchronous=FULL, the ledger on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from sqlalchemy import func, select

from bench.timing import ENVIRONMENT, ROOT, report
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings
from newsletter.database.connection import open_database
from newsletter.database.tables import batch
from newsletter.sending.bench import SLUG, prepare

READERS = 1_000_000


@dataclass(kw_only=True)
class Seen:
    """The observations of another process while the campaign ran."""

    starts_after: float = 0.0
    """Seconds from the command to the first message handed over."""
    queries: list[float] = field(default_factory=list)
    """Seconds of each query behind `status`."""
    peak_mib: float = 0.0


def main() -> None:
    """Run the campaign, watch it and print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else READERS
    with TemporaryDirectory() as name:
        publication = prepare(Path(name), count, 1, "postmark")
        path = publication.path
        path.write_text(path.read_text().replace('provider = "postmark"', 'provider = "null"'))
        began = time.perf_counter()
        words = [sys.executable, "-m", "bench.null", "send", SLUG, "--yes", "--json"]
        environment = {**ENVIRONMENT, "NEWSLETTER_CONFIG": str(path)}
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        seen = watch(publication, process, began)
        assert process.stdout
        said = process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    took = time.perf_counter() - began
    print_figures(count, seen, took, usage.ru_utime + usage.ru_stime, json.loads(said)["deliveries"]["accepted"])


def watch(publication: PublicationSettings, process: subprocess.Popen[str], began: float) -> Seen:
    """Run the query of `status` four times a second until the process ends."""
    seen = Seen()
    database = open_database(publication)
    while memory := peak_of(process.pid):
        seen.peak_mib = memory
        with database.read() as connection:
            asked = time.perf_counter()
            counted = delivery_counts(connection, 1)
            seen.queries.append(time.perf_counter() - asked)
            if not seen.starts_after and connection.execute(select(func.min(batch.c.handed_at))).scalar():
                seen.starts_after = time.perf_counter() - began
        time.sleep(0.25 if counted["accepted"] else 0.01)
    database.close()
    return seen


def peak_of(pid: int) -> float:
    """Return the peak memory of a process in MiB; 0 once it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def print_figures(count: int, seen: Seen, took: float, cpu: float, accepted: int) -> None:
    """Print each figure with its goal."""
    rows = [
        ("accepted", f"{accepted:,}"),
        ("seconds, the command's start included", f"{took:,.1f}"),
        ("messages a second", f"{count / took:,.0f}"),
        ("CPU per message", f"{cpu / count * 1e6:,.0f} us"),
        ("first message handed over after (at most 5 s)", f"{seen.starts_after:.2f} s"),
        ("peak memory (at most 150 MiB)", f"{seen.peak_mib:.0f} MiB"),
        ("query behind status, median", f"{median(seen.queries) * 1e3:.1f} ms"),
        ("query behind status, 99th of 100 (at most 100 ms)", f"{quantiles(seen.queries, n=100)[-1] * 1e3:.1f} ms"),
        ("query behind status, longest", f"{max(seen.queries) * 1e3:.1f} ms"),
    ]
    report(f"A campaign to {count:,} readers into the null sink", rows, "see each line")


if __name__ == "__main__":
    main()
