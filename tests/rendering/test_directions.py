"""Words of both directions of writing in one issue: code, Latin words in Arabic, Arabic words in English."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.messages.merge_tags import TagStore
from newsletter.rendering.directions import direction_of
from tests.support.writing import built

ARABIC, ENGLISH = "خبر اليوم عن البرمجة.", "An English paragraph (with a full stop)."


def _html(folder: Path, language: str, body: str) -> str:
    settings = folder / "newsletter.toml"
    settings.write_text(settings.read_text().replace("[publication]", f'[publication]\nlanguage = "{language}"', 1))
    return built(folder, body).message.html


def _tags(html: str, name: str) -> list[str]:
    return re.findall(rf"<{name}\b[^>]*>", html)


@pytest.mark.parametrize(
    ("body", "tag"),
    [
        ('```python\nprint("x", 1);  # end\n```', "pre"),
        ("    a = b[1];", "pre"),
        (f"{ARABIC} `a = b[1];`", "code"),
        (f"- {ARABIC} `a = b[1];`", "code"),
        (f"| {ARABIC} | ب |\n|---|---|\n| `a;` | {ARABIC} |", "code"),
        (f":::news\n- **{ARABIC}** {ARABIC} `a;`\n:::", "code"),
        ("> ```\n> a;\n> ```", "pre"),
    ],
)
def test_code_runs_from_left_to_right_in_an_arabic_issue(publication_folder: Path, body: str, tag: str) -> None:
    (code,) = _tags(_html(publication_folder, "ar", body), tag)

    assert 'dir="ltr"' in code
    assert tag == "code" or "text-align:left" in code


@pytest.mark.parametrize(("language", "words", "side"), [("ar", ENGLISH, "left"), ("en", ARABIC, "right")])
@pytest.mark.parametrize(
    ("form", "tag"),
    [
        ("{}", "p"),
        ("## {}", "h2"),
        ("- {}", "ul"),
        ("1. {}", "ol"),
        ("> {}", "blockquote"),
        ("| {} |\n|---|\n| {} |", "table"),
        ("| {} |\n|---|\n| {} |", "td"),
    ],
)
def test_words_against_the_direction_of_the_issue_stand_on_their_own_side(
    publication_folder: Path, language: str, words: str, side: str, form: str, tag: str
) -> None:
    html = _html(publication_folder, language, form.format(words, words))
    direction = "ltr" if side == "left" else "rtl"
    inner = html[html.index(re.findall(r"<(?:p|h2|ul|ol|blockquote|table) [^>]*dir=", html)[0]) :]

    opened = next(each for each in _tags(inner, tag) if f'dir="{direction}"' in each or tag == "td")

    assert tag == "table" or f"text-align:{side}" in opened


def test_a_quotation_against_the_direction_has_its_rule_on_the_other_side(publication_folder: Path) -> None:
    (quotation,) = _tags(_html(publication_folder, "ar", f"> {ENGLISH}"), "blockquote")

    assert re.search(r"border-left:\s*3px", quotation)
    assert not re.search(r"border-right:\s*3px", quotation)
    assert "padding:0 0 4px 16px" in quotation


@pytest.mark.parametrize(("language", "words", "side"), [("ar", ENGLISH, "ltr"), ("en", ARABIC, "rtl")])
def test_footnotes_stand_on_the_side_of_their_words(
    publication_folder: Path, language: str, words: str, side: str
) -> None:
    html = _html(publication_folder, language, f"{words}[^1]\n\n[^1]: {words}\n\n    - {words}")

    assert f'dir="{side}"' in _tags(html, "ol")[0]


def test_a_footnote_against_the_direction_stays_beside_its_number(publication_folder: Path) -> None:
    body = f"{ARABIC}[^1] {ARABIC}[^2]\n\n[^1]: {ARABIC} `a;`\n[^2]: {ENGLISH}"
    html = _html(publication_folder, "ar", body)

    assert f'<span dir="ltr">{ENGLISH}</span>' in html
    assert not [tag for tag in (*_tags(html, "ol"), *_tags(html, "li")) if "dir=" in tag]
    assert 'dir="ltr"' in _tags(html, "code")[0]


def test_an_item_against_the_direction_stays_beside_the_mark_of_its_list(publication_folder: Path) -> None:
    html = _html(publication_folder, "ar", f"- {ARABIC}\n- {ENGLISH}\n  - {ARABIC} `a;`\n\n1. {ARABIC}\n\n2. {ENGLISH}")

    assert html.count(f'<span dir="ltr">{ENGLISH}</span>') == 2
    assert not [tag for tag in (*_tags(html, "li"), *_tags(html, "p"), *_tags(html, "ul")) if "dir=" in tag]


@pytest.mark.parametrize("title", ["article", "note", "news"])
def test_a_title_against_the_direction_of_the_issue_says_so(publication_folder: Path, title: str) -> None:
    body = "- **A headline.** Words." if title == "news" else "Words."
    html = _html(publication_folder, "ar", f':::{title} title="{ENGLISH}"\n{body}\n:::')

    assert re.search(rf'<h\d dir="ltr"[^>]*>{re.escape(ENGLISH)}', html)
    assert title != "news" or '<h3 dir="ltr"' in html


@pytest.mark.parametrize(
    ("language", "body"),
    [
        ("ar", ARABIC),
        ("ar", f"OpenAI {ARABIC}"),
        ("ar", f"- {ENGLISH}\n- {ARABIC}"),
        ("ar", f"{{{{ first_name }}}} {ARABIC}"),
        ("en", f"{ENGLISH} `x`\n\n- [مرحبا](https://example.com) means hello in the tongue of the Arabs."),
        ("en", "123 (45)."),
    ],
)
def test_words_with_a_foreign_name_keep_the_direction_of_the_issue(
    publication_folder: Path, language: str, body: str
) -> None:
    html = _html(publication_folder, language, body)

    assert not [tag for name in ("p", "ul") for tag in _tags(html, name) if "dir=" in tag]


def test_an_issue_in_one_direction_has_no_marks_of_direction(publication_folder: Path) -> None:
    html = _html(publication_folder, "en", f"{ENGLISH} `a;`\n\n- {ENGLISH}\n\n```\ncode\n```")

    assert html.count(" dir=") == 2  # <html> and the first element in it


@given(st.text(st.sampled_from("aб1 .א\u0627漢"), max_size=8), st.sampled_from(["ltr", "rtl"]))
def test_a_direction_is_the_issues_own_unless_most_letters_are_of_the_other(text: str, base: str) -> None:
    letters = ["rtl" if each in "א\u0627" else "ltr" for each in text if each not in "1 ."]
    other = [each for each in letters if each != base]

    direction = direction_of(text, base)

    assert bool(direction) == bool(letters)
    assert direction in ("", base) or (letters[0] == direction and 2 * len(other) >= len(letters))


def test_merge_tags_have_no_direction(publication_folder: Path) -> None:
    assert TagStore().token.sub("", TagStore().hide("{{ first_name }}")) == ""


@pytest.mark.parametrize(("name", "is_isolated"), [("Acme Inc.", True), ("Acme", False), ("أكمي.", False)])
def test_a_name_with_a_full_stop_keeps_it_at_its_end(publication_folder: Path, name: str, is_isolated: bool) -> None:
    html = _html(publication_folder, "ar", f':::quote by="{name}"\n{ARABIC}\n:::')

    assert (f'<span dir="ltr">{name}</span>' in html) is is_isolated
