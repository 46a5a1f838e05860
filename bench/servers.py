"""Start servers, load them with `wrk`, and measure their answers and processor time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from bench.timing import ENVIRONMENT

SECONDS = 5
CONNECTIONS = 64
_BARE = """
import threading
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from newsletter.web import server

async def answer(request):
    await request.body()
    return HTMLResponse(BODY)

BODY = "x" * %(size)d
sock = server.listen("127.0.0.1", 0)
print(server.address(sock), flush=True)
server.serve(Starlette(routes=[Route("%(path)s", answer, methods=["GET", "POST"])]), sock, threading.Event())
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The figures of one run of wrk against a server."""

    rate: float
    """Answers a second."""
    answered: int
    cpu: float
    """Seconds of processor time for each answer."""


def bare(path: str, size: int = 10) -> str:
    """Return a program that answers a path with `size` bytes, without a token, a header of ours or a database."""
    return _BARE % {"path": path, "size": size}


def require_wrk() -> None:
    """Raise SystemExit when wrk is not installed."""
    if not shutil.which("wrk"):
        raise SystemExit("this benchmark needs wrk: apt-get install wrk")


@contextmanager
def served(command: Sequence[str], folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a server; gives its address and its process."""
    with NamedTemporaryFile("w+", dir=folder) as output:
        output_path = Path(output.name)
        child = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=output, stderr=output)
        try:
            yield _address(child, output_path), child
        finally:
            child.kill()
            child.wait()


def _address(child: subprocess.Popen[bytes], output: Path) -> str:
    while child.poll() is None:
        if match := re.search(r"http://[\d.:]+", output.read_text()):
            return match[0]
    raise SystemExit(output.read_text())


def measured(
    url: str,
    pid: int,
    *script: str,
    folder: Path | None = None,
    connections: int = CONNECTIONS,
    seconds: int = SECONDS,
) -> Measured:
    """Load a server with wrk and return the figures; `script` is a Lua file in `folder`, and its arguments."""
    before = cpu_of(pid)
    # One thread of wrk: each has its own script, and would begin with the same readers.
    options = ["-s", script[0], url, "--", *script[1:]] if script else [url]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *options]
    summary = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    cpu = cpu_of(pid) - before
    if failure := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", summary):
        raise SystemExit(f"{url}: {failure[0]}")
    rate, answered = re.search(r"Requests/sec:\s+([\d.]+)", summary), re.search(r"(\d+) requests in", summary)
    assert rate
    assert answered
    return Measured(rate=float(rate[1]), answered=int(answered[1]), cpu=cpu / int(answered[1]))


def cpu_of(pid: int) -> float:
    """Return the processor seconds that a process has used so far (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
