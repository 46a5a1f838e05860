"""Marks that tests earn by what they reach, and the count of those that were skipped."""

from __future__ import annotations

import subprocess

import pytest
from playwright.sync_api import sync_playwright

from tests.support.fork_server import run_command
from tests.support.kinds import reached_from
from tests.support.ports import free_port
from tests.support.programs import chromium, skipped_for_want


def test_processes_and_browsers_are_found_behind_helpers() -> None:
    assert id(subprocess) in reached_from(run_command)  # by way of a class and a cached function
    assert id(sync_playwright) in reached_from(chromium.__wrapped__)  # type: ignore[attr-defined]
    assert not {id(subprocess), id(sync_playwright)} & reached_from(free_port)


def test_skips_are_counted_by_what_was_missing() -> None:
    reports = [skipped("needs git: get it"), skipped("needs git: get it"), skipped("another reason")]

    assert skipped_for_want(reports) == {"git: get it": 2}


def skipped(reason: str) -> pytest.TestReport:
    where = ("tests/x.py", 1, f"Skipped: {reason}")
    return pytest.TestReport("x", ("tests/x.py", 1, "x"), {}, "skipped", where, "call")
