"""Requests that are sent again: done once, with one answer, and kept no longer than they should be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import requests
from sqlalchemy import Connection, func, select

from newsletter.api_keys import find_key
from newsletter.database.program_tables import api_answer, api_write
from newsletter.database.tables import subscriber
from newsletter.times import utc_now
from newsletter.web.api.operations import ApiResponse
from newsletter.web.api.writes import KEPT, RequestedChange, make_changes
from tests.web.api.serving import ServedApi


def send(api: ServedApi, key: str, email: str, method: str = "POST", path: str = "/subscribers") -> requests.Response:
    return api.ask(method, path, json={"email": email}, headers={"Idempotency-Key": key})


def test_a_request_that_is_sent_again_is_done_once_and_gets_the_same_answer(api: ServedApi) -> None:
    first, second = send(api, "one", "a@example.com"), send(api, "one", "a@example.com")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


def test_the_same_key_with_another_request_is_refused(api: ServedApi) -> None:
    send(api, "two", "b@example.com")

    answer = send(api, "two", "c@example.com")

    assert answer.status_code == 422
    assert answer.json()["type"].endswith("#other-request")
    assert api.ask("GET", "/subscribers/c@example.com").status_code == 404


def test_two_keys_of_the_api_do_not_share_their_idempotency_keys(api: ServedApi) -> None:
    send(api, "three", "d@example.com")

    other = api.ask(
        "POST",
        "/subscribers",
        api.make_key("other"),
        json={"email": "e@example.com"},
        headers={"Idempotency-Key": "three"},
    )

    assert other.status_code == 201


def test_a_refused_request_may_be_sent_again_when_the_reason_is_gone(api: ServedApi) -> None:
    body = {"lists": {"weekly": "active"}}
    header = {"Idempotency-Key": "four"}
    refused = api.ask("PATCH", "/subscribers/f@example.com", json=body, headers=header)
    api.ask("POST", "/subscribers", json={"email": "f@example.com"})

    again = api.ask("PATCH", "/subscribers/f@example.com", json=body, headers=header)

    assert (refused.status_code, again.status_code) == (404, 200)


def test_an_answer_about_a_reader_is_erased_with_the_reader_and_does_not_bring_them_back(api: ServedApi) -> None:
    send(api, "five", "g@example.com")
    api.ask("DELETE", "/subscribers/g@example.com")

    answer = send(api, "five", "g@example.com")

    assert answer.status_code == 410
    assert api.ask("GET", "/subscribers/g@example.com").status_code == 404
    files = [file for file in api.publication.root.glob("newsletter.db*") if b"g@example.com" in file.read_bytes()]
    assert not [file for file in files if file.suffix == ".db"]


def test_odd_idempotency_keys_are_refused(api: ServedApi) -> None:
    for key in ("", "a b", "x" * 256):
        assert send(api, key, "h@example.com").status_code == 400


def test_many_requests_at_once_with_one_key_make_one_reader(api: ServedApi) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _n: send(api, "six", "i@example.com"), range(24)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    with api.database.read() as connection:
        mine = select(func.count()).select_from(subscriber).where(subscriber.c.email == "i@example.com")
        assert connection.execute(mine).scalar_one() == 1


def test_requests_that_change_one_reader_together_all_count(api: ServedApi) -> None:
    api.ask("POST", "/subscribers", json={"email": "j@example.com"})

    def tag(number: int) -> int:
        body = {"email": "j@example.com", "tags": [f"t{number}"]}
        return api.ask("POST", "/subscribers", json=body).status_code

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(tag, range(20))) == {200}

    assert len(api.get("/subscribers/j@example.com")["tags"]) == 20


def test_an_answer_is_kept_for_a_day_and_the_evidence_for_good(api: ServedApi) -> None:
    made: list[int] = []
    with api.database.begin() as connection:
        key = find_key(connection, api.key)
        assert key is not None

        def change(_connection: Connection) -> ApiResponse:
            made.append(1)
            return ApiResponse(value={}, target="subscriber 1")

        old = RequestedChange(
            key=key,
            operation="createSubscriber",
            idempotency_key="old",
            request_hash="r",
            at=utc_now() - KEPT - timedelta(minutes=1),
            change=change,
        )
        make_changes(connection, [old])
        make_changes(connection, [replace(old, at=utc_now())])

        written = select(func.count()).select_from(api_write).where(api_write.c.target == "subscriber 1")
        assert connection.execute(written).scalar_one() >= 2
        kept = select(func.count()).select_from(api_answer).join(api_write).where(api_write.c.idempotency_key == "old")
        assert connection.execute(kept).scalar_one() == 1
    assert len(made) == 2
