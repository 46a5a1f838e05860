"""Resend: the request that it gets, the meaning of its answers, and its idempotency keys."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.providers.base import Answer, Batch, Outcome
from newsletter.providers.dispatch import hand_over, payload_hash, prepare
from newsletter.providers.resend import RESEND, outcomes, request
from tests.providers.test_postmark import answer, recipient
from tests.providers.test_postmark import batch as batch_of
from tests.support.provider_server import KEY, Resend

SETTINGS = {"api_key": KEY, "base_url": "https://api.example.com"}
TWO = batch_of(recipient(1), recipient(2))


def send(server: Resend, batch: Batch) -> Answer:
    return hand_over(prepare(RESEND, batch, {**SETTINGS, "base_url": server.url}))


def people(number: int, key: str = "k") -> Batch:
    return replace(batch_of(*map(recipient, range(1, number + 1))), key=key)


def test_a_batch_is_one_request_under_its_key_with_everything_a_message_needs() -> None:
    made = request(batch_of(recipient(1, "Ada"), recipient(2)), SETTINGS)

    first, second = json.loads(bytes(made.body))
    assert (made.method, made.url) == ("POST", "https://api.example.com/emails/batch")
    assert (made.headers["Authorization"], made.headers["Idempotency-Key"]) == (f"Bearer {KEY}", "k")
    assert (first["from"], first["to"]) == ('"Zoë, the Editor" <news@example.com>', ['"Ada" <r1@example.com>'])
    assert (first["subject"], first["reply_to"]) == ("Hello Ada", "editors@example.com")
    assert first["headers"]["List-Unsubscribe"] == "<https://news.example.com/unsubscribe/t>"
    assert first["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert first["tags"] == [{"name": "delivery_id", "value": "1-1"}]
    assert second["to"] == ["r2@example.com"]


def test_the_same_batch_is_the_same_bytes_at_every_attempt() -> None:
    first, second = (prepare(RESEND, people(150), SETTINGS) for _ in range(2))

    assert payload_hash(first) == payload_hash(second) != ""
    assert payload_hash(prepare(RESEND, people(149), SETTINGS)) != payload_hash(first)


def test_ids_come_back_in_order() -> None:
    sent = outcomes(answer(200, {"data": [{"id": "a"}, {"id": "b"}]}), TWO)

    assert [(result.outcome, result.provider_id) for result in sent.results] == [("accepted", "a"), ("accepted", "b")]


@pytest.mark.parametrize(
    ("status", "body", "outcome", "stops"),
    [
        (401, {"name": "missing_api_key", "message": "no"}, "busy", True),
        (403, {"name": "validation_error", "message": "The domain is not verified."}, "busy", True),
        (403, b"<html>", "busy", True),
        (429, {"name": "daily_quota_exceeded", "message": "no"}, "busy", True),
        (429, {"name": "rate_limit_exceeded", "message": "no"}, "busy", False),
        (409, {"name": "concurrent_idempotent_requests", "message": "no"}, "busy", False),
        (409, {"name": "invalid_idempotent_request", "message": "no"}, "unknown", False),
        (500, {"name": "application_error", "message": "no"}, "unknown", False),
        (502, b"<html>", "unknown", False),
        (200, b"<html>", "unknown", False),
        (200, {"data": [{"id": "a"}]}, "unknown", False),
        (200, {"data": []}, "unknown", False),
        (422, b"<html>", "busy", True),
    ],
)
def test_what_an_answer_says_of_everyone(status: int, body: object, outcome: str, stops: bool) -> None:
    sent = outcomes(answer(status, body), TWO)

    assert {result.outcome for result in sent.results} == {outcome}
    assert (bool(sent.stop), sent.split) == (stops, False)


def test_a_wait_that_is_asked_for_is_kept() -> None:
    busy = answer(429, {"name": "rate_limit_exceeded", "message": "no"}, {"retry-after": "4"})

    assert outcomes(busy, TWO).retry_after == 4


def test_one_bad_address_costs_nobody_else_the_message() -> None:
    with Resend() as server:
        server.bad = {"r37@example.com"}
        sent = send(server, people(100))

    assert [number for number, each in enumerate(sent.results, 1) if each.outcome is Outcome.REJECTED] == [37]
    assert len(server.accepted) == 99
    assert server.most_often == 1
    assert len({result.provider_id for result in sent.results}) == 100


def test_a_repeat_under_the_key_is_answered_as_the_first_was_even_after_halving() -> None:
    with Resend() as server:
        server.bad = {"r3@example.com"}
        first, second = send(server, people(8)), send(server, people(8))

    assert first == second
    assert (len(server.accepted), server.most_often) == (7, 1)


def test_more_than_a_call_may_have_travel_in_several_each_under_a_key(tmp_path: Path) -> None:
    with Resend() as server:
        sent = send(server, people(250))

    assert server.calls == [100, 100, 50]
    assert sorted(server.keys) == ["k-1", "k-2", "k-3"]
    assert {result.outcome for result in sent.results} == {Outcome.ACCEPTED}


def test_after_a_call_that_was_not_taken_the_next_ones_are_not_made() -> None:
    with Resend() as server:
        server.faults = ["", "not accepted: busy"]
        sent = send(server, people(300))

    assert [result.outcome for result in sent.results] == ["accepted"] * 100 + ["busy"] * 200
    assert server.calls == [100]
