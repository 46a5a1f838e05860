"""Fixtures for every test, the marks that tests earn, and the count of those that were skipped."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import expect

from tests.support import databases
from tests.support.databases import _drop_databases, database_setting, each_database, postgresql
from tests.support.fork_server import run_command
from tests.support.kinds import marks_of
from tests.support.programs import program, skipped_for_want

__all__ = ["_drop_databases", "each_database", "postgresql"]  # fixtures for every test

Run = Callable[..., subprocess.CompletedProcess[str]]

# How long an example or a browser takes depends on how busy the machine is. CI tries the same examples each time, so
# that a red run is about a change; everywhere else they are new ones.
settings.register_profile(
    "timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("timeless")
expect.set_options(timeout=60_000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests before `-m` chooses among them, and leave out those that only make sense on SQLite."""
    items[:] = [item for item in items if not (item.get_closest_marker("sqlite") and databases.uses_postgresql(item))]
    for item in items:
        if isinstance(item, pytest.Function):
            for name in marks_of(item):
                item.add_marker(name)
            if "postgresql" in item.fixturenames:
                item.add_marker("postgresql")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Choose the database before any fixture is made."""
    databases.choose(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say how many tests were skipped for want of what, above pytest's last line."""
    yield
    counts = skipped_for_want(terminalreporter.getreports("skipped"))
    if counts:
        terminalreporter.line(f"{counts.total()} tests were skipped, since this machine lacks what they need:")
        for part, number in counts.most_common():
            terminalreporter.line(f"{number:6}  {part}")


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Act without the right to write: root, who may write anywhere, becomes `nobody`, who may enter `folder`."""
    is_root = os.geteuid() == 0
    if is_root:
        for parent in (folder, *folder.parents):
            if parent.stat().st_mode & 0o077 == 0:
                parent.chmod(0o711)
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def publication_folder(tmp_path: Path) -> Path:
    """Make a folder with a small newsletter.toml, and nothing else."""
    folder = tmp_path / "publication"
    folder.mkdir()
    (folder / "newsletter.toml").write_text(
        """
[publication]
name = "Daily Inference"
url = "https://news.example.com"
from = "Daily Inference <daily@news.example.com>"
timezone = "America/New_York"

[lists.daily]
title = "Daily Inference"
default = true
""".lstrip()
        + database_setting(folder),
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def spamassassin() -> str:
    """Return the path of SpamAssassin, for a test in which the product starts it."""
    return program("spamassassin")


@pytest.fixture
def newsletter(tmp_path: Path) -> Run:
    """Return a function that runs the command in a process of its own, in the test's folder or in `cwd`."""

    def run(*arguments: str, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
        return run_command(arguments, cwd or tmp_path, environment, stdin)

    return run
