"""Characters of headers and values: what people write stays, what could break a message goes."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.addresses import quoted
from newsletter.characters import INVISIBLE, one_line, with_marks, without_forbidden
from newsletter.messages.escapes import clean
from newsletter.messages.mime import header_mailbox, header_text

WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
KEPT = [
    f"{WALES} Croeso",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f Fàilte",
    "👩\u200d💻 at work",
    "🧑🏽\u200d🤝\u200d🧑🏿 together",
    "❤\ufe0f and 1\ufe0f\u20e3",
    "🏳\ufe0f\u200d🌈 here",
    "A newer emoji \U0001faea and \U0001facd",
    "Not yet assigned \U0001fbff\U0003fffd",
    "Private \uf8ff use",
    "محمد\u200c\u200fعلی",
    "שלום ‏עולם",
    "Zoe\u0308 and a\u0323\u0302",
    "Donau\u00addampfschiff",
    "नमस्\u200dते",
]


@pytest.mark.parametrize("words", KEPT)
def test_subjects_and_names_keep_what_people_write(words: str) -> None:
    raw = b"Subject: " + header_text(words) + b"\r\nFrom: " + header_mailbox(words, "ada@example.com") + b"\r\n\r\n"
    message = message_from_bytes(raw, policy=default)

    assert message["Subject"] == words
    assert message["From"].addresses[0].display_name == words
    assert quoted(words, "a@example.com") == f'"{words}" <a@example.com>'
    assert (clean(words), with_marks(words)) == (words, words)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("One\r\nBcc: eve@example.com", "One Bcc: eve@example.com"),
        ("One\u2028two\u2029three\x85four\x0bfive", "One two three four five"),
        ("pay\u202egnp.exe", "paygnp.exe"),
        ("\u2067turned\u2069", "turned"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("half \ud83d a character \uffff\U0010ffff", "half a character"),
        ("hid\U000e0068\U000e0069den", "hidden"),
        ("\ufeffmark", "mark"),
    ],
)
def test_what_could_break_or_turn_a_header_goes(written: str, kept: str) -> None:
    assert one_line(written) == kept
    assert "\n" not in quoted(written, "a@example.com")
    assert not set("\u202e\u2067\x00\x07\ud83d\uffff") & set(clean(written))


@given(text=st.text())
def test_any_text_is_one_line_and_stays_so(text: str) -> None:
    line = one_line(text)

    assert len(line.splitlines()) <= 1
    assert one_line(line) == line
    assert isinstance(without_forbidden(text).encode(), bytes)


@pytest.mark.parametrize("words", ["می\u200cخواهم", f"{WALES}", "👩\u200d💻", "a\u200db"])
def test_parts_of_words_and_emoji_are_not_invisible(words: str) -> None:
    assert not any(match[0] for match in INVISIBLE.finditer(words) if not match[1])
