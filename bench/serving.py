"""What `newsletter serve` answers in a second, beside a bare Starlette route: `python -m bench serving`.

Needs `wrk`. Every request leaves a list for the first time: its answer comes after the change is on disk. The
server is then killed, and those who were answered are counted in its database.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.timing import COMMAND, ENVIRONMENT, ROOT, process, report

READERS = 60_000
SECONDS = 5
CONNECTIONS = 64
BARE = """
import threading
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from newsletter.web import server

async def leave(request):
    await request.body()
    return PlainTextResponse("unsubscribed\\n")

sock = server.listen("127.0.0.1", 0)
print(server.address(sock), flush=True)
server.serve(Starlette(routes=[Route("/unsubscribe/{token}", leave, methods=["POST"])]), sock, threading.Event())
"""
"""The same answer without a reader, a token, a header or a database."""
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
from newsletter.links import Links, Purpose
from pathlib import Path
links = Links(load_publication(Path("newsletter.toml").absolute()))
for id in range(1, {readers} + 1):
    print("/unsubscribe/" + links.token(Purpose.READER, id, 1, "daily"))
"""


def main() -> None:
    """Print requests a second of both, and whether anybody was lost."""
    if not shutil.which("wrk"):
        raise SystemExit("bench serving needs wrk: apt-get install wrk")
    with TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        with served([sys.executable, "-c", BARE], folder) as (url, _child):
            bare, _answered = _measured(url, folder)
        with served([COMMAND, "serve", "--port", "0"], folder) as (url, child):
            ours, answered = _measured(url, folder)
            child.kill()
        lost = max(0, min(answered, READERS) - _gone(folder))
    rows = [
        ("a bare route", f"{bare:,.0f}/s"),
        ("unsubscribe, on disk before the answer", f"{ours:,.0f}/s"),
        ("ratio", f"{ours / bare:.2f}"),
        (f"lost by kill -9, of {answered:,} answered", str(lost)),
    ]
    report(f"Leaving by one click, {CONNECTIONS} connections", rows, "500/s, none lost")


def _prepare(folder: Path) -> None:
    shutil.copy(ROOT / "newsletter.toml", folder)
    people = "".join(f"r{n}@example.com\n" for n in range(1, READERS + 1))
    (folder / "readers.csv").write_text(f"email\n{people}")
    process(COMMAND, "subscribers", "import", "readers.csv", cwd=folder)()
    with (folder / "paths").open("w") as out:
        made = [sys.executable, "-c", TOKENS.format(readers=READERS)]
        subprocess.run(made, cwd=folder, env=ENVIRONMENT, stdout=out, check=True)
    (folder / "post.lua").write_text(SCRIPT)


@contextmanager
def served(command: Sequence[str], folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The server's address, and its process."""
    said_in = folder / f"said-{len(command)}"
    with said_in.open("w+") as said:
        child = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=said, stderr=said)
        try:
            yield _address(child, said_in), child
        finally:
            child.kill()
            child.wait()


def _address(child: subprocess.Popen[bytes], said: Path) -> str:
    while child.poll() is None:
        if found := re.search(r"http://[\d.:]+", said.read_text()):
            return found[0]
    raise SystemExit(said.read_text())


def _measured(url: str, folder: Path) -> tuple[float, int]:
    """Requests a second, and how many were answered."""
    # One thread of wrk: each has its own script, and would begin with the same readers.
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", "post.lua", url]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    if wrong := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", told):
        raise SystemExit(f"{url}: {wrong[0]}")
    rate, answered = re.search(r"Requests/sec:\s+([\d.]+)", told), re.search(r"(\d+) requests in", told)
    assert rate
    assert answered
    return float(rate[1]), int(answered[1])


def _gone(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        (number,) = database.execute("SELECT count(*) FROM subscription WHERE status = 'unsubscribed'").fetchone()
    return int(number)


if __name__ == "__main__":
    main()
