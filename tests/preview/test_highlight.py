"""HTML and headers in pieces: coloured, and never changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.preview.highlight import HighlightPiece, header_lines, html_lines, message_lines, plain_lines


def test_tags_names_values_and_comments_are_told_apart() -> None:
    found = html_lines('<a href="x">\n<!-- no -->Words</a>')

    assert found == [
        [
            HighlightPiece("name", "<a"),
            HighlightPiece("tag", " "),
            HighlightPiece("name", "href"),
            HighlightPiece("tag", "="),
            HighlightPiece("value", '"x"'),
            HighlightPiece("name", ">"),
        ],
        [
            HighlightPiece("comment", "<!-- no -->"),
            HighlightPiece("", "Words"),
            HighlightPiece("name", "</a"),
            HighlightPiece("name", ">"),
        ],
    ]


def test_a_headers_name_is_told_from_what_it_says_and_a_body_is_left_alone() -> None:
    found = message_lines("Subject: Hello: you\n more\n\nFrom: nobody")

    assert found == [
        [HighlightPiece("name", "Subject:"), HighlightPiece("", " Hello: you")],
        [HighlightPiece("", " more")],
        [],
        [HighlightPiece("", "From: nobody")],
    ]


@pytest.mark.parametrize("cut", [html_lines, header_lines, message_lines, plain_lines])
@given(text=st.text(alphabet="<>!-=\"' \nab:[]/", max_size=80))
def test_joined_the_pieces_are_the_text(cut: Callable[[str], list[list[HighlightPiece]]], text: str) -> None:
    assert "\n".join("".join(piece.text for piece in line) for line in cut(text)) == text
