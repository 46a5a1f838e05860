"""How many sign-ups `newsletter serve` takes in a second, beside a bare Starlette route: `python -m bench joining`.

Needs `wrk`. Each request is a new reader's form; its answer comes after reader, evidence and confirmation are on
disk, and the confirmations are written meanwhile, by the same process. The server is then killed, and those who were
answered are counted in its database. Processor time is the server's, all its threads: on a machine that is busy with
other things it says more than the clock.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from bench.serving import CONNECTIONS, SECONDS, served
from bench.timing import COMMAND, report

BARE = """
import threading
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from newsletter.web import server

async def take(request):
    await request.body()
    return PlainTextResponse("taken")

sock = server.listen("127.0.0.1", 0)
print(server.address(sock), flush=True)
server.serve(Starlette(routes=[Route("/subscribe", take, methods=["POST"])]), sock, threading.Event())
"""
SETTINGS = """
[publication]
name = "Daily Inference"
url = "https://news.example.com"
from = "daily@news.example.com"
[lists.daily]
title = "Daily Inference"
[signup]
min_time = "0s"
per_network = "off"
"""
SCRIPT = """
local at = 0
local headers = {["Content-Type"] = "application/x-www-form-urlencoded"}
function init(arguments) token = arguments[1] end
function request()
  at = at + 1
  return wrk.format("POST", "/subscribe", headers, "email=reader" .. at .. "@example.com&name=Ada&token=" .. token)
end
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What wrk and the system say of a server."""

    rate: float
    answered: int
    cpu: float
    """Seconds of processor time for each answer."""


def main() -> None:
    """Print sign-ups a second beside the bare route, what they cost, and whether one was lost."""
    if not shutil.which("wrk"):
        raise SystemExit("bench joining needs wrk: apt-get install wrk")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
        (folder / "post.lua").write_text(SCRIPT, encoding="utf-8")
        with served([sys.executable, "-c", BARE], folder) as (url, child):
            bare = _measured(url, child.pid, folder, "none")
        with served([COMMAND, "serve", "--port", "0"], folder) as (url, child):
            ours = _measured(url, child.pid, folder, _token(url))
            child.kill()
            child.wait()
        lost = max(0, ours.answered - _kept(folder))
    rows = [
        ("a bare route", f"{bare.rate:,.0f}/s"),
        ("sign-ups, on disk before the answer", f"{ours.rate:,.0f}/s"),
        ("ratio", f"{ours.rate / bare.rate:.2f}"),
        ("processor time of a bare answer", f"{bare.cpu * 1e6:,.0f} us"),
        ("of a sign-up, with its confirmation", f"{ours.cpu * 1e6:,.0f} us"),
        (f"lost by kill -9, of {ours.answered:,} answered", str(lost)),
    ]
    report(f"Joining, {CONNECTIONS} connections", rows, "500/s, none lost")


def _measured(url: str, pid: int, folder: Path, token: str) -> Measured:
    before = _cpu(pid)
    # One thread of wrk: each has its own script, and would begin with the same readers.
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", "post.lua", url, "--", token]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    cpu = _cpu(pid) - before
    if wrong := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", told):
        raise SystemExit(f"{url}: {wrong[0]}")
    rate, answered = re.search(r"Requests/sec:\s+([\d.]+)", told), re.search(r"(\d+) requests in", told)
    assert rate
    assert answered
    return Measured(rate=float(rate[1]), answered=int(answered[1]), cpu=cpu / int(answered[1]))


def _cpu(pid: int) -> float:
    """Processor seconds of a process so far (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _token(url: str) -> str:
    form = requests.get(f"{url}/subscribe", headers={"Accept": "application/json"}, timeout=10)
    return str(form.json()["token"])


def _kept(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        (number,) = database.execute("SELECT count(*) FROM signup JOIN letter ON signup_id = signup.id").fetchone()
    return int(number)


if __name__ == "__main__":
    main()
