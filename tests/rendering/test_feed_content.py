"""The content of the feed: all the words of an issue, in plain elements, without its layout."""

from __future__ import annotations

import re
from pathlib import Path

from newsletter.config import load_publication
from newsletter.rendering.build import build_issue
from newsletter.rendering.feed_content import reading_view
from tests import ROOT
from tests.support.writing import built


def test_an_issue_becomes_headlines_paragraphs_lists_and_pictures() -> None:
    path = ROOT / "issues" / "2025-01-17-chip-rules.md"
    view = reading_view(build_issue(load_publication(ROOT / "newsletter.toml"), path).page.html)

    assert view.startswith("<p>Good morning there.")
    assert "<p>Policy</p>" in view
    assert '<h1><a href="https://example.com/policy/chip-rules">The race to beat China' in view
    assert "<li>Frontier models are the target." in view
    assert set(re.findall(r"<([a-z0-9]+)", view)) <= {"p", "h1", "h2", "h3", "a", "ul", "li", "img", "strong", "em"}
    assert not re.search(r"style=|class=|role=|<p>\s*</p>", view)


def test_a_signup_inside_the_issue_is_left_out_and_what_stands_around_it_stays() -> None:
    view = reading_view("<body><main><p>a</p><div><div><form><input></form></div>words</div><p>b</p></main></body>")

    assert view == "<p>a</p><p>b</p>"


def test_an_authors_table_stays_a_table() -> None:
    table = '<table><thead><tr><th style="x">a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>'
    view = reading_view(f'<body><main><table role="presentation"><tr><td>{table}</td></tr></table></main></body>')

    assert view == table.replace(' style="x"', "")


def test_a_frame_without_a_main_part_gives_all_it_has() -> None:
    assert reading_view("<body>bare &amp; <b>bold</b> words</body>") == "bare &amp; <b>bold</b> words"


def test_a_feed_keeps_the_direction_of_words_and_code(publication_folder: Path) -> None:
    settings = publication_folder / "newsletter.toml"
    settings.write_text(settings.read_text().replace("[publication]", '[publication]\nlanguage = "ar"', 1))
    page = built(publication_folder, "خبر اليوم.\n\n- خبر\n- An item.\n\n```\na;\n```\n").page.html

    view = reading_view(page)

    assert '<pre dir="ltr">' in view
    assert '<li><span dir="ltr">An item.</span></li>' in view
