"""Measure the HTTP API's answers a second beside bare Starlette routes of equal size: `python -m bench api`.

Needs `wrk`. `newsletter serve` runs as anybody starts it, with its log, on SQLite with READERS readers; every request
brings a key. The servers take turns, several rounds. On a busy machine the processor time is the steadier figure.
A written reader is answered after the reader, the evidence and the answer for repetitions are on disk; at the end the
server is killed, and the readers in its database are counted against the answers.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import requests

from bench.servers import Measured, bare, measured, require_wrk, served
from bench.timing import COMMAND, ENVIRONMENT, ROOT, process, report

ROUNDS = 5
SECONDS = 2
CONNECTIONS = 32
READERS = 10_000
API = "/api/v1"
READ_SCRIPT = """
local headers, path = {}, ""
function init(arguments) headers["Authorization"], path = "Bearer " .. arguments[1], arguments[2] end
local at = 0
function request()
  at = at % READERS + 1
  return wrk.format("GET", (path:gsub("READER", at)), headers)
end
"""
"""Asks for each reader in turn where the path has READER."""
WRITE_SCRIPT = """
local headers, round = {["Content-Type"] = "application/json"}, ""
function init(arguments) headers["Authorization"], round = "Bearer " .. arguments[1], arguments[2] end
local at = 0
function request()
  at = at + 1
  headers["Idempotency-Key"] = "order-" .. round .. "-" .. at
  local reader = '{"email":"new' .. at .. '.' .. round .. '@example.com","first_name":"Ada","tags":["shop"]}'
  return wrk.format("POST", "/api/v1/subscribers", headers, reader)
end
"""


READS = {
    "a reader": f"{API}/subscribers/READER",
    "a campaign": f"{API}/campaigns/1",
    "a campaign's figures": f"{API}/campaigns/1/stats",
    "a page of 100 readers": f"{API}/subscribers?limit=100",
}
WRITE = "a new reader (Idempotency-Key)"
Server = tuple[str, subprocess.Popen[bytes]]
Rounds = dict[str, list[tuple[Measured, Measured]]]
"""Of each kind of request, in each round: the bare route and ours."""


def main() -> None:
    """Print the requests a second of each kind, beside the bare routes, and how many written readers were lost."""
    require_wrk()
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        key = _prepare(folder)
        own = stack.enter_context(served([COMMAND, "serve", "--port", "0"], folder))
        sizes = {what: _size(own[0], path, key) for what, path in READS.items()}
        sizes[WRITE] = sizes["a reader"]
        plain = {
            size: stack.enter_context(served([sys.executable, "-c", bare("/", size)], folder))
            for size in set(sizes.values())
        }
        rounds = _rounds(folder, key, own, {what: plain[size] for what, size in sizes.items()})
        own[1].kill()
        own[1].wait()
        written = sum(ours.answered for _plain, ours in rounds[WRITE])
        lost = max(0, READERS + written - _recorded(folder))
    _print(rounds, sizes, written, lost)


def _rounds(folder: Path, key: str, own: Server, plain: Mapping[str, Server]) -> Rounds:
    rounds: Rounds = {what: [] for what in plain}
    for turn in range(ROUNDS):
        for what, server in plain.items():
            script = ("write.lua", key, str(turn)) if what == WRITE else ("read.lua", key, READS[what])
            rounds[what].append((_measured(folder, server, "read.lua", key, "/"), _measured(folder, own, *script)))
    return rounds


def _measured(folder: Path, server: Server, *script: str) -> Measured:
    url, child = server
    return measured(url, child.pid, *script, folder=folder, connections=CONNECTIONS, seconds=SECONDS)


def _print(rounds: Rounds, sizes: Mapping[str, int], written: int, lost: int) -> None:
    rows = [line for what, runs in rounds.items() for line in _lines(what, sizes[what], runs)]
    rows.append((f"lost by kill -9, of {written:,} new readers answered", str(lost)))
    title = (
        f"The HTTP API, {CONNECTIONS} connections, one process, SQLite (medians of {ROUNDS}; ratios to the bare route)"
    )
    report(title, rows, "2,000 reads, 300 writes a second of CPU; none lost")


def _lines(what: str, size: int, runs: Sequence[tuple[Measured, Measured]]) -> Sequence[tuple[str, str]]:
    plain_rate, rate = (median(run.rate for run in side) for side in zip(*runs, strict=True))
    plain_cpu, cpu = (median(run.cpu for run in side) for side in zip(*runs, strict=True))
    return (
        (f"a bare route, {size:,} bytes", f"{plain_rate:,.0f}/s, {plain_cpu * 1e6:,.0f} us CPU"),
        (
            what,
            f"{rate:,.0f}/s ({rate / plain_rate:.2f}), {cpu * 1e6:,.0f} us CPU ({cpu / plain_cpu:.1f}): "
            f"{1 / cpu:,.0f} a second of CPU",
        ),
    )


def _size(url: str, path: str, key: str) -> int:
    """Return the bytes of a path's answer."""
    answer = requests.get(
        url + path.replace("READER", str(READERS // 2)), headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    answer.raise_for_status()
    return len(answer.content)


def _prepare(folder: Path) -> str:
    """Copy the sample publication, import readers and send them an issue; return a key of the API."""
    shutil.copy(ROOT / "newsletter.toml", folder)
    for name in ("issues", "images"):
        shutil.copytree(ROOT / name, folder / name)
    with (folder / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write('\n[api]\nenabled = true\nper_key = "off"\n')
    people = "".join(f"r{n}@example.com,Ada,pro,shop\n" for n in range(1, READERS + 1))
    (folder / "readers.csv").write_text(f"email,first_name,plan,tags\n{people}", encoding="utf-8")
    process(COMMAND, "subscribers", "import", "readers.csv", cwd=folder)()
    process(COMMAND, "send", "chip-rules", "--yes", cwd=folder)()
    (folder / "read.lua").write_text(READ_SCRIPT.replace("READERS", str(READERS)), encoding="utf-8")
    (folder / "write.lua").write_text(WRITE_SCRIPT, encoding="utf-8")
    command = [COMMAND, "keys", "add", "shop", "--scope", "read,subscribers"]
    made = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return made.stdout.split()[0]


def _recorded(folder: Path) -> int:
    """Return how many readers have their evidence; each write also has a row in `api_write`."""
    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        (readers,) = database.execute("SELECT count(DISTINCT subscriber_id) FROM consent").fetchone()
        (writes,) = database.execute("SELECT count(*) FROM api_write").fetchone()
    return int(min(readers, READERS + writes))


if __name__ == "__main__":
    main()
