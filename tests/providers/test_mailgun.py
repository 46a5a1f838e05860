"""Mailgun: one template, the variables of a thousand readers, and a batch that is taken whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from newsletter.messages.mailing import Mailing
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.providers.base import Answer, Batch, Outcome, Request, Search
from newsletter.providers.dispatch import hand_over, prepare
from newsletter.providers.mailgun import MAILGUN, look, outcomes, request, sight, suppression_page
from tests.providers.test_postmark import ENVELOPE, answer, recipient
from tests.providers.test_postmark import batch as batch_of
from tests.support.provider_server import KEY, Mailgun, _form
from tests.support.sending import MESSAGE, NOW

SETTINGS = {"api_key": KEY, "domain": "news.example.com", "base_url": "https://api.example.com"}
TWO = batch_of(recipient(1), recipient(2))


def people(number: int) -> Batch:
    return batch_of(*map(recipient, range(1, number + 1)))


def send(server: Mailgun, batch: Batch) -> Answer:
    return hand_over(prepare(MAILGUN, batch, {**SETTINGS, "base_url": server.url}))


def written(message: CompiledMessage, **fields: Any) -> dict[str, str]:
    """Return the message that Mailgun makes for one reader."""
    addressee = recipient(1)
    reader = Recipient(delivery_id="1.1", email=addressee.email, fields={**addressee.fields, **fields})
    with Mailgun() as server:
        send(server, replace(batch_of(reader), mailing=Mailing(message, ENVELOPE)))
        return server.rendered[reader.email]


def message(html: str, text: str, *tags: str) -> CompiledMessage:
    return CompiledMessage(slug="s", subject="Hello", preheader="", html=html, text=text, tags=tags)


def test_a_batch_is_one_request_with_one_to_and_variables_by_address() -> None:
    made = request(batch_of(recipient(1, "Ada, Countess"), recipient(2)), SETTINGS)

    fields = _form(made.headers["Content-Type"], bytes(made.body))
    assert (made.method, made.url) == ("POST", "https://api.example.com/v3/news.example.com/messages")
    assert fields["to"] == '"Ada, Countess" <r1@example.com>, r2@example.com'
    assert fields["from"] == '"Zoë, the Editor" <news@example.com>'
    assert fields["h:Reply-To"] == "editors@example.com"
    assert fields["html"].count("%recipient.s") == 2
    assert "o:tag" not in fields


def test_every_reader_gets_their_own_name_link_and_delivery_id() -> None:
    with Mailgun() as server:
        sent = send(server, replace(batch_of(recipient(1, "Ada"), recipient(2)), tag="batch-7"))

    assert {result.outcome for result in sent.results} == {Outcome.ACCEPTED}
    assert server.accepted == [("r1@example.com", "1.1", "batch-7"), ("r2@example.com", "1.2", "batch-7")]
    ada, other = server.rendered["r1@example.com"], server.rendered["r2@example.com"]
    assert (ada["subject"], other["subject"]) == ("Hello Ada", "Hello there")
    assert ada["h:List-Unsubscribe"] == "<https://news.example.com/unsubscribe/t>"
    assert ada["h:List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_what_readers_get_is_what_a_finished_message_says() -> None:
    reader = recipient(1, 'Ada "<Countess>"')
    whole = Mailing(MESSAGE, ENVELOPE).message(reader)

    got = written(MESSAGE, **reader.fields)

    assert (got["subject"], got["html"], got["text"]) == (whole.subject, whole.html, whole.text)


def test_a_condition_travels_as_one_short_variable() -> None:
    tags = ('{% if plan == "pro" %}', "{% else %}", "{% endif %}")
    compiled = message("<p>NLM00000xNL<b>pro</b>NLM00001xNLfreeNLM00002xNL</p>", "x", *tags)

    assert written(compiled, plan="pro")["html"] == "<p><b>pro</b></p>"
    assert written(compiled, plan="basic")["html"] == "<p>free</p>"


@pytest.mark.parametrize("trick", ["%recipient.d%", "%recipient%", "%unsubscribe_url%", "%recipient.s0%"])
def test_nobody_s_text_is_taken_for_a_slot(trick: str) -> None:
    compiled = message(f"<p>{trick} NLM00000xNL</p>", f"{trick} NLM00000xNL", "{{ first_name }}")

    got = written(compiled, first_name=trick)

    shown, name = got["html"].replace("&#37;", "%"), got["text"].replace("\u2060", "")
    assert shown == f"<p>{trick} {trick}</p>"
    assert name == f"{trick} {trick}"
    assert "EXECUTED" not in got["html"] + got["text"]


def test_a_percent_sign_is_a_percent_sign() -> None:
    compiled = message('<p style="width:100%">50% off, 5%</p>', "50% off", "{{ first_name }}")

    assert written(compiled)["html"] == compiled.html


def test_a_batch_refused_for_one_address_is_halved_and_nobody_gets_it_twice() -> None:
    with Mailgun() as server:
        server.bad = {"r13@example.com", "r400@example.com"}
        sent = send(server, people(1000))

    rejected = [number for number, each in enumerate(sent.results, 1) if each.outcome is Outcome.REJECTED]
    assert rejected == [13, 400]
    assert (len(server.accepted), server.most_often) == (998, 1)
    assert "not a valid address" in sent.results[12].reason


def test_an_account_that_may_not_send_large_batches_sends_smaller_ones() -> None:
    with Mailgun() as server:
        server.largest = 300
        sent = send(server, people(1000))

    assert {result.outcome for result in sent.results} == {Outcome.ACCEPTED}
    assert server.calls == [1000, 500, 250, 250, 500, 250, 250]
    assert server.most_often == 1


@pytest.mark.parametrize(
    ("status", "body", "outcome", "stops"),
    [
        (200, b"Mailgun Magnificent API", "busy", True),
        (200, b"<html>", "unknown", False),
        (200, {"message": "Queued."}, "unknown", False),
        (400, {"message": "Domain news.example.com is not allowed to send: activate it"}, "busy", True),
        (401, b"Forbidden", "busy", True),
        (404, {"message": "Domain not found"}, "busy", True),
        (429, {"message": "try again after 120 seconds"}, "busy", False),
        (500, {"message": "oops"}, "unknown", False),
        (502, b"", "unknown", False),
    ],
)
def test_what_an_answer_says_of_everyone(status: int, body: object, outcome: str, stops: bool) -> None:
    parsed = outcomes(answer(status, body), TWO)

    assert {result.outcome for result in parsed.results} == {outcome}
    assert (bool(parsed.stop), parsed.split) == (stops, False)


def test_a_wait_in_words_is_kept() -> None:
    assert outcomes(answer(429, {"message": "please try again after 120 seconds"}), TWO).retry_after == 120


def test_the_search_asks_for_the_batch_s_tag_and_follows_pages_at_base_url_only() -> None:
    asked = look(Search(tag="t-7", handed_at=NOW), SETTINGS)
    further = look(Search(tag="t-7", handed_at=NOW, page="https://evil.example/v3/x/events?page=2"), SETTINGS)

    begin = int((NOW - timedelta(minutes=5)).timestamp())
    assert asked.url.startswith(f"https://api.example.com/v3/news.example.com/events?begin={begin}&")
    assert "tags=t-7" in asked.url
    assert further.url == "https://api.example.com/v3/x/events?page=2"


def test_who_unsubscribed_from_some_tags_only_is_not_suppressed() -> None:
    entries = [
        {"address": "all@example.com", "tags": ["*"], "created_at": "Fri, 21 Oct 2011 11:02:55 UTC"},
        {"address": "older@example.com", "tag": "*", "created_at": "Fri, 21 Oct 2011 11:02:55 GMT"},
        {"address": "some@example.com", "tags": ["offers"], "created_at": "Fri, 21 Oct 2011 11:02:55 UTC"},
    ]
    request = Request(method="GET", url="https://api.example.com/v3/news.example.com/unsubscribes?limit=9", headers={})

    page = suppression_page(request, answer(200, {"items": entries, "paging": {}}), SETTINGS)

    assert page
    assert [listed.address for listed in page.addresses] == ["all@example.com", "older@example.com"]


def test_a_page_of_events_shows_delivery_ids_and_the_next_page() -> None:
    items = [{"user-variables": {"delivery_id": "1.1"}}, {"user-variables": {"delivery_id": "1.2"}}]
    asked = Search(tag="t-7", handed_at=NOW)
    seen = sight(answer(200, {"items": items, "paging": {"next": "https://next"}}), asked)
    last = sight(answer(200, {"items": [], "paging": {"next": "https://next"}}), asked)

    assert seen is not None
    assert (seen.delivery_ids, seen.more) == (frozenset({"1.1", "1.2"}), "https://next")
    assert last is not None
    assert (last.delivery_ids, last.more) == (frozenset(), "")
    assert sight(answer(503, {}), asked) is sight(answer(200, b"<html>"), asked) is None
