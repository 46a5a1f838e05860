"""The text part: it has the words of the HTML part, laid out for a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.writing import PNG, built, message_for

BODY = """
# Title

Text with **bold**, `code`, a [link](https://example.com/a), an <https://example.com/auto> and ~~gone~~.
Next line.\\
Broken line.

1. one
2. two
   - nested
   - again

- loose

- list

> quoted
> twice

    indented code

***

| a | b |
|---|---|
| 1 | 2 |
"""


DECORATION = "![](https://example.com/a.png)"


def text_of(folder: Path, body: str) -> str:
    return built(folder, body).message.text


def test_markdown_reads_as_text(publication_folder: Path) -> None:
    text = text_of(publication_folder, BODY)
    expected = """Title
========================================

Text with bold, code, a link <https://example.com/a>, an <https://example.com/auto> and ~gone~. Next line.
Broken line.

1. one
2. two
   - nested
   - again

- loose

- list

> quoted twice

    indented code

----------------------------------------

a | b
1 | 2
"""
    assert expected in text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("- > a quotation first\n\nThen.", "- > a quotation first\n\nThen."),
        ("Words.\n\n1. - list first\n   - second\n2. 1. one", "Words.\n\n1. - list first\n   - second\n2. 1. one\n"),
        ("> - > deep\n>   > on\n>\n>   more", "> - > deep on\n\n>   more\n"),
        ("- ```\n  a\n\n  b\n  ```", "-     a\n      \n      b\n"),
        ("1. > 5. one\n   > 6. two\n2. | a |\n   |---|\n   | b |", "1. > 5. one\n   > 6. two\n\n2. a\n   b\n"),
        ("-\n- b", "- b\n"),
    ],
)
def test_every_marker_of_an_item_is_in_the_text(publication_folder: Path, body: str, expected: str) -> None:
    assert expected in text_of(publication_folder, body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"Before.\n\n{DECORATION} <!-- nl-ignore NL201: decorates -->\n\nAfter.", "\nBefore.\n\nAfter.\n"),
        (f"> Before.\n>\n> {DECORATION}\n>\n> After.", "\n> Before.\n\n> After.\n"),
        (f"Before.\n\n## {DECORATION}\n\nAfter.", "\nBefore.\n\nAfter.\n"),
        (f"Before.\n\n- {DECORATION}\n\n  Words.\n- After.", "\nBefore.\n\n- Words.\n\n- After.\n"),
        ("Before.\n\n&nbsp;\n\n<!-- a --> <!-- b -->\n\nAfter.\n<!-- c -->", "\nBefore.\n\nAfter.\n"),
    ],
)
def test_a_picture_that_only_decorates_leaves_no_empty_paragraph_in_the_text(
    publication_folder: Path, body: str, expected: str
) -> None:
    assert expected in text_of(publication_folder, body)


def test_struck_words_are_told_from_the_others_in_the_text(publication_folder: Path) -> None:
    struck = "Now ~~$100~~ $50 a year, ~~[old](https://example.com/old)~~."
    body = f"{struck}\n\n| a |\n|---|\n| ~~b~~ |\n\n:::news\n- **~~Two~~** ~~x~~\n:::"
    text = text_of(publication_folder, body)
    assert "Now ~$100~ $50 a year, ~old <https://example.com/old>~.\n\na\n~b~\n\n* ~Two~\n  ~x~\n" in text


def test_blocks_read_as_text(publication_folder: Path) -> None:
    (publication_folder / "chip.png").write_bytes(PNG)
    text = text_of(
        publication_folder,
        """
:::article title="Chips" url=https://example.com/c label=Policy image=chip.png alt="A chip" author=Ada source=Journal
Lead.
:::
:::news title="Recent news"
- ![t](chip.png) [One](https://example.com/1) First.
- **Two** — second.
:::
:::sponsor name=Acme url=https://example.com/acme
Dashboards.
:::
:::quote by="Grace" url=https://example.com/g
A ship in port.
:::
:::button https://example.com/read
Read on
:::
:::note title=Note
Aside.
:::
""",
    )
    for part in (
        "POLICY\nChips <https://example.com/c>\n",
        "[A chip]\n\nLead.\n\nBy Ada · Source: Journal",
        "* One <https://example.com/1>\n  First.\n\n* Two\n  second.",
        "Sponsored by Acme <https://example.com/acme>",
        "> A ship in port.\n>\n> — Grace <https://example.com/g>",
        "Read on <https://example.com/read>",
        "Note\n\nAside.",
    ):
        assert part in text


def test_the_footer_can_unsubscribe_a_reader_of_plain_text(publication_folder: Path) -> None:
    message = built(publication_folder, "x").message
    assert "Unsubscribe <{{ unsubscribe_url }}>" in message.open(message.text)
    assert not re.search(r"\n{4,}", message.text)
    assert not re.search(r"[ \t]+\n", message.text)


def test_a_merge_tag_in_a_label_reaches_its_reader_in_the_text_part(publication_folder: Path) -> None:
    built_issue = built(
        publication_folder, ":::article title=Chips label='for {{ first_name }} and {{ name }}'\nWords.\n:::"
    )

    text = message_for(built_issue, first_name="Ada", name="Bea").text

    assert "FOR Ada AND Bea\nChips" in text
