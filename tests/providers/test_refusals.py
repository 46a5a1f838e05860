"""A refusal is classified by what it is about: the reader, the message, the connection, or the sender."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.providers import refusals
from newsletter.providers.base import Batch, Concern, Outcome, Result
from newsletter.providers.refusals import (
    CONNECTION_REFUSED,
    MESSAGE_REFUSED,
    NOT_CLEAR,
    PROVIDER_BUSY,
    READER_DEFERRED,
    READER_GONE,
    READER_REFUSED,
    SENDER_DOUBTED,
    SENDER_REFUSED,
    Refusal,
    RefusalVerdict,
)

RCPT, MAIL, BODY = Concern.READER, Concern.SENDER, Concern.MESSAGE
WHO = "<r7@example.com>: "

SMTP: dict[Refusal, list[tuple[int, str, Concern]]] = {
    READER_GONE: [
        (550, f"5.1.1 {WHO}Recipient address rejected: User unknown in local recipient table", RCPT),
        (550, "5.1.1 The email account that you tried to reach does not exist", BODY),
        (550, "5.2.1 The email account that you tried to reach is disabled", RCPT),
        (501, "5.1.3 bad address syntax", RCPT),
        (550, "Requested action not taken: mailbox unavailable", RCPT),
        (550, "no", RCPT),
        (
            550,
            "5.1.1 <sender@example.com>: Recipient address rejected: undeliverable address: host mx said: 550 no",
            RCPT,
        ),
    ],
    READER_REFUSED: [
        (552, "5.2.2 mailbox full", RCPT),
        (550, "5.7.1 You are not allowed to send to this list", RCPT),
        (550, "5.4.1 Recipient address rejected: Access denied", RCPT),
        (550, "5.7.2 list expansion prohibited", RCPT),
    ],
    READER_DEFERRED: [
        (450, f"4.7.1 {WHO}Recipient address rejected: Greylisted, come back later", RCPT),
        (451, "4.7.1 Greylisting in action", BODY),
        (452, "4.2.2 mailbox full", RCPT),
        (452, "4.2.2 The recipient's inbox is out of storage space", BODY),
        (450, "4.1.1 <x@example.com>: Recipient address rejected: unverified address: host mx said: 550 blocked", RCPT),
        (450, "try later", RCPT),
    ],
    PROVIDER_BUSY: [
        (421, "4.7.0 too many messages", RCPT),
        (450, "4.1.8 <news@example.com>: Sender address rejected: Domain not found", RCPT),
        (454, f"4.7.1 {WHO}Relay access denied", RCPT),
        (450, f"4.7.1 {WHO}Recipient address rejected: Sender quota exceeded", RCPT),
        (450, "4.7.1 Client host rejected: cannot find your reverse hostname", RCPT),
        (452, "4.5.3 Too many recipients", RCPT),
        (451, "4.3.0 out of disk", RCPT),
        (450, "later", BODY),
        (450, "later", MAIL),
    ],
    SENDER_REFUSED: [
        (550, "5.1.8 <news@example.com>: Sender address rejected: Domain not found", RCPT),
        (553, "5.7.1 <news@example.com>: Sender address rejected: not owned by user news", RCPT),
        (554, f"5.7.1 {WHO}Relay access denied", RCPT),
        (550, "Unable to relay", RCPT),
        (550, "relaying to this domain is not allowed, relaying denied", RCPT),
        (554, "5.7.1 <host[192.0.2.1]>: Client host rejected: Access denied", RCPT),
        (504, "5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", RCPT),
        (550, f"5.7.1 {WHO}Recipient address rejected: Sender quota exceeded", RCPT),
        (552, "5.2.2 the sender's mailbox is over its quota: sending is suspended", RCPT),
        (550, "5.4.5 Daily user sending limit exceeded", BODY),
        (550, "Daily message quota exceeded for this account", BODY),
        (530, "5.7.0 Authentication required", MAIL),
        (554, "Message rejected: Email address is not verified. The following identities failed the check", BODY),
        (550, "5.7.60 SMTP; Client does not have permissions to send as this sender", BODY),
        (550, "no", MAIL),
    ],
    SENDER_DOUBTED: [
        (550, "5.7.1 blocked", RCPT),
        (550, "5.7.26 Unauthenticated email from example.com is not accepted due to the domain's DMARC policy", BODY),
        (550, "Access denied", RCPT),
        (554, "no", RCPT),
        (571, "refused", BODY),
    ],
    CONNECTION_REFUSED: [
        (554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", RCPT),
        (550, "5.7.25 no reverse DNS for your address", RCPT),
        (550, "5.3.0 system error", RCPT),
        (521, "host does not accept mail", RCPT),
    ],
    MESSAGE_REFUSED: [
        (552, "5.3.4 Message size exceeds fixed limit", MAIL),
        (552, "size", MAIL),
        (552, "5.7.0 This message was blocked because its content presents a potential security issue", BODY),
        (554, "5.6.0 bad message", BODY),
        (550, "message is spam", BODY),
        (550, "no", BODY),
    ],
}
"""Replies of Postfix, Exim, Exchange, Google, SES and plain ones, by what they are."""


@pytest.mark.parametrize(
    ("refusal", "code", "said", "stage"),
    [(refusal, *reply) for refusal, replies in SMTP.items() for reply in replies],
    ids=lambda value: f"{value[:40]}" if isinstance(value, str) else "",
)
def test_a_mail_server_s_refusal_is_about_what_it_says_and_not_about_its_stage(
    refusal: Refusal, code: int, said: str, stage: Concern
) -> None:
    assert refusals.smtp_refusal(code, said, stage) == refusal


@given(st.integers(400, 599), st.text(max_size=300), st.sampled_from(Concern))
def test_whatever_a_mail_server_says_is_classified_and_a_deferral_rejects_nobody(
    code: int, said: str, stage: Concern
) -> None:
    refusal = refusals.smtp_refusal(code, said, stage)

    assert (refusal.verdict is RefusalVerdict.RETRY) == (code < 500)
    assert refusal.verdict is not RefusalVerdict.SUPPRESS or refusal.about is Concern.READER
    assert refusals.result(refusal, said).outcome is not Outcome.ACCEPTED


@given(st.text("abcxyz ", max_size=40), st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_same_refusal_of_two_readers_has_one_cause(words: str, first: int, second: int) -> None:
    one, other = (
        f"550 <r{number}@example.com>: {words} (id {number:x}-4F{number})".replace("<>", "")
        for number in (first, second)
    )
    assert refusals.cause(one) == refusals.cause(other)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("400: from parameter is not a valid address. please check documentation", SENDER_REFUSED),
        ("400: 'from' parameter is not a valid address", SENDER_REFUSED),
        (
            "400: Domain sandbox1.example.com is not allowed to send: Free accounts are for test purposes",
            SENDER_REFUSED,
        ),
        ("Invalid 'From' address: 'news'.", SENDER_REFUSED),
        ("The 'From' address you supplied is not a Sender Signature on your account.", SENDER_REFUSED),
        ("422 (validation_error): Invalid `from` field.", SENDER_REFUSED),
        ("The example.com domain is not verified.", SENDER_REFUSED),
        ("400: to parameter is not a valid address. please check documentation", READER_REFUSED),
        ("422 (validation_error): Invalid `to` field.", READER_REFUSED),
        ("Error parsing 'To': Illegal email domain.", READER_REFUSED),
        ("422: Missing `html`.", MESSAGE_REFUSED),
    ],
)
def test_an_api_s_words_tell_sender_and_recipient_apart(words: str, refusal: Refusal) -> None:
    assert refusals.by_words(words, MESSAGE_REFUSED) == refusal


def test_an_api_s_entries_become_an_answer_and_a_stop_pauses() -> None:
    accepted = Result(outcome=Outcome.ACCEPTED, provider_id="1")

    answer = refusals.listed([accepted, (READER_GONE, "gone"), (SENDER_REFUSED, "no credits"), (NOT_CLEAR, "?")])

    outcomes = [result.outcome for result in answer.results]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.BUSY, Outcome.UNKNOWN]
    assert [result.retryable for result in answer.results] == [False] * 4
    assert answer.stop == "no credits"


@pytest.mark.parametrize(
    ("refusal", "count", "splits", "stops"),
    [
        (READER_REFUSED, 2, True, False),
        (READER_REFUSED, 1, False, False),
        (MESSAGE_REFUSED, 2, True, False),
        (SENDER_REFUSED, 2, False, True),
        (PROVIDER_BUSY, 2, False, False),
    ],
)
def test_only_what_may_be_about_one_recipient_is_halved(
    refusal: Refusal, count: int, splits: bool, stops: bool
) -> None:
    batch = Batch(mailing=None, recipients=(None,) * count, key="", label="")  # type: ignore[arg-type]

    answer = refusals.whole(batch, refusal, "no")

    assert (answer.split, bool(answer.stop), len(answer.results)) == (splits, stops, count)
