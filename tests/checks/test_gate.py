"""The gate before a campaign: errors stop an issue unless they are allowed by name, and the campaign keeps that."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from newsletter.checks.context.rule import Example
from newsletter.checks.gate import gate
from newsletter.config import load_publication
from newsletter.errors import ConfigError, NewsletterError
from newsletter.rendering.build import build_issue
from tests.checks.publications import make
from tests.conftest import Run

BAD = Example(body="Read [the law](/law) and [click here](https://example.com/form).\n\nThe <b>new</b> rules.")


def judged(folder: Path, example: Example, allow: str | None = None) -> str:
    path = make(folder, example)
    publication = load_publication(folder / "newsletter.toml")
    return gate(publication, build_issue(publication, path), allow)


def test_an_issue_with_errors_is_refused_and_each_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(NewsletterError) as refused:
        judged(tmp_path, BAD)

    assert refused.value.exit_code == 1
    assert "2025-01-17-chips.md:5:16" in str(refused.value)
    assert "--allow NL401,NL302" in str(refused.value)
    assert "NL210" not in str(refused.value)


def test_errors_that_are_allowed_by_name_pass_and_are_kept(tmp_path: Path) -> None:
    record = json.loads(judged(tmp_path, BAD, "NL401,NL3"))

    publication = load_publication(tmp_path / "newsletter.toml")
    built = build_issue(publication, tmp_path / "issues" / "2025-01-17-chips.md")
    assert record["digest"] == built.message.digest
    assert record["allowed"] == ["NL401", "NL3"]
    assert [problem["rule"] for problem in record["problems"]] == ["NL401", "NL210", "NL302"]


def test_warnings_never_refuse(tmp_path: Path) -> None:
    record = judged(tmp_path, Example(body="Read it [here](https://example.com/form)."))

    assert [problem["rule"] for problem in json.loads(record)["problems"]] == ["NL210"]


def test_an_answer_in_the_file_opens_the_gate(tmp_path: Path) -> None:
    judged(tmp_path, Example(body="Read [the law](/law). <!-- nl-ignore NL401: a riddle -->"))


def test_allowing_a_rule_that_is_none_is_a_wrong_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--allow: no rule"):
        judged(tmp_path, BAD, "NL999")


def test_an_issue_edited_while_it_is_checked_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path, Example())
    publication = load_publication(tmp_path / "newsletter.toml")
    built = build_issue(publication, path)
    path.write_text(path.read_text(encoding="utf-8") + "\nMore.\n", encoding="utf-8")

    with pytest.raises(NewsletterError, match="edited while it was checked"):
        gate(publication, built)


def test_send_refuses_an_issue_with_errors_and_sends_it_when_they_are_allowed(newsletter: Run, tmp_path: Path) -> None:
    make(tmp_path, BAD)
    newsletter("subscribers", "add", "ada@example.com")

    refused = newsletter("send", "chips", "--yes")
    sent = newsletter("send", "chips", "--yes", "--allow", "NL401,NL302")

    assert refused.returncode == 1
    assert "[NL401]" in refused.stderr
    assert sent.returncode == 0, sent.stderr
    with sqlite3.connect(tmp_path / "newsletter.db") as database:
        ((digest, checks),) = database.execute("SELECT digest, checks FROM campaign").fetchall()
    database.close()
    assert json.loads(checks)["digest"] == digest
    assert json.loads(checks)["allowed"] == ["NL401", "NL302"]
