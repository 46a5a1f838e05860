"""HTML and headers in coloured pieces that join to the same text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.preview.highlight import HighlightPiece, header_lines, html_lines, message_lines, plain_lines


def test_tags_attributes_values_and_comments_are_told_apart() -> None:
    lines = html_lines('<a href="x">\n<!-- no -->Words</a>')

    assert lines == [
        [
            HighlightPiece("", "<"),
            HighlightPiece("name", "a"),
            HighlightPiece("", " "),
            HighlightPiece("name", "href"),
            HighlightPiece("", "="),
            HighlightPiece("value", '"x"'),
            HighlightPiece("", ">"),
        ],
        [
            HighlightPiece("comment", "<!-- no -->"),
            HighlightPiece("", "Words</"),
            HighlightPiece("name", "a"),
            HighlightPiece("", ">"),
        ],
    ]


def test_a_style_sheet_in_html_is_coloured_too() -> None:
    lines = html_lines("<style>.a { width: 12px; }</style>")

    assert [piece for piece in lines[0] if piece.kind and piece.text != "style"] == [
        HighlightPiece("name", "a"),
        HighlightPiece("name", "width"),
        HighlightPiece("value", "12px"),
    ]


def test_a_headers_name_is_told_from_its_value_and_a_body_is_left_alone() -> None:
    lines = message_lines("Subject: Hello: you\n more\nX-Mailer: a\nTo: ada@example.com\n\nFrom: <b>nobody</b>")

    assert lines == [
        [HighlightPiece("name", "Subject:"), HighlightPiece("", " Hello: you")],
        [HighlightPiece("", " more")],
        [HighlightPiece("name", "X-Mailer:"), HighlightPiece("", " a")],
        [HighlightPiece("name", "To:"), HighlightPiece("", " "), HighlightPiece("value", "ada@example.com")],
        [],
        [HighlightPiece("", "From: <b>nobody</b>")],
    ]


@pytest.mark.parametrize("cut", [html_lines, header_lines, message_lines, plain_lines])
@given(text=st.text(alphabet="<>!-=\"' \nab:[]/", max_size=80))
def test_joined_the_pieces_are_the_text(cut: Callable[[str], list[list[HighlightPiece]]], text: str) -> None:
    assert "\n".join("".join(piece.text for piece in line) for line in cut(text)) == text
