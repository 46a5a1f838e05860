"""What the archive answers in a second, beside a bare Starlette route of the same size: `python -m bench reading`.

Needs `wrk`. Each is one process; they take turns. Under load the
processor time is the steadier figure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.serving import served
from bench.timing import COMMAND, ROOT, process, report
from newsletter.config import load_publication
from newsletter.links import Links
from newsletter.tracking import track_token

ROUNDS = 3
SECONDS = 2
CONNECTIONS = 32
BARE = """
import threading
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from newsletter.web import server

async def page(request):
    return HTMLResponse(BODY)

BODY = "x" * 10_000
sock = server.listen("127.0.0.1", 0)
print(server.address(sock), flush=True)
server.serve(Starlette(routes=[Route("/", page)]), sock, threading.Event())
"""
"""An answer as long as the archive's list, without a header of ours, a form or a look at what was sent."""


def main() -> None:
    """Print requests a second of each kind of page, and its ratio to the bare route."""
    if not shutil.which("wrk"):
        raise SystemExit("bench reading needs wrk: apt-get install wrk")
    with TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        with (
            served([sys.executable, "-c", BARE], folder) as bare,
            served([COMMAND, "serve", "--port", "0"], folder) as own,
        ):
            pages = [("a bare route, 10 KB", bare, "/"), *((what, own, path) for what, path in _pages(folder))]
            taken: dict[str, list[tuple[float, float]]] = {what: [] for what, _server, _path in pages}
            for _ in range(ROUNDS):
                for what, (url, child), path in pages:
                    taken[what].append(_measured(f"{url}{path}", child.pid))
    _print(
        {what: (median(rate for rate, _ in found), median(cpu for _, cpu in found)) for what, found in taken.items()}
    )


def _print(taken: Mapping[str, tuple[float, float]]) -> None:
    (bare_rate, bare_cpu), *_others = taken.values()
    rows = [
        (what, f"{rate:,.0f}/s ({rate / bare_rate:.2f}), {cpu:,.0f} us CPU ({cpu / bare_cpu:.1f})")
        for what, (rate, cpu) in taken.items()
    ]
    report(f"Reading, {CONNECTIONS} connections, one process (ratios to the bare route)", rows, "2,000/s")


def _pages(folder: Path) -> Sequence[tuple[str, str]]:
    token = track_token(Links(load_publication(folder / "newsletter.toml")), 1, 1)
    return [
        ("the archive's list, with its form", "/issues/"),
        ("an issue, with its form", "/issues/chip-rules"),
        ("the feed", "/feed.xml"),
        ("a picture", "/images/chips.png"),
        ("a counted link", f"/c/{token}.1"),
    ]


def _prepare(folder: Path) -> None:
    """The sample publication, every issue sent, every link counted."""
    for name in ("issues", "images"):
        shutil.copytree(ROOT / name, folder / name)
    text = (ROOT / "newsletter.toml").read_text(encoding="utf-8")
    (folder / "newsletter.toml").write_text(f'{text}\n[tracking]\nlevel = "individual"\n', encoding="utf-8")
    process(COMMAND, "subscribers", "add", "ada@example.com", cwd=folder)()
    for slug in ("chip-rules", "sanctions-so-far", "zero-sum"):
        process(COMMAND, "send", slug, "--yes", cwd=folder)()


def _measured(url: str, pid: int) -> tuple[float, float]:
    """Requests a second, and microseconds of the server's processor time for each."""
    before = _processor_time(pid)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if wrong := re.search(r"Non-2xx or 3xx responses: \d+", told):
        raise SystemExit(f"{url}: {wrong[0]}")
    rate, answered = re.search(r"Requests/sec:\s+([\d.]+)", told), re.search(r"(\d+) requests in", told)
    assert rate
    assert answered
    return float(rate[1]), (_processor_time(pid) - before) / int(answered[1]) * 1e6


def _processor_time(pid: int) -> float:
    """Seconds, of Linux."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
