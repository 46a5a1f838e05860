"""What a server logs of an error it survives: where it happened, and nothing that names a reader."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.web.error_log import LoggedErrors, masked, masked_text

TOKEN = "0123456789abcdefghijklmnopqrstuv"
ADDRESS = "@".join(("ada", "example.com"))  # written so, since tracebacks quote the lines of this file


async def fail(request: Request) -> Response:
    try:
        raise KeyError(ADDRESS)
    except KeyError as error:
        raise ValueError(f"no reader for {request.path_params['token']}?email={ADDRESS}") from error


def request_once(path: str) -> list[int]:
    """Ask the application for a path; returns the status of each response that began."""
    routes = [Route("/preferences/{token}", fail)]
    app = LoggedErrors(Starlette(routes=routes), routes)
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"email=ada@example.com", "headers": []}
    asyncio.run(app(scope, receive, send))
    return statuses


def test_a_failing_route_logs_its_traceback_and_its_template_but_no_token(caplog: pytest.LogCaptureFixture) -> None:
    assert request_once(f"/preferences/{TOKEN}") == [500]

    assert [record.name for record in caplog.records] == ["newsletter.web.error_log"]
    assert "GET /preferences/{token} failed" in caplog.text
    assert "Traceback" in caplog.text
    assert "in fail" in caplog.text
    assert "ValueError: no reader for" in caplog.text
    assert TOKEN not in caplog.text
    assert ADDRESS not in caplog.text


def test_a_route_that_answers_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert request_once("/nowhere") == [404]

    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no reader ada@example.com", "no reader <address>"),
        ("'José <josé@exämple.org>'", "'José <<address>>'"),
        ("/confirm/abcdefghijklmnopqrstuvwxyz-_0123", "/confirm/<token>"),
        ("GET /subscribe?list=daily&email=x", "GET /subscribe?..."),
        ("database is locked", "database is locked"),
    ],
)
def test_addresses_tokens_and_queries_are_masked(text: str, expected: str) -> None:
    assert masked_text(text) == expected


def test_a_masked_error_keeps_its_name_its_traceback_and_its_causes() -> None:
    try:
        try:
            raise OSError(f"the disk of {ADDRESS} is full")
        except OSError as error:
            raise LookupError(f"no {ADDRESS}") from error
    except LookupError as error:
        copy = masked(error)

    text = logging.Formatter().formatException((type(copy), copy, copy.__traceback__))

    assert "LookupError: no <address>" in text
    assert "OSError: the disk of <address> is full" in text
    assert "test_a_masked_error" in text
    assert ADDRESS not in text
