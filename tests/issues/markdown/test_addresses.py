"""Addresses without brackets become links, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.issues.markdown.parser import parse_markdown
from newsletter.messages.merge_tags import TagStore
from tests.support.writing import built, findings, message_for


def links(text: str) -> list[str]:
    """Return the addresses that a text links to."""
    tokens = parse_markdown(text, TagStore()).tokens
    return [str(child.attrs["href"]) for token in tokens for child in token.children or () if child.type == "link_open"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://example.com/report.", ["https://example.com/report"]),
        ("(https://example.com/a_(b))", ["https://example.com/a_(b)"]),
        ("https://example.com/_next_/a*b*c", ["https://example.com/_next_/a*b*c"]),
        ("**https://example.com/a**", ["https://example.com/a"]),
        ("~~https://example.com/a~~", ["https://example.com/a"]),
        ("https://example.com/?a=1&amp;b=2", ["https://example.com/?a=1&b=2"]),
        ("HTTP://example.com/a, then", ["HTTP://example.com/a"]),
        ("www.example.com/a, then", ["https://www.example.com/a"]),
        ("Write to ada.l_x+y@mail.example.com.", ["mailto:ada.l_x+y@mail.example.com"]),
        ("参见https://example.com/报告。然后", ["https://example.com/%E6%8A%A5%E5%91%8A"]),
        ("「https://example.com/a」と", ["https://example.com/a"]),
        ("请写信到ada@example.com。", ["mailto:ada@example.com"]),
        ("| a |\n|---|\n| https://example.com/a |", ["https://example.com/a"]),
        ("- https://example.com/a\n- www.example.com", ["https://example.com/a", "https://www.example.com"]),
        ("https://example.com/NLM00000xNL/b", ["https://example.com/NLM00000xNL/b"]),
        ("[words](https://example.com/a)", ["https://example.com/a"]),
        ("[https://example.com/a](https://example.com/b)", ["https://example.com/b"]),
        ("[ada@example.com](https://example.com/b)", ["https://example.com/b"]),
        ("<https://example.com/a>", ["https://example.com/a"]),
        ("`https://example.com/a` and ada@localhost, @ada, README.md, example.com, 5:30", []),
        ("```\nhttps://example.com/a\n```", []),
        ("https\\://example.com/a", []),
        ("javascript://example.com/a ftp://example.com/a xhttps://example.com/", []),
        ("https:// and www. and a@b", []),
    ],
)
def test_an_address_in_the_text_is_a_link(text: str, expected: list[str]) -> None:
    assert links(text) == expected


def test_a_bare_address_is_in_both_parts_and_in_the_list_of_links(publication_folder: Path) -> None:
    body = "See https://example.com/a, www.example.com/b or ada@example.com: https://example.com/{{ email }}"
    built_issue = built(publication_folder, body)
    copy = message_for(built_issue, email="ada@example.com")
    assert '<a href="https://example.com/a"' in copy.html
    assert "See <https://example.com/a>, <https://www.example.com/b> or ada@example.com" in copy.text
    assert "https://example.com/ada%40example.com" in copy.html
    for url in ("https://example.com/a", "https://www.example.com/b", "mailto:ada@example.com"):
        assert url in built_issue.message.links


def test_check_looks_at_bare_addresses_at_their_place(publication_folder: Path) -> None:
    built(publication_folder, "The \\*report\\* is at\nhttp://example.com/a and https://bit.ly/x.")
    found = findings(publication_folder / "issues" / "2025-01-17-hello.md")
    assert [(p.rule, p.line, p.column) for p in found if p.rule in ("NL402", "NL406")] == [
        ("NL402", 5, 1),
        ("NL406", 5, 26),
    ]
