"""The first screen of the README is what happens."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.readers import COLUMNS, readers
from tests import ROOT
from tests.support.ports import free_port

VARIES = ((r"\d{4}-\d\d-\d\d", "DATE"), (r" +\d+ s$", " TIME"), (r"127\.0\.0\.1:\d+", "ADDRESS"))
"""What differs between two runs."""
MARK = "=====step====="
SERVERS: dict[str, Callable[[], int]] = {"newsletter preview": free_port, "newsletter serve": lambda: 0}
"""They run until they are stopped, and all that they print first ends with how; each at a port: `preview` gives way
when that is taken meanwhile, `serve` finds one by itself at 0."""
WRITTEN = '---\nsubject: "Winter is here"\n---\nGood morning. It snowed.\n'
"""What the author writes over the new issue."""
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
UNTIL_STOPPED = """
until_stopped() {
    rm -f printed   # else the words of the server before could be taken for this one's
    "$@" > printed 2>&1 &
    until grep -qs Ctrl-C printed; do kill -0 $! || break; sleep 0.1; done
    cat printed
    kill $! && wait $!
}
"""


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
    lines = ["set -e", "exec 2>&1", UNTIL_STOPPED]
    for command in commands:
        ports = [port() for name, port in SERVERS.items() if command.startswith(name)]
        lines += [f"printf '{MARK}'", f"until_stopped {command} --port {ports[0]}" if ports else command]
    environment = {name: value for name, value in os.environ.items() if name not in SCREENS}
    environment |= {"PYTHONPATH": str(ROOT), "PATH": f"{installed(folder)}:{os.environ['PATH']}"}
    (folder / "written.md").write_text(WRITTEN, encoding="utf-8")
    environment["EDITOR"] = f"cp {folder / 'written.md'}"
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.split(MARK)[1:]


def installed(folder: Path) -> Path:
    """A folder with the command in it: a process of its own, which can be told to stop."""
    command = folder / "bin" / "newsletter"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m newsletter \"$@\"\n")
    command.chmod(0o755)
    return command.parent


def comparable(text: str) -> str:
    for pattern, name in VARIES:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text.strip()
