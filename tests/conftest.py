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

from tests.support.fork_server import run_command
from tests.support.kinds import marks_of
from tests.support.programs import program, skipped_for_want

Run = Callable[..., subprocess.CompletedProcess[str]]

# How long an example takes, or a browser, says how busy the machine is.
settings.register_profile("timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("timeless")
expect.set_options(timeout=60_000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests before `-m` chooses among them."""
    for item in items:
        if isinstance(item, pytest.Function):
            for name in marks_of(item):
                item.add_marker(name)


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
    """Root may write anywhere: as root, be nobody meanwhile, who may read what is in `folder`."""
    is_root = os.geteuid() == 0
    if is_root:
        for one in (folder, *folder.parents):
            if one.stat().st_mode & 0o077 == 0:
                one.chmod(0o711)
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def publication_folder(tmp_path: Path) -> Path:
    """A folder with a small newsletter.toml, and nothing else."""
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
""".lstrip(),
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def spamassassin() -> str:
    """The path of SpamAssassin; the product starts it."""
    return program("spamassassin")


@pytest.fixture
def newsletter(tmp_path: Path) -> Run:
    """Runs the command in a process of its own, as a user does; `cwd` is the test's folder unless told."""

    def run(*arguments: str, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
        return run_command(arguments, cwd or tmp_path, environment, stdin)

    return run
