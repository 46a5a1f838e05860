"""Footnotes: a number in the text, and the notes at the foot of the issue."""

from __future__ import annotations

import re
from pathlib import Path

from newsletter.issues.issue import Block
from newsletter.rendering.feed_content import reading_view
from tests.support.writing import built, findings, message_for

NOTED = (
    "Prices rose by a third.[^1] Nobody knows why.[^why] Nobody.[^why]\n\n"
    "[^why]: Allegedly.\n[^1]: According to *the* office."
)


def test_notes_are_numbered_as_the_text_refers_to_them_and_stand_at_the_foot(publication_folder: Path) -> None:
    copy = message_for(built(publication_folder, f"{NOTED}\n\nThe end."))
    assert "Prices rose by a third.[1] Nobody knows why.[2] Nobody.[2]\n\nThe end.\n" in copy.text
    assert "\n[1] According to the office.\n[2] Allegedly.\n" in copy.text
    assert re.search(
        r"third\.<sup[^>]*>1</sup> Nobody knows why\.<sup[^>]*>2</sup> Nobody\.<sup[^>]*>2</sup>", copy.html
    )
    assert re.search(
        r"The end\..*<ol[^>]*>\s*<li[^>]*>According to <em>the</em> office\.</li>\s*<li", copy.html, re.DOTALL
    )
    assert "#note" not in copy.html  # mail programs do not follow such links


def test_on_the_web_page_numbers_and_notes_lead_to_each_other(publication_folder: Path) -> None:
    page = built(publication_folder, NOTED).page.html
    names = re.findall(r'id="(note-[\d-]+)"', page)
    assert sorted(names) == ["note-1", "note-1-1", "note-2", "note-2-1", "note-2-2"]
    assert sorted(re.findall(r'href="#(note-[\d-]+)"', page)) == sorted([*names, "note-2"])


def test_a_note_holds_whatever_a_text_holds_and_its_links_count(publication_folder: Path) -> None:
    body = (
        "A.[^a]\n\n[^a]: First.\n\n    Second [link](https://example.com/a) {{ email }}.\n\n    - item\n\n"
        "    ```\n    code\n    ```\n\nB.[^b]\n\n[^b]: Note in a note.[^c]\n[^c]: Last."
    )
    built_issue = built(publication_folder, body)
    copy = message_for(built_issue)
    assert (
        "[1] First.\n\n    Second link <https://example.com/a> reader@example.com.\n\n    - item\n\n        code"
        in copy.text
    )
    assert "\n\n[2] Note in a note.[3]\n\n[3] Last.\n" in copy.text
    assert "https://example.com/a" in built_issue.message.links


def test_notes_of_blocks_are_numbered_through_and_stand_before_a_signup_block_at_the_end(
    publication_folder: Path,
) -> None:
    body = (
        ':::article title="One"\nText.[^a]\n\n[^a]: Note a.\n:::\n\n'
        ":::news\n- [Title[^b]](https://example.com/b) Sentence.[^A]\n:::\n\n[^b]: Note b.\n\n:::signup /"
    )
    issue = built(publication_folder, body).issue
    assert [piece.name for piece in issue.content if isinstance(piece, Block)] == ["article", "news", "text", "signup"]
    text = message_for(built(publication_folder, body)).text
    assert "Text.[1]" in text
    assert "* Title[2] <https://example.com/b>\n  Sentence.[1]" in text
    assert text.index("Note a.") < text.index("Note b.")


def test_no_words_of_a_note_are_lost_and_what_is_wrong_with_it_is_told(publication_folder: Path) -> None:
    body = "A.[^a] B.[^none] C.[^a b] D.^[inline]\n\n[^a]: First.\n[^a]: Again.\n[^unused]: Unused.\n[^a b]: Words."
    copy = message_for(built(publication_folder, body))
    for words in ("[1] First.", "[2] Again.", "[3] Unused.", "B.[^none]", "[^a b]: Words."):
        assert words in copy.text
    found = findings(publication_folder / "issues" / "2025-01-17-hello.md")
    places = [(p.line, p.column) for p in found if p.rule == "NL023"]
    assert places == [(4, 10), (4, 20), (4, 29), (7, 1), (8, 1), (9, 1)]


def test_a_note_without_text_keeps_its_number_and_is_told(publication_folder: Path) -> None:
    copy = message_for(built(publication_folder, "A.[^a] B.[^b]\n\n[^a]:\n\n[^b]: Note b."))
    assert "A.[1] B.[2]" in copy.text
    assert "[2] Note b." in copy.text
    found = findings(publication_folder / "issues" / "2025-01-17-hello.md")
    assert [(p.line, p.message) for p in found if p.rule == "NL023"] == [(6, 'the note "[^a]" has no text')]


def test_brackets_in_code_and_escaped_ones_are_no_notes(publication_folder: Path) -> None:
    built(publication_folder, "`[^1]` and \\[^1] and [sic] and x[^2].\n\n```\n[^1]: code\n```\n\n[^2]: Two.")
    found = findings(publication_folder / "issues" / "2025-01-17-hello.md")
    assert not [p for p in found if p.rule in ("NL021", "NL023", "NL401")]


def test_a_list_on_the_first_line_of_a_note_goes_on_below_it(publication_folder: Path) -> None:
    body = (
        "A.[^a]\n\n[^a]: - ```\n      code\n\n      :::\n      ```\n\n      more\n    - - two\n\n        more\n\nEnd."
    )
    text = message_for(built(publication_folder, body)).text
    assert text.index("End.") < text.index("code") < text.index("more") < text.index("two")


def test_in_a_feed_numbers_and_notes_are_words(publication_folder: Path) -> None:
    content = reading_view(built(publication_folder, NOTED).page.html)
    assert "<sup>1</sup>" in content
    assert "Allegedly." in content
    assert "#note" not in content
    assert "↩" not in content
