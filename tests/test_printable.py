"""Text that others wrote cannot steer a terminal, and is otherwise shown as it is."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import NewsletterError, Problem
from newsletter.printable import one_line, printable

ANY = st.text(st.characters() | st.sampled_from("\x00\x1b\x7f\x9b\u202e\u2066\u2028\r\n\t\ud800"))


@given(text=ANY)
def test_no_control_character_is_left(text: str) -> None:
    shown = printable(text)

    shown.encode()
    assert all(
        unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in shown.replace("\r\n", "") if c not in "\n\t"
    )
    assert not {"\u202a", "\u202b", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068"} & set(shown)
    assert len(one_line(text).splitlines()) <= 1


@given(value=ANY)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_printed_json_is_still_json_with_the_same_value(value: str, ascii_only: bool) -> None:
    assert json.loads(printable(json.dumps({"name": value}, ensure_ascii=ascii_only))) == {"name": value}


@pytest.mark.parametrize("text", ["Ada", "مرحبا", "नमस्ते", "👩‍👩‍👧 🇩🇪", "a\tb\r\nc\n", "שלום\u200f!", "é" * 3, "\ufeff"])
def test_every_language_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_an_error_is_one_line_before_its_hint() -> None:
    error = NewsletterError("no\nnewsletter: done\x1b[2J", place="a\nb.md:1", hint="Do this.")
    problem = Problem(rule="NL1", message="x\ny", path="a.md")

    assert str(error).splitlines() == [r"a\nb.md:1: no\nnewsletter: done\u001b[2J", "  Do this."]
    assert str(problem) == r"a.md:1:1: x\ny [NL1]"
