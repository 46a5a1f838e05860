"""Measure how many reports of providers `newsletter serve` takes a second: `python -m bench webhooks`.

Needs `wrk`. Every call is signed, and on disk before its answer; events are applied meanwhile, each to a reader of its
own. Then the server is killed, and the calls in its database are counted against the answers. At the end a million
kept events are replayed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from bench.servers import CONNECTIONS, bare, measured, require_wrk, served
from bench.timing import COMMAND, report
from newsletter.config import Publication, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import campaign
from newsletter.events import calls
from newsletter.events.calls import KeptCall
from newsletter.events.replay import replay
from newsletter.times import utc_now
from tests.support.sending import add_readers, start_campaign

READERS = 100_000
GROUP = 500
"""Events of a call in the batched run and in the replay."""
REPLAYED = 1_000_000
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


def _replayed(publication: Publication, database: Database, key: str) -> list[tuple[str, str]]:
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


if __name__ == "__main__":
    main()
