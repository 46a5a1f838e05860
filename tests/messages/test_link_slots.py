"""Links that are known when a campaign begins: only the reader's token stays a slot, and no copy changes."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.messages.fragments import TOKEN
from newsletter.messages.mailing import Mailing
from newsletter.messages.mime import LINE
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.providers.mailgun import SYNTAX
from tests.providers.test_postmark import ENVELOPE

SITE = "https://news.example.com"
ADDRESSES = {
    "unsubscribe_url": f"{SITE}/unsubscribe/{{}}",
    "preferences_url": f"{SITE}/preferences/{{}}",
    "web_url": f"{SITE}/issues/hello",
}
TAGS = (
    "{{ unsubscribe_url }}",
    "{{ preferences_url }}",
    "{{ web_url }}",
    "{{ first_name }}",
    "{% if first_name %}",
    "{% endif %}",
    "{{ web_url | upper }}",
)
LEAVE, PREFER, WEB, NAME, IF, END, LOUD = (f"NLM{number:05}xNL" for number in range(len(TAGS)))
MESSAGE = CompiledMessage(
    slug="hello",
    subject=f"{NAME}: {WEB}",
    preheader="",
    html=f'<p style="color: {WEB}" title="{LEAVE}">{NAME} {LEAVE}</p>{IF}<a href="{PREFER}">{LOUD}</a>{END}'
    f'<a href="{WEB}">web</a><a href="{WEB}?x={LEAVE}">both</a>',
    text=f"{NAME} <{LEAVE}> {PREFER} {IF}<{WEB}>{END} {LOUD}",
    tags=TAGS,
)
PLAIN, KNOWING = Mailing(MESSAGE, ENVELOPE), Mailing(MESSAGE, ENVELOPE, ADDRESSES)
tokens = st.from_regex(r"TOKEN[A-Za-z0-9_-]{1,60}", fullmatch=True)


def reader(token: str, first_name: str = "") -> Recipient:
    links = {name: url.replace("{}", token) for name, url in ADDRESSES.items()}
    fields = {"email": "r@example.com", "first_name": first_name, TOKEN: token, **links}
    return Recipient(delivery_id="1.2", email="r@example.com", fields=fields)


def parts(raw: bytes) -> list[str]:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return [str(message["Subject"]), *(str(part.get_content()) for part in message.iter_parts())]


@given(token=tokens, first_name=st.text() | st.sampled_from(["Ada", "%recipient.s0%", "<b>"]))
def test_every_reader_gets_the_same_copy_as_with_all_slots_open(token: str, first_name: str) -> None:
    someone = reader(token, first_name)

    assert KNOWING.message(someone) == PLAIN.message(someone)
    assert parts(KNOWING.mime(someone)) == parts(PLAIN.mime(someone))
    assert max(map(len, KNOWING.mime(someone).partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= LINE
    knowing, plain = KNOWING.json_message(someone), PLAIN.json_message(someone)
    assert b"".join(knowing.html) == b"".join(plain.html)
    assert b"".join(knowing.text) == b"".join(plain.text)


def filled(mailing: Mailing, someone: Recipient) -> list[str]:
    """Return the texts as the provider fills them: each slot becomes the reader's value."""
    template, values = mailing.template(SYNTAX), [value for (value,) in mailing.variables([someone], SYNTAX)]
    texts = (template.subject, template.html, template.text, template.headers["List-Unsubscribe"])
    return [re.sub(r"%recipient\.s(\d+)%", lambda slot: values[int(slot[1])], text) for text in texts]


@given(token=tokens, first_name=st.text() | st.sampled_from(["Ada", "50 %", "<b>", "A  B", " A"]))
def test_a_provider_that_substitutes_is_given_the_token_once(token: str, first_name: str) -> None:
    someone = reader(token, first_name)

    assert filled(KNOWING, someone) == filled(PLAIN, someone)
    assert KNOWING.variables([someone], SYNTAX).count([token]) == 1


def test_an_address_that_would_have_to_be_made_safe_stays_open() -> None:
    odd = {**ADDRESSES, "unsubscribe_url": f"{SITE}/?a=1&t={{}}"}
    someone = reader("t")
    fields = {**someone.fields, "unsubscribe_url": f"{SITE}/?a=1&t=t"}

    message = Mailing(MESSAGE, ENVELOPE, odd).message(
        Recipient(delivery_id="1.2", email="r@example.com", fields=fields)
    )

    assert f'title="{SITE}/?a=1&amp;t=t"' in message.html


def test_a_reader_without_a_token_gets_no_broken_links() -> None:
    links = {name: url.replace("{}", "t") for name, url in ADDRESSES.items()}

    with pytest.raises(KeyError, match=TOKEN):
        KNOWING.message(Recipient(delivery_id="1.2", email="r@example.com", fields=links))


def test_what_is_not_the_address_itself_stays_a_slot() -> None:
    styled = replace(MESSAGE, html=f'<p style="{WEB}">{LOUD}</p>')

    html = Mailing(styled, ENVELOPE, ADDRESSES).message(reader("t")).html

    assert html == Mailing(styled, ENVELOPE).message(reader("t")).html
    assert "HTTPS://NEWS" in html
