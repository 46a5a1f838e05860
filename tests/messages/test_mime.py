"""Quoted-printable and headers, read back by Python's own decoders."""

from __future__ import annotations

import quopri

from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.messages.escapes import clean
from newsletter.messages.mime import header_mailbox, header_text, quoted_printable, quoted_value

prose = st.text(max_size=400) | st.lists(
    st.sampled_from([".", "From ", "=", " ", "\n", "é", "x" * 70, "\t"]), max_size=30
).map("".join)


@given(prose)
@example("." + "x" * 75)
@example("From " + "é" * 40)
@example("x" * 74 + "=")
@example(" ")
@example("0" * 74 + " \n")
@example("0" * 149 + "\t\nx")
def test_quoted_printable_reads_back_and_keeps_its_lines_short(text: str) -> None:
    text = clean(text)
    encoded = quoted_printable(text)
    assert quopri.decodestring(encoded).decode().replace("\r\n", "\n") == text
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert not any(line.startswith((b".", b"From ")) for line in encoded.split(b"\r\n"))


@given(st.lists(prose, max_size=6))
def test_runs_of_quoted_printable_join_with_soft_breaks_between(texts: list[str]) -> None:
    texts = [clean(text) for text in texts]
    joined = b"=\r\n".join(quoted_value(text) for text in texts)
    assert quopri.decodestring(joined).decode().replace("\r\n", "\n") == "".join(texts)
    assert all(len(line) <= 76 for line in joined.split(b"\r\n"))


@given(st.text(max_size=300))
def test_no_header_line_is_too_long_or_breaks_where_it_should_not(text: str) -> None:
    for value in (header_text(text), header_mailbox(text, "ada@example.com")):
        lines = value.split(b"\r\n")
        assert all(line.startswith(b" ") for line in lines[1:])
        assert b"\n" not in value.replace(b"\r\n", b"")
        assert max(map(len, lines)) <= 250


def test_a_name_is_plain_quoted_or_encoded_as_it_needs() -> None:
    assert header_mailbox("Ada Lovelace", "a@example.com") == b"Ada Lovelace <a@example.com>"
    assert header_mailbox('O"Neil, J.', "a@example.com") == b'"O\\"Neil, J." <a@example.com>'
    assert header_mailbox("", "a@example.com") == b"a@example.com"
    assert header_mailbox("Zoë", "a@example.com") == b"=?utf-8?b?Wm/Dqw==?= <a@example.com>"
