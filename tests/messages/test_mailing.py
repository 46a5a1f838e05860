"""Mailing: each reader gets a message in which the values of fields are only text, whatever they hold."""

from __future__ import annotations

import email
import email.policy
import html
import re
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import parseaddr
from typing import cast

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.addresses import Mailbox
from newsletter.characters import one_line
from newsletter.messages.escapes import clean
from newsletter.messages.mailing import Mailing
from newsletter.messages.types import CompiledMessage, Envelope, Recipient
from tests.support.writing import reader

TAGS = (
    "{{ first_name }}",
    "{{ site }}",
    "{{ unsubscribe_url }}",
    '{% if first_name == "Ada" %}',
    "{% else %}",
    "{% endif %}",
)
HTML = """<!DOCTYPE html><html><body><p>Dear NLM00000xNL,</p>
<img alt="For NLM00000xNL" title='NLM00000xNL'><a href="https://example.com/?q=NLM00000xNL&amp;r=1">a</a>
<a href="NLM00001xNL">b</a><!--[if mso]><a href="https://example.com/NLM00000xNL">c</a><![endif]-->
NLM00003xNL<p>You are NLM00000xNL!</p>NLM00004xNL<p>.Not Ada.</p>NLM00005xNL
<a href='NLM00002xNL'>leave</a></body></html>"""
TEXT = "Dear NLM00000xNL,\n\n.hidden dot\nFrom here NLM00003xNLyes NLM00000xNLNLM00004xNLnoNLM00005xNL\n<https://example.com/?q=NLM00000xNL>\n"
COMPILED = CompiledMessage(slug="hello", subject="Hi NLM00000xNL!", preheader="", html=HTML, text=TEXT, tags=TAGS)
ENVELOPE = Envelope(
    sender=Mailbox(name="Daily, Inference ❤️", address="daily@news.example.com"),
    reply_to="editors@news.example.com",
    list_id="Daily Inference <daily.news.example.com>",
    date=datetime(2025, 1, 17, 12, tzinfo=UTC),
    key="k3y",
)
MAILING = Mailing(COMPILED, ENVELOPE)
HEADERS = [
    "To", "Subject", "Message-ID", "List-Unsubscribe", "From", "Reply-To", "Date", "List-Id", "List-Unsubscribe-Post",
    "MIME-Version", "Content-Type",
]  # fmt: skip

anything = st.text(max_size=200) | st.sampled_from(
    [
        "Ada\r\nBcc: eve@example.com",
        "{{ email }}",
        "{% if 1 %}",
        "=?utf-8?q?x?=",
        '"',
        "<script>alert(1)</script>",
        "x" * 2000,
    ]
)


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def content(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return cast(str, part.get_content()).replace("\r\n", "\n")


@given(anything, anything)
@example("From the start", ".")
@example("\u2028\x85\x00\ud800", "javascript:alert(1)")
@settings(deadline=None, max_examples=300)
@example("0000{\xa0\xa0\xa0\xa0ࠀ𐀀𐀀𐀀", "")
def test_any_field_reads_back_as_the_same_text_and_adds_no_header(first_name: str, site: str) -> None:
    recipient = reader({"first_name": first_name, "name": first_name, "site": site})
    raw = MAILING.mime(recipient)
    message = parsed(raw)
    assert message.keys() == HEADERS
    assert not message.defects
    name = clean(first_name)
    page = content(message, "html")
    assert f"<p>Dear {html.escape(name)},</p>" in page
    assert f'alt="For {html.escape(name)}"' in page
    assert content(message, "plain").startswith(f"Dear {name},\n")
    assert str(make_header(decode_header(legacy(raw)["Subject"]))).replace("\r\n", "") == one_line(f"Hi {name}!")
    assert all(len(line) <= 76 for line in body_lines(raw))
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def legacy(raw: bytes) -> Message:
    """Decode a header with Python's older decoder, which follows RFC 2047 section 6.2 to the letter."""
    return email.message_from_bytes(raw)


def body_lines(raw: bytes) -> list[bytes]:
    return raw.partition(b"\r\n\r\n")[2].split(b"\r\n")


@given(anything)
@settings(deadline=None, max_examples=200)
def test_any_name_reads_back_from_the_to_header(name: str) -> None:
    shown, address = parseaddr(legacy(MAILING.mime(reader({"name": name})))["To"])
    assert address == "ada@example.com"
    assert str(make_header(decode_header(shown))) == one_line(str(reader({"name": name}).name))


@given(anything, anything)
@settings(deadline=None, max_examples=200)
def test_the_parts_given_to_an_api_are_the_ones_in_the_mime(first_name: str, site: str) -> None:
    recipient = reader({"first_name": first_name, "site": site})
    message = MAILING.message(recipient)
    mime = parsed(MAILING.mime(recipient))
    assert content(mime, "html") == message.html
    assert content(mime, "plain") == message.text
    assert mime["Message-ID"] == message.headers["Message-ID"] == "<12.345.k3y@news.example.com>"


@given(anything)
@settings(deadline=None, max_examples=200)
def test_no_line_of_a_body_needs_the_transport_to_change_it(first_name: str) -> None:
    raw = MAILING.mime(reader({"first_name": first_name}))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert not any(line.startswith((b".", b"From ")) for line in body_lines(raw))


def test_a_value_that_is_a_whole_address_may_only_lead_somewhere_safe() -> None:
    for site, href in (
        ("https://example.com/a?b=c&d=é", "https://example.com/a?b=c&amp;d=%C3%A9"),
        ("javascript:alert(1)", "#"),
        (" JAVASCRIPT:alert(1)", "#"),
        ("data:text/html,x", "#"),
        ("", "#"),
        ('https://example.com/" onclick="x', "https://example.com/%22%20onclick=%22x"),
    ):
        assert f'<a href="{href}">b</a>' in MAILING.message(reader({"site": site})).html


def test_values_are_never_run_as_templates() -> None:
    message = MAILING.message(reader({"first_name": "{{ 7 * 7 }}{% if x %}", "site": "{{ email }}"}))
    assert "Dear {{ 7 * 7 }}{% if x %}," in message.html
    assert message.subject == "Hi {{ 7 * 7 }}{% if x %}!"


def test_an_expression_that_fails_for_one_reader_counts_as_missing_for_that_reader() -> None:
    compiled = CompiledMessage(
        slug="x", subject="s", preheader="", html="", text="[NLM00000xNL]", tags=("{{ score + 1 }}",)
    )
    mailing = Mailing(compiled, ENVELOPE)
    assert mailing.message(reader({"score": 2})).text == "[3]"
    assert mailing.message(reader({"score": "two"})).text == "[]"


def test_bulk_headers_are_those_of_the_standards() -> None:
    message = parsed(MAILING.mime(reader({"name": "Ada"})))
    assert message["List-Unsubscribe"] == "<https://news.example.com/unsubscribe/t>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "Daily Inference <daily.news.example.com>"
    assert message["From"].addresses[0].display_name == "Daily, Inference ❤️"
    assert message["To"].addresses[0].display_name == "Ada"
    assert message["Date"].datetime == ENVELOPE.date


def test_the_same_reader_gets_the_same_bytes_every_time() -> None:
    again = Mailing(COMPILED, ENVELOPE)
    recipient = reader({"first_name": "Ada", "name": "Ada Lovelace"})
    assert MAILING.mime(recipient) == again.mime(recipient)


def test_a_condition_is_one_value_of_its_own() -> None:
    ada = MAILING.message(
        Recipient(delivery_id="1.1", email="a@example.com", fields=reader({"first_name": "Ada"}).fields)
    )
    assert "<p>You are Ada!</p>" in ada.html
    assert ".Not Ada." not in ada.html
    assert re.search(r"yes Ada\n", ada.text)


@given(anything)
def test_bodies_that_are_json_already_say_what_the_decoded_ones_say(first_name: str) -> None:
    someone = reader({"first_name": first_name})

    decoded, encoded = MAILING.message(someone), MAILING.json_message(someone)

    assert msgspec.json.decode(b"".join(encoded.html)) == decoded.html
    assert msgspec.json.decode(b"".join(encoded.text)) == decoded.text
    assert (encoded.subject, encoded.headers, encoded.to) == (decoded.subject, decoded.headers, decoded.to.quoted)
