"""Measure `newsletter check` against `newsletter build`, and the check of 200 issues against that of one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.timing import COMMAND, ROOT, in_turns, process, report

ISSUES = 200
SAMPLE = "2025-01-17-chip-rules.md"


def main() -> None:
    """Print the two ratios."""
    with folder(1) as one, folder(ISSUES) as many:
        taken = in_turns(
            {"build": process(COMMAND, "build", "chip-rules-0", cwd=one), "check": process(COMMAND, "check", cwd=one)},
            rounds=11,
        )
        each = in_turns(
            {"check": process(COMMAND, "check", cwd=one), "all": process(COMMAND, "check", cwd=many)}, rounds=2
        )
    rows = [
        ("newsletter build, a sample issue", f"{taken['build'] * 1000:.0f} ms"),
        ("newsletter check of that issue", f"{taken['check'] * 1000:.0f} ms"),
        ("ratio", f"{taken['check'] / taken['build']:.2f}"),
    ]
    report("Check: whole process / newsletter build", rows, "at most 1.5")
    rows = [
        (f"newsletter check, {ISSUES} issues", f"{each['all']:.1f} s"),
        ("ratio to one", f"{each['all'] / each['check']:.1f}"),
    ]
    report(f"Check: {ISSUES} issues / one", rows, "at most 40")


@contextmanager
def folder(issues: int) -> Iterator[Path]:
    """Make the sample publication with `issues` copies of a sample issue, each dated a day later."""
    with TemporaryDirectory() as name:
        root = Path(name)
        shutil.copy(ROOT / "newsletter.toml", root)
        shutil.copytree(ROOT / "images", root / "images")
        (root / "issues").mkdir()
        text = (ROOT / "issues" / SAMPLE).read_text(encoding="utf-8")
        for number in range(issues):
            day = date(2025, 1, 17) + timedelta(days=number)
            dated = text.replace("date: 2025-01-17", f"date: {day}").replace("Chip rules,", f"Chip rules {number},")
            (root / "issues" / f"{day}-chip-rules-{number}.md").write_text(dated, encoding="utf-8")
        yield root


if __name__ == "__main__":
    main()
