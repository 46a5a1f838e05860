"""Measure figures of a large newsletter: `python -m bench.stats [READERS] [CAMPAIGNS] [EVENTS] [FOLDER]`.

A million readers, 200 campaigns and ten million events are written by SQL, then counted anew. Measured are the command,
the page of results, the queries behind both, and events that are written while another process reads figures, beside
events written with nobody reading. What was written is kept in FOLDER and used again.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import requests
from sqlalchemy import Connection, text

from bench.timing import COMMAND, ENVIRONMENT, ROOT, report
from newsletter.campaigns import events
from newsletter.campaigns.campaign import approve_issue, change_state
from newsletter.campaigns.events import Event, EventKind
from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.figures.campaigns import campaign_details
from newsletter.figures.counted import recount
from newsletter.figures.overview import overview
from newsletter.times import stamp
from tests.support.ports import free_port
from tests.support.sending import MESSAGE, PAGE, settings

START = datetime(2025, 1, 1, 7, tzinfo=UTC)
BATCH = 500
GROUP = 500
"""Events in one transaction."""
GROUPS = 20
TURNS = 6
PAGES = 11
_told = itertools.count(1)
"""Numbers the events, so that each is of another reader."""
_DOMAINS = "WHEN 0 THEN 'gmail.com' WHEN 1 THEN 'outlook.com' WHEN 2 THEN 'yahoo.com' WHEN 3 THEN 'gmx.de'"
_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count) "


def main() -> None:
    """Print seconds of the command and its queries, and the events a second that are written meanwhile."""
    readers, campaigns, count = (int(word) for word in [*sys.argv[1:], "1000000", "200", "10000000"][:3])
    with TemporaryDirectory() as name:
        folder = Path(sys.argv[4] if len(sys.argv) > 4 else name) / "news"
        rows = [] if folder.exists() else _fill(folder, readers, campaigns, count)
        publication = load_publication(folder / "newsletter.toml")
        database = open_database(publication)
        rows += _reading(publication, database)
        rows += _page(publication)
        rows += _writing(publication, database, readers, campaigns)
        database.close()
    report(f"Figures of {readers:,} readers, {campaigns} campaigns, {count:,} events", rows, "1 s, 100 ms, 10 %")


def _fill(folder: Path, readers: int, campaigns: int, count: int) -> list[tuple[str, str]]:
    database = open_database(settings(folder))
    _write(database, readers, campaigns, count // campaigns)
    began = time.perf_counter()
    recount(database)
    counted = time.perf_counter() - began
    database.close()
    return [("counting everything anew", f"{counted:,.0f} s")]


def _write(database: Database, readers: int, campaigns: int, each: int) -> None:
    with database.begin() as connection:
        _write_readers(connection, readers)
    for number in range(1, campaigns + 1):
        with database.begin() as connection:
            _write_campaign(connection, number, readers, each)


def _write_readers(connection: Connection, readers: int) -> None:
    at = stamp(START)
    address = f"'r' || n || '@' || CASE n % 7 {_DOMAINS} ELSE 'c' || (n % 20000) || '.example.com' END"
    connection.execute(
        text(
            f"INSERT INTO subscriber (id, email, email_key, created_at, updated_at) {_NUMBERS}"
            f"SELECT n, {address}, {address}, :at, :at FROM numbers"
        ),
        {"count": readers, "at": at},
    )
    connection.execute(
        text(
            f"INSERT INTO subscription (list, subscriber_id, status, changed_at) {_NUMBERS}"
            "SELECT 'daily', n, CASE n % 50 WHEN 0 THEN 'unsubscribed' ELSE 'active' END, :at FROM numbers"
        ),
        {"count": readers, "at": at},
    )


def _write_campaign(connection: Connection, number: int, readers: int, each: int) -> None:
    """Write a campaign to `each` readers: nearly all delivered or opened, one in ten clicked."""
    now = START + timedelta(days=number)
    message = replace(MESSAGE, slug=f"issue-{number}")
    made = approve_issue(
        connection, message=message, page=PAGE, list="daily", segment="", provider="x", tracking="individual", now=now
    )
    change_state(connection, made.id, "start", now=now)
    values = {"count": each, "campaign": made.id, "at": stamp(now + timedelta(hours=1)), "readers": readers}
    connection.execute(
        text(
            f"INSERT INTO batch (campaign_id, no, size, state) {_NUMBERS}"
            f"SELECT :campaign, n, {BATCH}, 'settled' FROM numbers WHERE n <= :count / {BATCH}"
        ),
        values,
    )
    reader = "(n * 7919 + :campaign * 104729) % :readers + 1"
    connection.execute(
        text(
            f"INSERT OR IGNORE INTO delivery (campaign_id, subscriber_id, batch_no) {_NUMBERS}"
            f"SELECT :campaign, {reader}, (n - 1) / {BATCH} + 1 FROM numbers"
        ),
        values,
    )
    kind = "CASE WHEN n % 10 < 6 THEN 'delivered' WHEN n % 10 < 9 THEN 'opened' ELSE 'clicked' END"
    connection.execute(
        text(
            "INSERT INTO event (key, kind, campaign_id, subscriber_id, reader, link_no, at) "
            f"{_NUMBERS} SELECT 'b:' || :campaign || ':' || n, {kind}, :campaign, {reader}, {reader}, "
            "CASE WHEN n % 10 = 9 THEN 0 END, :at FROM numbers"
        ),
        values,
    )


def _reading(publication: PublicationSettings, database: Database) -> list[tuple[str, str]]:
    environment = {**os.environ, **ENVIRONMENT, "NEWSLETTER_CONFIG": str(publication.path)}
    seconds: dict[str, float] = {}
    for words in (["stats"], ["stats", "--json"], ["stats", "1"]):
        began = time.perf_counter()
        subprocess.run([COMMAND, *words], env=environment, check=True, stdout=subprocess.DEVNULL)
        seconds["newsletter " + " ".join(words)] = time.perf_counter() - began
    seconds["the queries of the overview"] = median(_timed(publication, database, whole=True) for _ in range(5))
    seconds["the queries of a campaign"] = median(_timed(publication, database, whole=False) for _ in range(5))
    return [(name, f"{took * 1000:,.0f} ms") for name, took in seconds.items()]


def _timed(publication: PublicationSettings, database: Database, *, whole: bool) -> float:
    began = time.perf_counter()
    with database.read() as connection:
        if whole:
            overview(connection, publication, now=START)
        else:
            campaign_details(connection, publication, 1)
    return time.perf_counter() - began


def _page(publication: PublicationSettings) -> list[tuple[str, str]]:
    """Measure the page of results, as a browser asks the preview for it."""
    words = [COMMAND, "preview", "--no-open", "--port", str(free_port())]
    environment = {**ENVIRONMENT, "NEWSLETTER_CONFIG": str(publication.path)}
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as preview:
        assert preview.stdout
        address = next(found[0] for line in preview.stdout if (found := re.search(r"http://[\w.:]+", line)))
        took = []
        for _ in range(PAGES):
            began = time.perf_counter()
            requests.get(f"{address}/results", timeout=60).raise_for_status()
            took.append(time.perf_counter() - began)
        preview.terminate()
    return [("/results, median of its answers", f"{median(took) * 1000:,.0f} ms")]


def _writing(
    publication: PublicationSettings, database: Database, readers: int, campaigns: int
) -> list[tuple[str, str]]:
    """Measure events that are written alone, and while another process reads the figures once a second, in turns."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    name = f"{time.time_ns()}"
    for turn in range(TURNS):
        for is_read in (turn % 2 == 0, turn % 2 == 1):  # ABBA: the database grows, and a machine's speed drifts
            with _reader(publication) if is_read else nullcontext():
                rates[is_read].append(_events(database, readers, campaigns, f"{name}:{turn}:{is_read}"))
    ratios = [beside / alone for beside, alone in zip(rates[True], rates[False], strict=True)]
    return [
        ("events written", f"{median(rates[False]):,.0f}/s"),
        ("events written while figures are read once a second", f"{median(rates[True]):,.0f}/s"),
        ("ratio, median of the pairs", f"{median(ratios):.2f}"),
        ("ratio, lowest and highest", f"{min(ratios):.2f} to {max(ratios):.2f}"),
    ]


def _events(database: Database, readers: int, campaigns: int, name: str) -> float:
    began = time.perf_counter()
    for group in range(GROUPS):
        at = START + timedelta(days=campaigns, hours=2)
        told = [
            Event(
                kind=EventKind.DELIVERED,
                campaign_id=campaigns,
                subscriber_id=next(_told) * 7919 % readers + 1,
                at=at,
                key=f"{name}:{group}:{n}",
            )
            for n in range(GROUP)
        ]  # of other readers each time: nobody's message is delivered twice
        with database.begin() as connection:
            events.record(connection, told)
    return GROUPS * GROUP / (time.perf_counter() - began)


@contextmanager
def _reader(publication: PublicationSettings) -> Iterator[None]:
    """Read the figures once a second in another process, as the preview does beside the server that takes events."""
    words = [
        sys.executable,
        "-c",
        "import sys, bench.stats; bench.stats.read_again(sys.argv[1])",
        str(publication.path),
    ]
    with subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield
        process.terminate()


def read_again(settings_file: str) -> None:
    """Read the figures once a second, until the process is ended."""
    publication = load_publication(Path(settings_file))
    database = open_database(publication)
    while True:
        with database.read() as connection:
            overview(connection, publication, now=START)
        print("read", flush=True)
        time.sleep(1)


if __name__ == "__main__":
    main()
