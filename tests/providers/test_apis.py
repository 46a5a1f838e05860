"""The providers that take JSON: each message is the reader's own, and a "no" is understood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from newsletter.messages.mailing import Mailing
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.providers import PROVIDERS
from newsletter.providers.base import Answer, Batch, Outcome, Provider
from newsletter.providers.brevo import BREVO
from newsletter.providers.dispatch import hand_over, prepare
from newsletter.providers.mailersend import MAILERSEND
from newsletter.providers.mailjet import MAILJET
from newsletter.providers.sendgrid import SENDGRID
from newsletter.providers.ses import SES
from newsletter.providers.sparkpost import SPARKPOST
from tests.providers.test_postmark import ENVELOPE, recipient
from tests.providers.test_postmark import batch as batch_of
from tests.support.api_servers import API_SERVERS, Mailjet
from tests.support.provider_server import KEY, ProviderServer

RECORDS: dict[str, Provider] = {each.name: each for each in (SES, SENDGRID, BREVO, MAILJET, MAILERSEND, SPARKPOST)}
SYNTAXES = "{{ a }} {% b %} {# c #} {{{ d }}} %recipient% [[e]] -f- {$g} %nl0% {{s0}} {{params.s0}} {{{s0}}} [[var:h]]"
"""Text in the template languages of all providers."""


@pytest.fixture(params=[*API_SERVERS])
def server(request: pytest.FixtureRequest) -> Iterator[ProviderServer]:
    with API_SERVERS[request.param]() as running:
        yield running


def settings(server: ProviderServer) -> dict[str, str]:
    record = RECORDS[server.dialect]
    given = {setting.name: setting.default or KEY for setting in record.settings if setting.sending}
    empty = {setting.name: "" for setting in record.settings if setting.default == ""}
    return {**given, **empty, "region": "eu-central-1", "base_url": server.url}


def send(server: ProviderServer, batch: Batch) -> Answer:
    return hand_over(prepare(RECORDS[server.dialect], batch, settings(server)))


def people(number: int) -> Batch:
    return batch_of(*map(recipient, range(1, number + 1)))


def outcomes(answer: Answer) -> list[str]:
    return [str(result.outcome) for result in answer.results]


def test_all_are_in_the_table_of_providers() -> None:
    assert {*RECORDS} <= {*PROVIDERS}


def test_every_reader_gets_their_own_name_link_and_delivery_id(server: ProviderServer) -> None:
    answer = send(server, replace(batch_of(recipient(1, "Ada"), recipient(2)), tag="0123456789abcdef-7"))

    assert outcomes(answer) == ["accepted", "accepted"]
    assert all(result.provider_id for result in answer.results)
    tag = "0123456789abcdef-7"
    assert server.accepted == [("r1@example.com", "1.1", tag), ("r2@example.com", "1.2", tag)]
    ada, other = server.rendered["r1@example.com"], server.rendered["r2@example.com"]
    assert (ada["subject"], other["subject"]) == ("Hello Ada", "Hello there")
    assert "<p>Hello Ada</p>" in ada["html"]
    assert "Hello there" in other["text"]
    assert "https://news.example.com/unsubscribe/t" in ada["html"]
    assert ada["List-Unsubscribe"] == "<https://news.example.com/unsubscribe/t>"
    if server.dialect != "mailersend":  # which writes this header by itself
        assert ada["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_names_of_every_script_arrive(server: ProviderServer) -> None:
    name = "Zoë “अमित” 李, the 🦊"
    send(server, batch_of(recipient(1, name)))

    assert server.rendered["r1@example.com"]["name"] == name
    assert server.rendered["r1@example.com"]["subject"] == f"Hello {name}"


def test_text_in_a_provider_s_own_template_language_arrives_as_written(server: ProviderServer) -> None:
    tags = ("{{ first_name }}", "{{ unsubscribe_url }}")
    body = f'<p>{SYNTAXES} NLM00000xNL</p><a href="NLM00001xNL">leave</a>'
    message = CompiledMessage(
        slug="s", subject=f"{SYNTAXES} NLM00000xNL", preheader="", html=body, text=f"{SYNTAXES} NLM00000xNL", tags=tags
    )
    named = recipient(1)
    reader = Recipient(delivery_id="1.1", email=named.email, fields={**named.fields, "first_name": SYNTAXES})

    send(server, replace(batch_of(reader), mailing=Mailing(message, ENVELOPE)))

    written = server.rendered["r1@example.com"]
    for part in ("subject", "text", "html"):
        shown = written[part].replace("\u2060", "").replace("&#123;", "{").replace("&#37;", "%")
        assert "EXECUTED" not in shown
        assert shown.count(SYNTAXES) == 2


def test_a_whole_batch_fills_the_provider_s_limit_and_one_more_is_a_second_call(server: ProviderServer) -> None:
    record = RECORDS[server.dialect]

    answer = send(server, people(record.batch_size + 1))

    assert outcomes(answer) == ["accepted"] * (record.batch_size + 1)
    assert sorted(server.calls) == [1, record.batch_size]


def test_one_bad_address_costs_nobody_else_the_issue_and_nobody_gets_it_twice(server: ProviderServer) -> None:
    server.bad = {"r13@example.com"}

    answer = send(server, people(40))

    assert [number for number, outcome in enumerate(outcomes(answer), start=1) if outcome != "accepted"] == [13]
    assert answer.results[12].outcome is Outcome.REJECTED
    assert not answer.stop
    assert server.most_often == 1
    assert len(server.accepted) == 39


def test_a_busy_provider_took_nothing_and_says_how_long(server: ProviderServer) -> None:
    server.faults = ["not accepted: busy"]

    answer = send(server, people(3))

    assert outcomes(answer) == ["busy"] * 3
    assert answer.is_busy
    assert not answer.stop
    assert server.accepted == []


def test_a_wrong_key_stops_the_campaign_and_rejects_nobody(server: ProviderServer) -> None:
    wrong = {name: "wrong" if value == KEY else value for name, value in settings(server).items()}

    answer = hand_over(prepare(RECORDS[server.dialect], people(3), wrong))

    assert answer.stop
    assert outcomes(answer) == ["busy"] * 3


@pytest.mark.parametrize("fault", ["dropped", "cut", "502", "a page"])
def test_an_answer_that_is_lost_or_garbage_leaves_all_unknown(server: ProviderServer, fault: str) -> None:
    server.faults = [fault]

    answer = send(server, people(3))

    assert outcomes(answer) == ["unknown"] * 3
    assert len(server.accepted) == 3


def long_values(values: dict[int, str], number: int) -> Batch:
    """A batch of so many readers, some of whom have a long value in the message."""
    message = CompiledMessage(
        slug="s", subject="s", preheader="", html="x" * 3_000, text="NLM00000xNL", tags=("{{ long }}",)
    )
    readers = [
        Recipient(
            delivery_id=f"1.{place}",
            email=f"r{place}@example.com",
            fields={**recipient(place).fields, "long": values.get(place, "")},
        )
        for place in range(1, number + 1)
    ]
    return replace(batch_of(*readers), mailing=Mailing(message, ENVELOPE))


def test_a_batch_over_the_byte_cap_is_halved_before_it_leaves(server: ProviderServer) -> None:
    record = replace(RECORDS[server.dialect], byte_cap=10_000)

    parts = prepare(record, long_values(dict.fromkeys(range(1, 17), "y" * 900), 16), settings(server))

    assert len(parts) > 1
    assert outcomes(hand_over(parts)) == ["accepted"] * 16


def test_readers_values_beyond_brevo_s_limit_for_a_call_travel_in_several() -> None:
    with API_SERVERS["brevo"]() as server:
        answer = send(server, long_values(dict.fromkeys(range(1, 41), "é" * 30_000), 40))

    assert outcomes(answer) == ["accepted"] * 40
    assert server.calls == [10] * 4
    assert server.most_often == 1


@pytest.mark.parametrize(("name", "size"), [("sendgrid", 10_001), ("brevo", 102_401), ("ses", 262_145)])
def test_a_reader_whose_values_no_call_may_have_is_rejected_and_costs_nobody_else_the_issue(
    name: str, size: int
) -> None:
    with API_SERVERS[name]() as server:
        answer = send(server, long_values({5: "y" * size}, 9))

    assert [place for place, each in enumerate(outcomes(answer), start=1) if each != "accepted"] == [5]
    assert answer.results[4].outcome is Outcome.REJECTED
    assert "the values of one reader have" in answer.results[4].reason
    assert server.most_often == 1


def test_brevo_s_refusal_of_a_repeat_proves_that_the_first_call_was_accepted() -> None:
    with API_SERVERS["brevo"]() as server:
        server.faults = ["dropped"]
        first = send(server, people(3))
        again = send(server, people(3))

    assert (outcomes(first), outcomes(again)) == (["unknown"] * 3, ["accepted"] * 3)
    assert server.most_often == 1
    assert BREVO.dedupe == "refuse"
    assert BREVO.dedupe_ttl == timedelta(minutes=30)


def test_mailjet_takes_a_repeat_and_delivers_it_to_nobody_twice() -> None:
    with Mailjet() as server:
        server.faults = ["dropped"]
        batch = replace(people(3), tag="0123456789abcdef-1")
        first = send(server, batch)
        again = send(server, batch)

    assert (outcomes(first), outcomes(again)) == (["unknown"] * 3, ["accepted"] * 3)
    assert server.most_often == 1
    assert len(server.blocked) == 3


@pytest.mark.parametrize(
    ("status", "about"),
    [("ACCOUNT_DAILY_QUOTA_EXCEEDED", "stop"), ("ACCOUNT_THROTTLED", "busy"), ("FAILED", "rejected")],
)
def test_one_entry_of_ses_tells_for_itself(status: str, about: str) -> None:
    with API_SERVERS["ses"]() as server:
        ses: Any = server
        ses.statuses = {"r2@example.com": status}
        answer = send(server, people(3))

    assert outcomes(answer) == ["accepted", "rejected" if about == "rejected" else "busy", "accepted"]
    assert bool(answer.stop) == (about == "stop")


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [(400, "7000", "stop"), (400, "7001", "stop"), (400, "1502", "busy"), (400, "5002", "rejected")],
)
def test_a_code_of_sparkpost_says_what_its_words_do_not(status: int, code: str, outcome: str) -> None:
    with API_SERVERS["sparkpost"]() as server:
        error = {"message": "refused", "description": "", "code": code}
        server.refusals = {"coded": (status, {"errors": [error]})}
        server.faults = ["not accepted: coded"]
        answer = send(server, people(1))

    assert outcomes(answer) == ["rejected" if outcome == "rejected" else "busy"]
    assert bool(answer.stop) == (outcome == "stop")
    assert f"(code {code})" in answer.results[0].reason
