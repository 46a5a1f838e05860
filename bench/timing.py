"""Run the sides of a benchmark in turns, and print the figures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).parent.parent
COMMAND = str(Path(sys.executable).with_name("newsletter"))
"""The installed `newsletter` of this environment."""

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment of measured commands; they may write bytecode, as installed programs have it, in the first round."""


def in_turns(contestants: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Run all in turns, `rounds` times after a first round that is not counted; return the median seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            started = perf_counter()
            run()
            seconds[name].append(perf_counter() - started)
    return {name: median(taken[1:]) for name, taken in seconds.items()}


def process(*arguments: str, cwd: Path = ROOT) -> Callable[[], object]:
    """Return a function that runs a command to its end; a failure ends the benchmark with the command's error."""

    def run() -> None:
        done = subprocess.run(arguments, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)}\n{done.stderr}")

    return run


def report(title: str, rows: Sequence[tuple[str, str]], target: str) -> None:
    """Print a heading, a line for each figure, and the goal."""
    print(f"\n{title}")
    for name, figure in rows:
        print(f"  {name:<52} {figure:>16}")
    print(f"  {'wanted':<52} {target:>16}", flush=True)
