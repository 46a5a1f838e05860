"""Every sample issue as a spam filter sees it. Needs SpamAssassin itself, but for the last tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from newsletter.checks.context.rule import Example
from newsletter.checks.rules.spam import NoSpamReport, spam_report
from newsletter.checks.run import check_issue
from newsletter.checks.selection import Selection
from newsletter.config import load_publication
from tests import ROOT
from tests.checks.publications import check, make
from tests.support.rendered_email import build

SAMPLES = ("chip-rules", "sanctions-so-far", "zero-sum")
NAMED = Selection(select=("NL508",))
ADVANCE_FEE = b"""From: prince@example.com\r
To: you@example.com\r
Subject: URGENT BUSINESS PROPOSAL, EARN MONEY FAST!!!\r
Date: Fri, 17 Jan 2025 00:00:00 +0000\r
Message-ID: <1@example.com>\r
\r
XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r
"""
"""The message that every SpamAssassin must call spam (https://spamassassin.apache.org/gtube/)."""


@pytest.mark.usefixtures("spamassassin")
def test_every_sample_issue_has_half_a_point_at_most(tmp_path: Path) -> None:
    build(tmp_path, ROOT, *SAMPLES)

    for slug in SAMPLES:
        report = spam_report((tmp_path / slug / "message.eml").read_bytes())
        assert report.score <= 0.5, f"{slug}: {report}"


@pytest.mark.usefixtures("spamassassin")
def test_spam_is_called_spam_and_by_which_rule() -> None:
    report = spam_report(ADVANCE_FEE)

    assert report.score >= report.required
    assert report.rules["GTUBE"] >= 500


@pytest.mark.usefixtures("spamassassin")
def test_the_score_and_the_rules_appear_when_asked_for_by_name(tmp_path: Path) -> None:
    issue = make(tmp_path, Example())

    problems = check_issue(load_publication(tmp_path / "newsletter.toml"), issue, NAMED)

    assert [problem.rule for problem in problems] == ["NL508"]
    assert problems[0].message.startswith("SpamAssassin gives ")
    assert "HTML_MESSAGE" in problems[0].message


def test_spamassassin_is_not_started_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"
    monkeypatch.setenv("PATH", str(_program(tmp_path, f"touch {started}")), prepend=os.pathsep)

    check(tmp_path, Example())

    assert not started.exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'no rules were found' >&2; exit 2", "SpamAssassin failed: no rules were found"),
        ("cat", "SpamAssassin gives no score"),
    ],
)
def test_a_broken_spamassassin_is_told_and_nothing_else_happens(
    script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(_program(tmp_path, script)), prepend=os.pathsep)

    with pytest.raises(NoSpamReport, match=reason):
        spam_report(ADVANCE_FEE)


def test_without_spamassassin_whoever_asks_for_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    issue = make(tmp_path, Example())

    problems = check_issue(load_publication(tmp_path / "newsletter.toml"), issue, NAMED)

    assert [problem.message for problem in problems] == ["SpamAssassin is not installed"]


def _program(folder: Path, script: str) -> Path:
    """A folder with a `spamassassin` of our own."""
    program = folder / "bin" / "spamassassin"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program.parent
