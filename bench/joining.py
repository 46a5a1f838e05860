"""Measure sign-ups a second of `newsletter serve` beside a bare Starlette route: `python -m bench joining`.

Needs `wrk`. Each request is a new reader's form, and is answered after reader, evidence and confirmation are on disk;
meanwhile the server writes the confirmation emails. Then it is killed, and the sign-ups in its database are counted
against the answers. The processor time is that of all the server's threads; on a busy machine it says more than the
clock.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from bench.servers import CONNECTIONS, bare, measured, require_wrk, served
from bench.timing import COMMAND, report

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


def main() -> None:
    """Print the sign-ups a second of both servers, their processor time, and how many answered sign-ups were lost."""
    require_wrk()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
        (folder / "post.lua").write_text(SCRIPT, encoding="utf-8")
        with served([sys.executable, "-c", bare("/subscribe")], folder) as (url, child):
            plain = measured(url, child.pid, "post.lua", "none", folder=folder)
        with served([COMMAND, "serve", "--port", "0"], folder) as (url, child):
            ours = measured(url, child.pid, "post.lua", _token(url), folder=folder)
            child.kill()
            child.wait()
        lost = max(0, ours.answered - _recorded(folder))
    rows = [
        ("a bare route", f"{plain.rate:,.0f}/s"),
        ("sign-ups, on disk before the answer", f"{ours.rate:,.0f}/s"),
        ("ratio", f"{ours.rate / plain.rate:.2f}"),
        ("processor time of a bare answer", f"{plain.cpu * 1e6:,.0f} us"),
        ("of a sign-up, with its confirmation", f"{ours.cpu * 1e6:,.0f} us"),
        (f"lost by kill -9, of {ours.answered:,} answered", str(lost)),
    ]
    report(f"Joining, {CONNECTIONS} connections", rows, "500/s, none lost")


def _token(url: str) -> str:
    form = requests.get(f"{url}/subscribe", headers={"Accept": "application/json"}, timeout=10)
    return str(form.json()["token"])


def _recorded(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        (number,) = database.execute(
            "SELECT count(*) FROM signup JOIN transactional_message ON signup_id = signup.id"
        ).fetchone()
    return int(number)


if __name__ == "__main__":
    main()
