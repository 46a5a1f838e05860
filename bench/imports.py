"""Measure the memory and the time of an import of a million readers: `python -m bench.imports [COUNT]`."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.readers import COLUMNS, readers
from bench.timing import COMMAND, ENVIRONMENT, ROOT, report

READERS = 1_000_000


def main() -> None:
    """Print peak memory and seconds."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else READERS
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "newsletter.toml", folder)
        _write(folder / "readers.csv", count)
        seconds, peak = _measured([COMMAND, "subscribers", "import", "readers.csv"], folder)
    rows = [
        ("seconds", f"{seconds:.1f} s"),
        ("readers a second", f"{count / seconds:,.0f}"),
        ("peak memory", f"{peak:.0f} MiB"),
    ]
    report(f"Import of {count:,} readers", rows, "under 150 MiB")


def _write(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows(readers(count))


def _measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Run the command; return its seconds and its peak memory in MiB."""
    started = perf_counter()
    with (folder / "log").open("w+") as log:
        child = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=log, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            log.seek(0)
            raise SystemExit(log.read())
    return perf_counter() - started, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
