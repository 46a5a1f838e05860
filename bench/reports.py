"""Measure `newsletter report` of one changed issue, with pictures, in an archive of 200 issues and in one of 2."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.checks import ISSUES, folder
from bench.timing import COMMAND, in_turns, process, report

FEW = 2


def main() -> None:
    """Print the seconds of both, and their ratio."""
    with ExitStack() as stack:
        sides = {f"{number}": _side(stack.enter_context(_changed(number))) for number in (FEW, ISSUES)}
        taken = in_turns(sides, rounds=3)
    few, many = taken[f"{FEW}"], taken[f"{ISSUES}"]
    rows = [
        (f"newsletter report --out, {FEW} issues", f"{few:.1f} s"),
        (f"newsletter report --out, {ISSUES} issues", f"{many:.1f} s"),
        ("ratio", f"{many / few:.2f}"),
    ]
    report("Report of one changed issue, with pictures before and after", rows, "60 s; a ratio of 1.1")


def _side(root: Path) -> Callable[[], object]:
    return process(COMMAND, "report", "--since", "HEAD", "--out", str(root / "report"), cwd=root)


@contextmanager
def _changed(issues: int) -> Iterator[Path]:
    """Make a repository in which one issue is changed."""
    with folder(issues) as root:
        for words in (["init"], ["add", "."], ["commit", "-m", "All issues"]):
            subprocess.run([_git(), *_IDENTITY, *words], cwd=root, check=True, stdout=subprocess.DEVNULL)
        path = min((root / "issues").iterdir())
        path.write_text(path.read_text(encoding="utf-8") + "\nOne more sentence.\n", encoding="utf-8")
        yield root


_IDENTITY = ("-c", "user.name=Bench", "-c", "user.email=bench@example.com", "-c", "init.defaultBranch=main")


def _git() -> str:
    git = shutil.which("git")
    assert git, "git is not installed"
    return git


if __name__ == "__main__":
    main()
