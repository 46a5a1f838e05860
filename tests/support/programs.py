"""Find the programs that tests use, or skip the test that cannot have one; tools/test_needs.py has their list."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from tools.test_needs import NEEDS

REASON = "needs "
"""Every skip for a missing part begins with this word."""
IN_CI = os.environ.get("CI") == "true"
"""In CI nothing is skipped: a missing part fails the test."""


def program(name: str) -> str:
    """Return the path of a program from tools/test_needs.py. Skips the test where it is missing; fails in CI."""
    need = NEEDS[name]
    path = need.find()
    if not path:
        missing(f"{name}: {need.advice}")
    return path


def missing(part: str) -> None:
    """Skip the test for want of `part`, as in `git: apt-get install git`; in CI, fail."""
    (pytest.fail if IN_CI else pytest.skip)(REASON + part)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start one Chromium without a window. A test can open pages in it until the end of the block."""
    path = program("chromium")
    program("fonts")
    program("libatomic")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def skipped_for_want(reports: Iterable[pytest.TestReport]) -> Counter[str]:
    """Count the skipped tests by the part that was missing."""
    reasons = [report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)]
    return Counter(reason.partition(REASON)[2] for reason in reasons if REASON in reason)
