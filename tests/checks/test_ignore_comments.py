"""Comments with `nl-ignore` count for their line, and only with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.checks.context.rule import Example
from tests.checks.publications import check

LINK = "[click here](https://example.com/form)"


def rules(folder: Path, body: str, front: str = "") -> list[str]:
    return [problem.rule for problem in check(folder, Example(body=body, front=front))]


@pytest.mark.parametrize(
    "body",
    [
        f"The form: {LINK}. <!-- nl-ignore NL210: quotes the form -->",
        f"<!-- nl-ignore NL210: quotes the form -->\nThe form: {LINK}.",
        f"<!-- nl-ignore NL210: quotes\nthe form -->\nThe form: {LINK}.",
        f"<!-- nl-ignore NL210: quotes the form -->\n<!-- Ada wrote this -->\nThe form: {LINK}.",
        f"- The form:\n  {LINK}. <!-- nl-ignore NL210: quotes the form -->",
        f"<!-- nl-ignore NL402, NL210: an old form -->\nThe form: {LINK.replace('https', 'http')}.",
    ],
)
def test_an_answer_counts_for_its_line_or_the_next(tmp_path: Path, body: str) -> None:
    assert rules(tmp_path, body) == []


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        (f"{LINK} <!-- nl-ignore NL210 -->", ["NL210", "NL014"]),
        (f"{LINK} <!-- nl-ignore NL210: -->", ["NL210", "NL014"]),
        (f"{LINK} <!-- nl-ignore: because -->", ["NL210", "NL014"]),
        (f"<!-- nl-ignore NL210: too far away -->\n\n{LINK}", ["NL015", "NL210"]),
        (f"{LINK} <!-- nl-ignore NL402: another rule -->", ["NL210", "NL015"]),
        (f"`<!-- x -->` {LINK}", ["NL210"]),
    ],
)
def test_an_answer_without_reason_or_use_is_told(tmp_path: Path, body: str, reported: list[str]) -> None:
    assert rules(tmp_path, body) == reported


def test_an_answer_in_code_is_code(tmp_path: Path) -> None:
    assert rules(tmp_path, "```\n<!-- nl-ignore NL210 -->\n<!-- review -->\n```") == []


def test_front_matter_answers_for_its_keys_and_for_the_whole_issue(tmp_path: Path) -> None:
    front = 'subject: "CHIP RULES ARE HERE" # nl-ignore NL506: the name of the book'

    assert rules(tmp_path, "Good morning.", front) == []


def test_what_build_refuses_cannot_be_answered_away(tmp_path: Path) -> None:
    reported = rules(tmp_path, ":::qoute <!-- nl-ignore NL003: I mean it -->\nWords.\n:::")

    assert "NL003" in reported
