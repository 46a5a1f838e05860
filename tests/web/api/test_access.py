"""Keys: who gets in, what each scope allows, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.api_keys import Scope, revoke_key
from newsletter.times import utc_now
from newsletter.web.api.app import OPERATIONS
from newsletter.web.api.operations import Operation
from tests.web.api.conftest import make_news
from tests.web.api.serving import ServedApi, serve_api

PROBLEM = "application/problem+json"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer nlk_wrong", "Basic nlk_x", "nlk_x"])
def test_without_a_known_key_nobody_gets_in(api: ServedApi, header: str) -> None:
    answer = api.ask("GET", "/lists", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"].endswith("/api/v1/#key-needed")


def test_a_revoked_key_is_refused_from_the_next_request_on(api: ServedApi) -> None:
    key = api.make_key("leaked")
    assert api.ask("GET", "/lists", key).status_code == 200

    with api.database.begin() as connection:
        revoke_key(connection, "leaked", utc_now())

    assert api.ask("GET", "/lists", key).status_code == 401


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_refuses_a_key_without_its_scope(api: ServedApi, operation: Operation) -> None:
    others = ",".join(scope for scope in Scope if scope is not operation.scope)
    key = api.make_key(f"not-{operation.name}", others)
    path = operation.path.replace("{", "").replace("}", "")

    answer = api.ask(operation.method, path, key)

    assert answer.status_code == 403, answer.text
    assert operation.scope in answer.json()["detail"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_that_changes_something_never_does_so_for_a_key_that_may_only_read(operation: Operation) -> None:
    assert operation.scope is not Scope.READ if operation.writes else operation.scope in (Scope.READ, Scope.PUBLISH)


def test_a_key_that_asks_too_often_is_told_when_to_come_back_and_others_are_not_slowed(tmp_path: Path) -> None:
    with serve_api(make_news(tmp_path), rate="3/h") as api:
        answers = [api.ask("GET", "/lists") for _ in range(5)]
        other = api.ask("GET", "/lists", api.make_key("other"))

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 3780
    assert other.status_code == 200


def test_an_unknown_path_and_method_are_problem_documents(api: ServedApi) -> None:
    missing, method = api.ask("GET", "/nothing"), api.ask("PUT", "/lists")

    assert (missing.status_code, missing.headers["content-type"]) == (404, PROBLEM)
    assert (method.status_code, method.headers["allow"]) == (405, "GET, HEAD")
    assert method.headers["content-type"] == PROBLEM
