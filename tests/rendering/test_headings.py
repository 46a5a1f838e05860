"""Headings go down one level at a time from the email's own, and every level looks like one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter.checks.run import check_issue
from newsletter.config import load_publication
from tests.support.writing import built, write

SIX = "## Two\n\nWords.\n\n### Three\n\n#### Four\n\n##### Five\n\n###### Six\n\nWords."
SIGNUP = ("h2", "Join our daily newsletter")


def _headings(html: str) -> list[tuple[str, str]]:
    return [(tag, re.sub(r"<[^>]*>", "", words)) for tag, words in re.findall(r"<(h\d)\b[^>]*>(.*?)</h\d>", html)]


def _sizes(html: str) -> list[int]:
    return [int(size) for size in re.findall(r"<h[2-6] style=\"margin:[^\"]*font-size:(\d+)px", html)]


def test_each_level_is_smaller_than_the_one_above_and_none_than_the_text(publication_folder: Path) -> None:
    sizes = _sizes(built(publication_folder, SIX, "subject: Hello\nsignup: false").message.html)

    assert len(sizes) == 5
    assert sizes == sorted(set(sizes), reverse=True)
    assert sizes[-1] >= 16


@pytest.mark.parametrize("block", ["note", "quote", "sponsor name=Acme", 'article title="Story"'])
def test_headings_in_a_block_are_styled_and_not_smaller_than_its_text(publication_folder: Path, block: str) -> None:
    html = built(publication_folder, f":::{block}\n{SIX}\n:::", "subject: Hello\nsignup: false").message.html

    sizes = _sizes(html)

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] >= (20 if block == "quote" else 16)
    assert all("font-family" in tag for tag in re.findall(r"<h[3-6] style=\"[^\"]*\"", html))


@pytest.mark.parametrize(
    ("body", "headings"),
    [
        ("## A\n\n### B", [("h1", "Hello"), ("h2", "A"), ("h3", "B")]),
        ("# A\n\n## B\n\n:::divider /\n\n## C", [("h1", "Hello"), ("h2", "A"), ("h3", "B"), ("h3", "C")]),
        (
            ":::article title=One\n## A\n:::\n\n:::article title=Two\n## B\n\n### C\n:::",
            [("h1", "One"), ("h2", "A"), ("h2", "Two"), ("h3", "B"), ("h4", "C")],
        ),
        (":::article title=One\n# A\n:::", [("h1", "One"), ("h2", "A")]),
        (":::note title=Note\n## A\n\n### B\n:::", [("h1", "Hello"), ("h2", "Note"), ("h3", "A"), ("h4", "B")]),
        (":::note title=Note\n### A\n:::", [("h1", "Hello"), ("h2", "Note"), ("h3", "A")]),
        (":::quote\n## A\n:::", [("h1", "Hello"), ("h2", "A")]),
        ("> # A\n\n- ## B", [("h1", "Hello"), ("h2", "A"), ("h3", "B")]),
    ],
)
def test_headings_stand_below_the_title_of_their_block(
    publication_folder: Path, body: str, headings: list[tuple[str, str]]
) -> None:
    built_issue = built(publication_folder, body)

    assert _headings(built_issue.message.html) == [*headings, SIGNUP]
    assert _headings(built_issue.page.html) == [*headings, SIGNUP]


@pytest.mark.parametrize(
    "first",
    [
        "## Before",
        ":::note title=Before\nWords.\n:::",
        ":::news\n- **Before** Words.\n:::",
        ":::news title=B\n- A\n:::",
    ],
)
def test_a_heading_before_the_first_article_stands_below_the_subject(publication_folder: Path, first: str) -> None:
    body = f"{first}\n\n:::article title=Story\nWords.\n:::"
    path = write(publication_folder, f"---\nsubject: Hello\n---\n{body}\n")

    tags = [tag for tag, _ in _headings(built(publication_folder, body).message.html)]
    found = check_issue(load_publication(publication_folder / "newsletter.toml"), path)

    assert tags[0] == "h1"
    assert tags.count("h1") == 1
    assert "NL209" not in {problem.rule for problem in found}


def test_an_article_after_words_without_a_heading_is_the_headline(publication_folder: Path) -> None:
    html = built(publication_folder, "Good morning.\n\n:::article title=Story\nWords.\n:::").message.html

    assert _headings(html) == [("h1", "Story"), SIGNUP]


def test_a_skipped_level_is_still_reported(publication_folder: Path) -> None:
    path = write(publication_folder, "---\nsubject: Hello\n---\n:::note title=Note\n## A\n\n#### B\n:::\n")

    found = check_issue(load_publication(publication_folder / "newsletter.toml"), path)

    assert [problem.line for problem in found if problem.rule == "NL209"] == [7]


def test_headings_in_the_text_part_have_a_line_that_is_shorter_on_each_level(publication_folder: Path) -> None:
    text = built(publication_folder, f"# One\n\n{SIX}").message.text
    lines = [len(line) for line in re.findall(r"(?m)^(?:One|Two|Three|Four|Five|Six)\n([=-]+)$", text)]

    assert len(lines) == 6
    assert lines[1:] == sorted(set(lines[1:]), reverse=True)


def test_headings_in_an_article_are_lower_than_its_title_in_the_text_part(publication_folder: Path) -> None:
    text = built(publication_folder, ":::article title=Story\n# A\n\n## B\n:::").message.text

    assert f"Story\n{'=' * 40}\n\nA\n{'-' * 40}\n\nB\n{'-' * 20}\n" in text


def test_the_first_words_of_a_list_are_no_lead(publication_folder: Path) -> None:
    html = built(publication_folder, ":::article title=Story\nLead.\n\n- One.\n\n- Two.\n:::").message.html

    assert re.findall(r"<p style=\"([^\"]*)\">(?:One|Two)", html) == ["margin:16px 0 0", "margin:16px 0 0"]
