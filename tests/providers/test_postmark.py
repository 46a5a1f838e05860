"""Postmark: the request that it gets, and the meaning of its answers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from newsletter.addresses import Mailbox
from newsletter.messages.mailing import Mailing
from newsletter.messages.types import Envelope, Recipient
from newsletter.providers.base import Batch, Outcome, Response
from newsletter.providers.postmark import POSTMARK, outcomes, request
from tests.support.sending import MESSAGE, NOW

SETTINGS = {"token": "secret", "message_stream": "broadcast", "base_url": "https://api.example.com"}
ENVELOPE = Envelope(
    sender=Mailbox(name="Zoë, the Editor", address="news@example.com"),
    reply_to="editors@example.com",
    list_id="Daily <daily.news.example.com>",
    date=NOW,
    key="k",
)


def recipient(number: int, name: str = "") -> Recipient:
    fields = {"name": name, "unsubscribe_url": "https://news.example.com/unsubscribe/t", "first_name": name}
    return Recipient(delivery_id=f"1.{number}", email=f"r{number}@example.com", fields=fields)


def batch(*recipients: Recipient) -> Batch:
    return Batch(mailing=Mailing(MESSAGE, ENVELOPE), recipients=recipients, key="k", label="1-hello")


TWO = batch(recipient(1), recipient(2))


def answer(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=headers or {}, body=data)


def test_a_batch_is_one_request_with_everything_a_message_needs() -> None:
    made = request(batch(recipient(1, 'Ada "Countess" Lovelace'), recipient(2)), SETTINGS)

    first, second = json.loads(bytes(made.body))
    assert (made.method, made.url) == ("POST", "https://api.example.com/email/batch")
    assert made.headers["X-Postmark-Server-Token"] == "secret"
    assert first["From"] == '"Zoë, the Editor" <news@example.com>'
    assert first["To"] == '"Ada \\"Countess\\" Lovelace" <r1@example.com>'
    assert second["To"] == "r2@example.com"
    assert first["Subject"] == 'Hello Ada "Countess" Lovelace'
    assert first["ReplyTo"] == "editors@example.com"
    assert first["Metadata"] == {"delivery_id": "1.1"}
    assert first["MessageStream"] == "broadcast"
    assert "Hello there" in second["HtmlBody"]
    assert "Hello there" in second["TextBody"]


def test_the_headers_are_ours_and_so_is_the_message_id() -> None:
    (message,) = json.loads(bytes(request(batch(recipient(1)), SETTINGS).body))

    headers = {header["Name"]: header["Value"] for header in message["Headers"]}
    assert headers["Message-ID"] == "<1.1.k@example.com>"
    assert headers["X-PM-KeepID"] == "true"
    assert headers["List-Unsubscribe"] == "<https://news.example.com/unsubscribe/t>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_name_cannot_add_a_recipient_or_a_line() -> None:
    (message,) = json.loads(bytes(request(batch(recipient(1, 'x"\r\nBcc: <evil@example.com>, "y')), SETTINGS).body))

    assert message["To"] == '"x\\" Bcc: <evil@example.com>, \\"y" <r1@example.com>'


def test_without_a_reply_address_none_is_sent() -> None:
    plain = replace(TWO, mailing=Mailing(MESSAGE, replace(ENVELOPE, reply_to="")))

    assert "ReplyTo" not in json.loads(bytes(request(plain, SETTINGS).body))[0]


def test_each_message_gets_its_own_outcome_in_order() -> None:
    inactive = "You tried to send to a recipient that has been marked as inactive."
    parsed = outcomes(answer(200, [{"ErrorCode": 406, "Message": inactive}, {"ErrorCode": 0, "MessageID": "id"}]), TWO)

    rejected, accepted = parsed.results
    assert (rejected.outcome, rejected.reason) == (Outcome.REJECTED, f"{inactive} (code 406)")
    assert (accepted.outcome, accepted.provider_id) == (Outcome.ACCEPTED, "id")
    assert not parsed.stop


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(0, "accepted"), (300, "rejected"), (402, "rejected"), (406, "rejected"), (999, "rejected"), (100, "busy")],
)
def test_what_a_code_says_of_one_message(code: int, outcome: str) -> None:
    parsed = outcomes(answer(200, [{"ErrorCode": code, "Message": "words"}]), batch(recipient(1)))

    assert parsed.results[0].outcome == outcome
    assert not parsed.stop


@pytest.mark.parametrize("code", [10, 400, 401, 405, 412, 413, 1235])
def test_a_code_about_the_account_stops_everything_and_keeps_what_was_accepted(code: int) -> None:
    parsed = outcomes(answer(200, [{"ErrorCode": 0, "MessageID": "id"}, {"ErrorCode": code, "Message": "no"}]), TWO)

    assert [result.outcome for result in parsed.results] == [Outcome.ACCEPTED, Outcome.BUSY]
    assert parsed.stop == f"Postmark refused to send: no (code {code})"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"ErrorCode": 10, "Message": "Request does not contain a valid Server token."}),
        (422, {"ErrorCode": 405, "Message": "You ran out of credits."}),
        (422, {"ErrorCode": 402, "Message": "Invalid JSON."}),
        (403, b"forbidden"),
        (404, b"<html>not here</html>"),
        (413, {"ErrorCode": 0, "Message": "too large"}),
        (302, b""),
    ],
)
def test_a_request_that_is_refused_as_a_whole_stops_and_nothing_was_sent(status: int, body: object) -> None:
    parsed = outcomes(answer(status, body), TWO)

    assert parsed.stop.startswith(f"Postmark refused the request: {status}")
    assert {result.outcome for result in parsed.results} == {Outcome.BUSY}


@pytest.mark.parametrize(
    ("status", "body", "headers", "wait"),
    [
        (429, {"ErrorCode": 429, "Message": "Rate limit exceeded."}, {"retry-after": "5"}, 5),
        (429, b"slow down", {}, None),
        (503, {"ErrorCode": 100, "Message": "Maintenance."}, {}, None),
        (503, b"<html>", {"retry-after": "9"}, 9),
        (500, {"ErrorCode": 100, "Message": "Maintenance."}, {}, None),
    ],
)
def test_a_busy_postmark_took_nothing(status: int, body: object, headers: dict[str, str], wait: float | None) -> None:
    parsed = outcomes(answer(status, body, headers), TWO)

    assert {result.outcome for result in parsed.results} == {Outcome.BUSY}
    assert (parsed.stop, parsed.retry_after) == ("", wait)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Welcome</html>"),
        (200, b'[{"ErrorCode": 0}, {"Err'),
        (200, b""),
        (200, {"ErrorCode": 0, "Message": "OK"}),
        (200, [{"ErrorCode": 0}]),
        (200, [{"ErrorCode": 0}] * 3),
        (200, [{"Message": "no code"}] * 2),
        (202, b""),
        (408, b""),
        (500, {"ErrorCode": 500, "Message": "Internal error."}),
        (502, b"<html>Bad gateway</html>"),
        (504, b""),
    ],
)
def test_an_answer_that_may_hide_an_acceptance_is_unknown(status: int, body: object) -> None:
    parsed = outcomes(answer(status, body), TWO)

    assert {result.outcome for result in parsed.results} == {Outcome.UNKNOWN}
    assert len(parsed.results) == 2
    assert not parsed.stop


def test_postmark_s_limits_are_in_its_record() -> None:
    assert (POSTMARK.batch_size, POSTMARK.byte_cap, POSTMARK.dedupe) == (500, 50_000_000, None)
