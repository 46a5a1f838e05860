"""Refusals of a mail server, by what is refused and not by the step at which it says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.providers import smtp_connections
from newsletter.providers.base import Answer, Concern
from newsletter.providers.smtp import send
from tests.providers.test_postmark import batch, recipient
from tests.providers.test_smtp import PLAIN, UNSIGNED, outcomes
from tests.support.mail_server import Script


@pytest.fixture(autouse=True)
def _no_connection_outlives_a_test() -> Iterator[None]:
    yield
    smtp_connections.close_idle()


def answer_to(stage: str, reply: str) -> Answer:
    with Script({stage: reply}) as server:
        answer = send(batch(recipient(1)), {**PLAIN, **UNSIGNED, "port": str(server.port)})
        smtp_connections.close_idle()
    return answer


@pytest.mark.parametrize("stage", ["RCPT", "DATA", "."])
@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.8 <news@example.com>: Sender address rejected: Domain not found",
        "550 5.1.7 <news@example.com>: Sender address rejected: undeliverable address",
        "553 5.7.1 <news@example.com>: Sender address rejected: not owned by user news",
        "554 5.7.1 <r1@example.com>: Relay access denied",
        "550 5.4.5 Daily user sending limit exceeded",
        "550 5.7.1 <mail.example.com>: Helo command rejected: Access denied",
        "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied",
        "530 5.7.0 Authentication required",
        "554 Message rejected: Email address is not verified.",
    ],
)
def test_a_refusal_of_the_sender_stops_whatever_it_answers(stage: str, reply: str) -> None:
    answer = answer_to(stage, reply)

    assert outcomes(answer) == ["busy"]
    assert reply[:9] in answer.stop


@pytest.mark.parametrize(
    ("stage", "reply", "retryable"),
    [
        ("RCPT", "550 5.1.1 <r1@example.com>: Recipient address rejected: User unknown", False),
        ("RCPT", "550 5.1.2 bad destination system", False),
        ("RCPT", "553 5.1.3 bad destination mailbox address syntax", False),
        ("RCPT", "556 5.1.10 recipient address has a null MX", False),
        ("RCPT", "550 5.2.1 mailbox disabled", False),
        ("RCPT", "552 5.2.2 mailbox full", True),
        (".", "550 5.1.1 no such user", False),
        (".", "552 5.2.2 mailbox full", True),
        ("RCPT", "550 no such mailbox", False),
    ],
)
def test_a_refusal_of_a_reader_rejects_that_reader_alone(stage: str, reply: str, retryable: bool) -> None:
    answer = answer_to(stage, reply)

    assert outcomes(answer) == ["rejected"]
    assert answer.results[0].about is Concern.READER
    assert answer.results[0].retryable == retryable
    assert not answer.stop


@pytest.mark.parametrize(
    ("stage", "reply", "about"),
    [
        ("MAIL", "552 5.3.4 message size exceeds fixed limit", Concern.MESSAGE),
        (".", "552 5.3.4 Error: message file too big", Concern.MESSAGE),
        (".", "554 5.6.0 malformed header", Concern.MESSAGE),
        (".", "550 spam message rejected", Concern.MESSAGE),
        ("RCPT", "550 5.7.25 reverse DNS lookup failed", Concern.CONNECTION),
        (
            "RCPT",
            "554 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.example.org DNSBL",
            Concern.CONNECTION,
        ),
        (".", "550 5.7.1 policy violation", Concern.SENDER),
    ],
)
def test_a_refusal_that_may_meet_every_message_says_what_it_is_about(stage: str, reply: str, about: Concern) -> None:
    answer = answer_to(stage, reply)

    assert outcomes(answer) == ["rejected"]
    assert answer.results[0].about is about
    assert answer.results[0].retryable


@pytest.mark.parametrize("stage", ["RCPT", "."])
@pytest.mark.parametrize(
    "reply", ["451 4.3.0 Temporary lookup failure", "450 4.2.0 Greylisted", "452 4.2.2 mailbox full"]
)
def test_a_reader_who_is_put_off_waits_alone(stage: str, reply: str) -> None:
    answer = answer_to(stage, reply)

    assert outcomes(answer) == ["busy"]
    assert answer.results[0].alone
