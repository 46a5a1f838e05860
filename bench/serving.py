"""Measure unsubscribes a second of `newsletter serve` beside a bare Starlette route: `python -m bench serving`.

Needs `wrk`. Every request unsubscribes a reader for the first time, and is answered after the change is on disk. Then
the server is killed, and the unsubscribed readers in its database are counted against the answers.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.servers import CONNECTIONS, bare, measured, require_wrk, served
from bench.timing import COMMAND, ENVIRONMENT, ROOT, process, report

READERS = 60_000
SCRIPT = """
local paths, at = {}, 0
for line in io.lines("paths") do paths[#paths + 1] = line end
local headers = {["Content-Type"] = "application/x-www-form-urlencoded"}
request = function()
  at = at + 1
  return wrk.format("POST", paths[(at - 1) % #paths + 1], headers, "List-Unsubscribe=One-Click")
end
"""
TOKENS = """
from newsletter.config import load_publication
from newsletter.signed_links import Links, Purpose
from pathlib import Path
links = Links(load_publication(Path("newsletter.toml").absolute()))
for id in range(1, {readers} + 1):
    print("/unsubscribe/" + links.token(Purpose.READER, id, 1, "daily"))
"""


def main() -> None:
    """Print the requests a second of both servers, and how many answered changes were lost."""
    require_wrk()
    with TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        with served([sys.executable, "-c", bare("/unsubscribe/{token}")], folder) as (url, child):
            plain = measured(url, child.pid, "post.lua", folder=folder)
        with served([COMMAND, "serve", "--port", "0"], folder) as (url, child):
            ours = measured(url, child.pid, "post.lua", folder=folder)
            child.kill()
        lost = max(0, min(ours.answered, READERS) - _unsubscribed(folder))
    rows = [
        ("a bare route", f"{plain.rate:,.0f}/s"),
        ("unsubscribe, on disk before the answer", f"{ours.rate:,.0f}/s"),
        ("ratio", f"{ours.rate / plain.rate:.2f}"),
        (f"lost by kill -9, of {ours.answered:,} answered", str(lost)),
    ]
    report(f"Leaving by one click, {CONNECTIONS} connections", rows, "500/s, none lost")


def _prepare(folder: Path) -> None:
    shutil.copy(ROOT / "newsletter.toml", folder)
    people = "".join(f"r{n}@example.com\n" for n in range(1, READERS + 1))
    (folder / "readers.csv").write_text(f"email\n{people}")
    process(COMMAND, "subscribers", "import", "readers.csv", cwd=folder)()
    with (folder / "paths").open("w") as out:
        command = [sys.executable, "-c", TOKENS.format(readers=READERS)]
        subprocess.run(command, cwd=folder, env=ENVIRONMENT, stdout=out, check=True)
    (folder / "post.lua").write_text(SCRIPT)


def _unsubscribed(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        (number,) = database.execute("SELECT count(*) FROM subscription WHERE status = 'unsubscribed'").fetchone()
    return int(number)


if __name__ == "__main__":
    main()
