"""Run every benchmark, each in its own process: `make bench`."""

from __future__ import annotations

import subprocess
import sys

from bench.timing import ROOT

NAMES = (
    "start",
    "build",
    "checks",
    "reports",
    "preview",
    "merge",
    "imports",
    "joining",
    "serving",
    "reading",
    "api",
    "webhooks",
    "sending",
    "smtp",
)


def main() -> None:
    """Run the benchmarks named on the command line, or all of them."""
    for name in sys.argv[1:] or NAMES:
        done = subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT, check=False)
        if done.returncode:
            raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
