"""The first screen of the README is what happens."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

from bench.readers import COLUMNS, readers
from tests.conftest import ROOT

VARIES = ((r"\d{4}-\d\d-\d\d", "DATE"), (r" +\d+ s$", " TIME"))
"""What differs between two runs."""
MARK = "=====step====="


def transcript() -> list[tuple[str, str]]:
    """Every command of the first block, and what it printed."""
    block = (ROOT / "README.md").read_text(encoding="utf-8").partition("```console\n")[2].partition("```")[0]
    steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(command, printed.strip()) for command, _, printed in (step.partition("\n") for step in steps)]


def test_the_first_screen_of_the_readme_is_a_transcript_that_is_true(tmp_path: Path) -> None:
    with (tmp_path / "readers.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *readers(1000)])
    steps = transcript()

    printed = run([command for command, _ in steps], tmp_path)

    assert [comparable(text) for text in printed] == [comparable(text) for _, text in steps]


def run(commands: list[str], folder: Path) -> list[str]:
    """What each prints, run one after the other in one shell."""
    lines = ["set -e", "exec 2>&1", f"newsletter() {{ '{sys.executable}' -m newsletter \"$@\"; }}"]
    for command in commands:
        lines += [f"printf '{MARK}'", command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.split(MARK)[1:]


def comparable(text: str) -> str:
    for pattern, name in VARIES:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text.strip()
