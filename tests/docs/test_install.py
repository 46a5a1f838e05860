"""Every instruction installs this checkout: the distribution called `newsletter` on PyPI is a different program."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "newsletter", "templates", "tools", "bench", "deploy", ".ci")
TEXTS = (".md", ".py", ".toml", ".json", ".yml", ".yaml", ".sh", ".txt", ".html", ".mjml", ".service", ".ini", "")
INSTALLERS = r"(?:pip3?|pipx|uv|poetry|pdm|rye|hatch|conda|mamba|easy_install)"
FROM_INDEX = re.compile(
    rf"""(?:\b{INSTALLERS}\b[^\n`;&|]*?\b(?:install|add|run|upgrade)|\buvx\b)[^\n`;&|]*?   # the command
         (?<![\w./@:-])['"]?newsletter(?=['"\s`)\[=<>~!]|$)""",
    re.VERBOSE,
)
EXTRA = re.compile(r"pip install [^\n`]*?\.\[([\w,-]+)\]")


def texts() -> Iterator[tuple[str, str]]:
    paths = [*ROOT.glob("*.md"), ROOT / "Makefile"]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in TEXTS]
    for path in paths:
        if "__pycache__" not in path.parts:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def test_no_instruction_installs_the_other_program_of_this_name() -> None:
    wrong = [f"{path}: {match[0]}" for path, text in texts() for match in FROM_INDEX.finditer(text)]

    assert wrong == []


@pytest.mark.parametrize(
    "instruction",
    [
        "pip install newsletter",
        "pip install 'newsletter[dkim]'",
        'python -m pip install --upgrade "newsletter>=1"',
        "RUN pip install --no-cache-dir newsletter && true",
        "uv tool install newsletter",
        "uvx newsletter preview",
        "pipx run newsletter build",
        "uv add newsletter==0.1",
    ],
)
def test_the_search_knows_instructions_that_install_the_other_program(instruction: str) -> None:
    assert FROM_INDEX.search(instruction)


@pytest.mark.parametrize(
    "instruction",
    [
        "pip install .",
        "pip install '.[dkim]'",
        "RUN pip install --no-cache-dir /src && useradd --uid 1000 newsletter",
        "/srv/newsletter/.venv/bin/pip install /opt/newsletter",
        "pip install 'psycopg[binary]'",
    ],
)
def test_the_search_leaves_instructions_that_install_this_checkout(instruction: str) -> None:
    assert not FROM_INDEX.search(instruction)


def test_every_extra_that_is_named_exists() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {extra for _, text in texts() for match in EXTRA.finditer(text) for extra in match[1].split(",")}

    assert named
    assert named <= {*known, "extra"}
