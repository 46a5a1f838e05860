"""A bar for what takes over a second, on a terminal only."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

WORK = """
import time
from newsletter.cli.progress import StepProgress
with StepProgress("links asked", 4) as bar:
    for _ in range(4):
        time.sleep({seconds})
        bar.step()
"""


def on_a_terminal(seconds: float) -> str:
    """What four pieces of work show that take `seconds` each."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"}
    arguments = [sys.executable, "-c", WORK.format(seconds=seconds)]
    with os.fdopen(ours, "rb", buffering=0) as screen:
        subprocess.run(arguments, stderr=theirs, stdin=theirs, env=environment, timeout=30, check=True)
        os.close(theirs)
        return read_all(screen.fileno())


def read_all(descriptor: int) -> str:
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # Linux says so when the other end is closed
            piece = b""
        if not piece:
            return b"".join(pieces).decode()
        pieces.append(piece)


def test_long_work_has_a_bar_with_a_count_a_rate_and_the_time_left() -> None:
    shown = on_a_terminal(0.6)

    assert re.search(r"links asked, [0-2]/s", shown)
    assert "/4" in shown
    assert re.search(r"\d:\d\d:\d\d", shown)


def test_short_work_has_none() -> None:
    assert any(on_a_terminal(0.01) == "" for _ in range(5))  # a busy machine may be late in one


def test_without_a_terminal_nothing_is_drawn() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORK.format(seconds=0.3)], capture_output=True, text=True, timeout=30, check=True
    )

    assert (done.stdout, done.stderr) == ("", "")
