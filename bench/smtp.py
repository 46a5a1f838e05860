"""Measure a campaign by SMTP, with its ledger, against Postfix's `smtp-source`.

Both deliver messages of one size over as many connections to `smtp-sink`, in turns. `smtp-source` is a C program that
makes one message once and reads no database.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.sending import Ground
from bench.timing import in_turns, process, report
from newsletter.sending.sender import THREADS

MESSAGES = 4_000
ROUNDS = 5
FOLDERS = "/usr/sbin:/usr/local/sbin"


@contextmanager
def sink() -> Iterator[int]:
    """Start an smtp-sink; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    user = ["-u", "root"] if os.getuid() == 0 else []  # it asks root for a user
    with subprocess.Popen([_program("smtp-sink"), *user, f"127.0.0.1:{port}", "1000"]) as running:
        try:
            _wait_for(port)
            yield port
        finally:
            running.terminate()


def _program(name: str) -> str:
    if path := shutil.which(name) or shutil.which(name, path=FOLDERS):
        return path
    raise SystemExit(f"{name} is missing; on Debian it is in the package postfix")


def _wait_for(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise SystemExit("smtp-sink does not listen")


def main() -> None:
    """Print the messages a second of both, and the ratio."""
    with sink() as port, TemporaryDirectory() as name:
        ground = Ground(Path(name), MESSAGES, port, "smtp")
        size = len(ground.mailing.mime(ground.everyone()[0][0]))
        sessions = ("-s", str(THREADS), "-d", "-m", str(MESSAGES), "-l", str(size))
        source = process(_program("smtp-source"), *sessions, f"127.0.0.1:{port}")
        taken = in_turns({"smtp-source": source, "newsletter": ground.send}, rounds=ROUNDS)
    speed = {name: MESSAGES / seconds for name, seconds in taken.items()}
    rows = [
        (f"smtp-source, {THREADS} connections, {size // 1000} KB", f"{speed['smtp-source']:,.0f}"),
        ("newsletter, enqueue to settle", f"{speed['newsletter']:,.0f}"),
        ("ratio", f"{speed['newsletter'] / speed['smtp-source']:.2f}"),
    ]
    report("Sending: SMTP, messages a second", rows, "at least 0.7")


if __name__ == "__main__":
    main()
