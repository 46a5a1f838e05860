"""Publications without a fault, but for what an example changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter.checks.context.link_status import LinkState, Target, Verdict
from newsletter.checks.context.rule import Example
from newsletter.checks.run import check_issues
from newsletter.config import load_publication
from newsletter.errors import Problem
from newsletter.rendering.theme import Theme

SETTINGS = """
[publication]
name = "Daily Inference"
url = "https://news.example.com"
from = "Daily Inference <daily@news.example.com>"
reply_to = "editors@news.example.com"
postal_address = "1 Example Street, Springfield"
timezone = "America/New_York"

[lists.daily]
title = "Daily Inference"
default = true

[fields]
plan = "text"
"""
FRONT = """subject: "Chip rules, workflow agents and a camera"
preheader: "What the new export controls change, whom they slow down, in four minutes."
"""
NAME = "2025-01-17-chips.md"


@contextmanager
def temporary_theme() -> Iterator[Theme]:
    """Give the theme of one publication; its templates are compiled once, as in a run over many issues."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
        (folder / "issues").mkdir()
        yield Theme(publication=load_publication(folder / "newsletter.toml"))


def settings(example: Example) -> str:
    """The newsletter.toml: the example's sections in place of the usual ones of the same name."""
    usual = re.split(r"(?m)^(?=\[)", SETTINGS)
    named = re.findall(r"(?m)^\[.*\]$", example.settings)
    return "".join(part for part in usual if part.partition("\n")[0] not in named) + example.settings


def front(example: Example) -> str:
    """The front matter: the example's lines in place of the usual ones of the same key."""
    keys = {line.partition(":")[0] for line in example.front.splitlines()}
    usual = "".join(line for line in FRONT.splitlines(True) if line.partition(":")[0] not in keys)
    return f"{usual}{example.front}".rstrip("\n")


def make(folder: Path, example: Example) -> Path:
    """Write the example's publication; returns its issue."""
    for name, text in {"newsletter.toml": settings(example), **example.files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    issue = folder / "issues" / NAME
    issue.parent.mkdir(exist_ok=True)
    issue.write_text(f"---\n{front(example)}\n---\n{example.body}\n", encoding="utf-8")
    return issue


def check(folder: Path, example: Example) -> list[Problem]:
    """What is wrong with the example, on a web where only https://example.com/gone is dead."""
    issue = make(folder, example)
    gone = {Target(url="https://example.com/gone"): Verdict(state=LinkState.DEAD, reason="its server answers 404")}
    (checked,) = check_issues(load_publication(folder / "newsletter.toml"), [issue], verdicts=gone)
    return list(checked.problems)
