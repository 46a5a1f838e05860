"""Measure `newsletter --help` against a Python that does nothing."""

from __future__ import annotations

import sys

from bench.timing import COMMAND, in_turns, process, report


def main() -> None:
    """Print both times and the ratio."""
    taken = in_turns({"python": process(sys.executable, "-c", "pass"), "help": process(COMMAND, "--help")}, rounds=21)
    rows = [
        ("python -c pass", f"{taken['python'] * 1000:.1f} ms"),
        ("newsletter --help", f"{taken['help'] * 1000:.1f} ms"),
        ("ratio", f"{taken['help'] / taken['python']:.2f}"),
    ]
    report("Start: newsletter --help / python -c pass", rows, "at most 6")


if __name__ == "__main__":
    main()
