"""Templates for providers: filled in by the provider, they equal the finished message."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from newsletter.messages.mailing import Mailing
from newsletter.messages.provider_templates import WORD_JOINER
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.providers.mailgun import SYNTAX
from tests.providers.test_postmark import ENVELOPE

TAGS = (
    "{{ first_name }}",
    "{{ unsubscribe_url }}",
    '{% if plan == "pro" %}',
    "{% else %}",
    "{% endif %}",
    '{{ city | default("you") }}',
)
NAME, LEAVE, IF, ELSE, END, CITY = (f"NLM{number:05}xNL" for number in range(len(TAGS)))
MESSAGE = CompiledMessage(
    slug="s",
    subject=f"{NAME}, 50% off",
    preheader="",
    html=f'<p title="{NAME}">{NAME} {IF}<b>{NAME}</b>{ELSE}{CITY}{END}</p><a href="{LEAVE}">x</a> %recipient.s1%',
    text=f"{NAME} {IF}pro {CITY}{ELSE}free{END} <{LEAVE}> %recipient.d% 100%",
    tags=TAGS,
)
MAILING = Mailing(MESSAGE, ENVELOPE)
texts = st.text() | st.sampled_from(["%recipient.s0%", "%recipient%", "%unsubscribe_url%", '"><b>', "100%", "%"])


def filled(text: str, values: list[str]) -> str:
    """Fill in the slots as Mailgun documents it: `%recipient.name%` becomes the reader's value."""
    return re.sub(r"%recipient\.s(\d+)%", lambda slot: values[int(slot[1])], text)


@given(name=texts, plan=st.sampled_from(["pro", "", "basic"]), city=texts)
def test_any_reader_gets_what_a_finished_message_would_say(name: str, plan: str, city: str) -> None:
    fields = {"first_name": name, "plan": plan, "city": city, "unsubscribe_url": "https://news.example.com/u/t"}
    reader = Recipient(delivery_id="1.1", email="r@example.com", fields=fields)
    template, whole = MAILING.template(SYNTAX), MAILING.message(reader)

    values = [value for (value,) in MAILING.variables([reader], SYNTAX)]

    assert filled(template.html, values).replace("&#37;", "%") == whole.html.replace("&#37;", "%")
    assert filled(template.text, values).replace(WORD_JOINER, "") == whole.text.replace(WORD_JOINER, "")
    assert "".join(filled(template.subject, values).replace(WORD_JOINER, "").split()) == "".join(
        whole.subject.replace(WORD_JOINER, "").split()
    )
    assert filled(template.headers["List-Unsubscribe"], values) == "<https://news.example.com/u/t>"


@given(name=texts, city=texts)
def test_nothing_that_is_filled_in_is_a_slot_again(name: str, city: str) -> None:
    fields = {"first_name": name, "city": city, "unsubscribe_url": "https://news.example.com/u/t"}
    reader = Recipient(delivery_id="1.1", email="r@example.com", fields=fields)
    template = MAILING.template(SYNTAX)
    values = [value for (value,) in MAILING.variables([reader], SYNTAX)]

    for text in (template.html, template.text, template.subject):
        assert not re.search(r"%(recipient[.%]|\w+_url%)", filled(text, values))


def test_equal_slots_share_a_variable_and_a_condition_is_one() -> None:
    html = MAILING.template(SYNTAX).html

    name, condition = re.findall(r"%recipient\.s\d+%", html)[1:3]
    assert html.count(name) == 2
    assert html.count(condition) == 1
    assert "<b>" not in html


@given(st.lists(st.tuples(texts | st.sampled_from(["Ada", "A|B", "A&B", " A", "A  B"]), texts), min_size=1, max_size=6))
def test_readers_get_together_what_each_would_get_alone(given: list[tuple[str, str]]) -> None:
    people = [
        Recipient(delivery_id="1.1", email="r@example.com", fields={"first_name": name, "city": city, "plan": name[:1]})
        for name, city in given
    ]

    together = MAILING.variables(people, SYNTAX)

    alone = [[value for (value,) in MAILING.variables([person], SYNTAX)] for person in people]
    assert [[*values] for values in zip(*together, strict=True)] == alone


def test_a_number_among_the_values_is_written_as_it_is_everywhere_else() -> None:
    people = [Recipient(delivery_id="1.1", email="r@example.com", fields={"city": city}) for city in ("Bonn", 7, True)]

    values = MAILING.variables(people, SYNTAX)

    assert ["Bonn", "7", "True"] in [[*column] for column in values]
