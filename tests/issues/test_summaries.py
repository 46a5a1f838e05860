"""Summaries of issue files: front matter read without parsing the issue."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from newsletter.issues.summaries import is_welcome, read_summary
from tests.support.writing import write


@pytest.mark.parametrize("front", ["kind: welcome", "subject: Hello\nkind: 'welcome'", "kind: welcome\nsubject: [no"])
def test_a_file_is_a_welcome_when_it_says_so_even_if_its_yaml_is_broken(publication_folder: Path, front: str) -> None:
    assert is_welcome(write(publication_folder, f"---\n{front}\n---\nHello.\n"))


@pytest.mark.parametrize("front", ["subject: welcome", "kind: issue", "subject: Hello\n---\nkind: welcome"])
def test_no_other_file_is_a_welcome(publication_folder: Path, front: str) -> None:
    assert not is_welcome(write(publication_folder, f"---\n{front}\n---\nHello.\n"))


@pytest.mark.parametrize(
    ("front", "day"),
    [
        ("subject: Hello", date(2025, 1, 17)),
        ("date: 2025-01-20", date(2025, 1, 20)),
        ("date: 2025-01-20\nsubject: [no", date(2025, 1, 20)),
        ("date: tomorrow", None),
    ],
)
def test_the_date_is_the_front_matters_else_the_file_names(
    publication_folder: Path, front: str, day: date | None
) -> None:
    summary = read_summary(write(publication_folder, f"---\n{front}\n---\nHello.\n"))

    assert summary
    assert summary.date == day
