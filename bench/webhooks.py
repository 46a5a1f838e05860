"""Measure how many reports of providers `newsletter serve` takes a second: `python -m bench webhooks`.

Needs `wrk`. Every call is signed, and on disk before its answer; events are applied meanwhile, each to a reader of its
own. Then the server is killed, and the calls in its database are counted against the answers. Then a million kept
events are replayed. At the end campaigns are sent beside a server that takes events and beside one that takes none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from http import HTTPStatus
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import requests
from sqlalchemy import select

from bench.servers import CONNECTIONS, bare, measured, require_wrk, served
from bench.timing import COMMAND, ENVIRONMENT, report
from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import campaign
from newsletter.events import calls
from newsletter.events.calls import KeptCall
from newsletter.events.replay import replay
from newsletter.sending.bench import SLUG, prepare, running_provider
from newsletter.sending.bench import TOKEN as BENCH_TOKEN
from newsletter.sending.bench_provider import Behaviour
from newsletter.times import utc_now
from tests.support.sending import add_readers, start_campaign

READERS = 100_000
GROUP = 500
"""Events of a call in the batched run and in the replay."""
REPLAYED = 1_000_000
SENT, ROUNDS = 20_000, 3
"""Readers of a campaign that is sent beside incoming events, and how often it is sent on each side."""
RATE, SMALL_GROUP = 1_000, 50
"""Events a second that come in meanwhile, and events of a call: an hour of them is three and a half million."""
KEY = b"k" * 32
TOKEN = "t" * 40
SETTINGS = """
[publication]
name = "Daily Inference"
url = "https://news.example.com"
from = "daily@news.example.com"
[lists.daily]
title = "Daily Inference"
default = true
[lists.weekly]
title = "Weekly Inference"
[providers.resend]
api_key = "env:UNUSED"
webhook_token = "env:WEBHOOK_TOKEN"
webhook_secret = "env:WEBHOOK_SECRET"
[providers.sparkpost]
api_key = "env:UNUSED"
webhook_token = "env:WEBHOOK_TOKEN"
"""
BESIDE = """
[providers.sparkpost]
api_key = "env:UNUSED"
webhook_token = "env:WEBHOOK_TOKEN"
"""
SCRIPT = """
local bodies, headers = {}, {}
function init(arguments)
  path = arguments[1]
  for line in io.lines(arguments[2]) do
    local head, body = line:match("^(.-)\\t(.*)$")
    headers[#headers + 1] = {["Content-Type"] = "application/json"}
    for name, value in head:gmatch("([^=;]+)=([^;]+);") do headers[#headers][name] = value end
    bodies[#bodies + 1] = body
  end
end
local at = 0
function request()
  at = at % #bodies + 1
  return wrk.format("POST", path, headers[at], bodies[at])
end
"""


def main() -> None:
    """Print the calls and events a second, the processor time, how many were lost, and the time of a replay."""
    require_wrk()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
        (folder / "post.lua").write_text(SCRIPT, encoding="utf-8")
        publication = load_publication(folder / "newsletter.toml")
        database = open_database(publication)
        add_readers(database, READERS)
        with database.begin() as connection:
            start_campaign(connection, provider="resend")
            key = connection.execute(select(campaign.c.key)).scalar_one()
        rows = _served(folder, key) + _replayed(publication, database, key)
        database.close()
    rows += _sent_beside_events()
    report(f"Webhooks, {CONNECTIONS} connections", rows, "2,000/s and 10,000/s a core, none lost, 5 min")


def _served(folder: Path, key: str) -> list[tuple[str, str]]:
    _write_single(folder / "single", key)
    _write_groups(folder / "groups", key)
    secret = f"whsec_{base64.b64encode(KEY).decode()}"
    environment = {"WEBHOOK_TOKEN": TOKEN, "WEBHOOK_SECRET": secret, "UNUSED": "x"}
    command = ["env", *(f"{name}={value}" for name, value in environment.items()), COMMAND, "serve", "--port", "0"]
    with served([sys.executable, "-c", bare("/post")], folder) as (url, child):
        plain = measured(url, child.pid, "post.lua", "/post", "single", folder=folder)
    with served(command, folder) as (url, child):
        single = measured(url, child.pid, "post.lua", f"/webhooks/resend/{TOKEN}", "single", folder=folder)
        child.kill()
        child.wait()
    lost = max(0, single.answered - _kept(folder, "resend"))
    with served(command, folder) as (url, child):
        groups = measured(url, child.pid, "post.lua", f"/webhooks/sparkpost/{TOKEN}", "groups", folder=folder)
        child.kill()
        child.wait()
    lost_groups = max(0, groups.answered - _kept(folder, "sparkpost"))
    return [
        ("a bare route", f"{plain.rate:,.0f}/s"),
        ("signed calls of one event, on disk before the answer", f"{single.rate:,.0f}/s"),
        ("ratio", f"{single.rate / plain.rate:.2f}"),
        ("processor time of a call, its event applied", f"{single.cpu * 1e6:,.0f} us"),
        (f"calls of {GROUP} events: events", f"{groups.rate * GROUP:,.0f}/s"),
        ("events a second of processor time", f"{GROUP / groups.cpu:,.0f}/s"),
        (f"lost by kill -9, of {single.answered + groups.answered:,} answered", str(lost + lost_groups)),
    ]


def _write_single(path: Path, key: str) -> None:
    """Write signed calls of Resend, each about a reader of its own: headers, a tab, the body."""
    at = str(int(time.time()))
    with path.open("w", encoding="utf-8") as file:
        for reader in range(1, 20_001):
            tags = {"delivery_id": f"1-{reader}", "batch": f"{key}-1"}
            data = {"email_id": f"m{reader}", "to": [f"r{reader}@example.com"], "tags": tags}
            body = json.dumps({"type": "email.delivered", "created_at": "2025-01-17T13:00:00Z", "data": data})
            signed = hmac.digest(KEY, f"m.{at}.{body}".encode(), hashlib.sha256)
            signature = base64.b64encode(signed).decode()
            file.write(f"svix-id=m;svix-timestamp={at};svix-signature=v1,{signature};\t{body}\n")


def _write_groups(path: Path, key: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        for first in range(1, READERS, GROUP):
            file.write(f"x-group=1;\t{_group(key, range(first, first + GROUP), 'delivery').decode()}\n")


def _group(key: str, readers: Sequence[int], kind: str) -> bytes:
    """Return a call of SparkPost with an event for each of these readers."""
    events = [
        {
            "type": kind,
            "event_id": f"{kind}-{reader}",
            "timestamp": "1737118800",
            "raw_rcpt_to": f"r{reader}@example.com",
            "rcpt_meta": {"delivery_id": f"1.{reader}"},
            "campaign_id": f"{key}-1",
        }
        for reader in readers
    ]
    return json.dumps([{"msys": {"message_event": event}} for event in events]).encode()


def _kept(folder: Path, provider: str) -> int:
    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        (number,) = database.execute("SELECT count(*) FROM webhook_call WHERE provider = ?", (provider,)).fetchone()
    return int(number)


def _replayed(publication: PublicationSettings, database: Database, key: str) -> list[tuple[str, str]]:
    """Keep a million events, ten of each reader, and apply them as `newsletter events replay` does."""
    kinds = [f"delay{number}" for number in range(REPLAYED // READERS)]
    with database.begin() as connection:
        calls.prune(connection, utc_now())
    for kind in kinds:
        groups = (range(first, first + GROUP) for first in range(1, READERS, GROUP))
        bodies = [_group(key, group, "delay").replace(b"delay-", f"{kind}-".encode()) for group in groups]
        with database.begin() as connection:
            kept = [KeptCall(provider="sparkpost", body=body, at=utc_now()) for body in bodies]
            calls.keep(connection, kept)
    started, cpu = time.perf_counter(), time.process_time()
    replayed = replay(publication, database, None)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return [
        (f"replay of {replayed.new:,} events that are new", f"{seconds:,.0f} s"),
        ("events a second of processor time", f"{replayed.new / cpu:,.0f}/s"),
    ]


def _sent_beside_events() -> list[tuple[str, str]]:
    """Send campaigns in turns beside a server that takes events and one that takes none."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS + 1):
        for with_events, taken in seconds.items():
            taken.append(_seconds_of_a_campaign(with_events=with_events))
    alone, beside = (median(taken[1:]) for taken in seconds.values())
    return [
        (f"messages a second beside {RATE:,} events a second", f"{SENT / beside:,.0f}/s"),
        ("the same beside none", f"{SENT / alone:,.0f}/s"),
        ("ratio (0.9 is wanted)", f"{alone / beside:.2f}"),
    ]


def _seconds_of_a_campaign(*, with_events: bool) -> float:
    """Send one campaign with a server at its side, and return the seconds from its start to its end."""
    with TemporaryDirectory() as name, running_provider(Behaviour()) as port, ExitStack() as stack:
        folder = Path(name)
        publication = prepare(folder, SENT, port, "postmark")
        with publication.path.open("a", encoding="utf-8") as file:
            file.write(BESIDE)
        server = ["env", f"WEBHOOK_TOKEN={TOKEN}", f"{BENCH_TOKEN}=x", COMMAND, "serve", "--port", "0"]
        url, _child = stack.enter_context(served(server, folder))
        if with_events:
            stack.enter_context(_events_for(f"{url}/webhooks/sparkpost/{TOKEN}"))
        sent = ["env", f"{BENCH_TOKEN}=x", COMMAND, "send", SLUG, "--yes", "--json"]
        subprocess.run(sent, cwd=folder, env=ENVIRONMENT, capture_output=True, check=True)
        with closing(sqlite3.connect(folder / "newsletter.db")) as database:
            started, finished = database.execute("SELECT started_at, finished_at FROM campaign").fetchone()
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()


@contextmanager
def _events_for(url: str) -> Iterator[None]:
    """Post events of the campaign's readers at an even rate until the end of the block; raise when one is refused."""
    ended = threading.Event()
    refused: list[int] = []

    def post() -> None:
        with requests.Session() as session:
            due = time.monotonic()
            for number in count():
                due += SMALL_GROUP / RATE
                if ended.wait(max(0.0, due - time.monotonic())):
                    return
                answer = session.post(url, data=_events_of_readers(number))
                if answer.status_code != HTTPStatus.OK:
                    refused.append(answer.status_code)

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if refused:
        raise SystemExit(f"{len(refused)} calls were refused, the first with {refused[0]}")


def _events_of_readers(number: int) -> bytes:
    """Return the call with this number: each event is new, and about a reader of the campaign."""
    events = [
        {
            "type": "delivery",
            "event_id": f"beside-{number}-{place}",
            "timestamp": "1737118800",
            "raw_rcpt_to": f"reader{place}@example.com",
            "rcpt_meta": {"delivery_id": f"1.{place}"},
        }
        for place in (number * SMALL_GROUP % SENT + own for own in range(1, SMALL_GROUP + 1))
    ]
    return json.dumps([{"msys": {"message_event": event}} for event in events]).encode()


if __name__ == "__main__":
    main()
