"""The counts of `/metrics` are for the server's machine and for the networks that the settings name."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from newsletter.web.public.client import is_from, with_client_address
from tests.web.public.serving import make_publication, serve

LOOPBACK = ("127.0.0.0/8", "::1/128")
FORWARDED = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Proto"]


def is_let_in(peer: str, headers: dict[str, str], proxies: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> bool:
    """Ask for the counts from this address, through the middleware that finds the client's."""
    verdicts: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        verdicts.append(is_from(Request(scope), [*LOOPBACK, *more]))

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "client": (peer, 40000), "headers": raw, "path": "/metrics", "method": "GET"}

    async def ask() -> None:
        await with_client_address(app, proxies, lambda _sentence: None)(scope, receive, send)

    asyncio.run(ask())
    return verdicts[0]


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_let_in(peer: str) -> None:
    assert is_let_in(peer, {})
    assert is_let_in(peer, {}, proxies=("127.0.0.1",))


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.1.2.3", "2001:db8::1", "::ffff:10.1.2.3", ""])
def test_another_machine_is_not(peer: str) -> None:
    assert not is_let_in(peer, {})
    assert not is_let_in(peer, {"X-Forwarded-For": "127.0.0.1"})


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_network_that_is_named_is(peer: str) -> None:
    assert is_let_in(peer, {}, more=("10.0.0.0/8",))
    assert not is_let_in("11.1.2.3", {}, more=("10.0.0.0/8",))


@pytest.mark.parametrize("name", FORWARDED)
def test_what_a_proxy_on_this_machine_forwards_from_outside_is_refused(name: str) -> None:
    headers = {name: "203.0.113.9"}

    assert not is_let_in("127.0.0.1", headers)
    assert not is_let_in("127.0.0.1", headers, proxies=("127.0.0.1",))
    assert not is_let_in("::ffff:127.0.0.1", headers, proxies=("127.0.0.1",))


def test_behind_a_named_proxy_the_clients_address_counts() -> None:
    through = {"X-Forwarded-For": "10.1.2.3"}

    assert is_let_in("127.0.0.1", through, proxies=("127.0.0.1",), more=("10.0.0.0/8",))
    assert not is_let_in("127.0.0.1", through, more=("10.0.0.0/8",))
    assert not is_let_in("127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}, proxies=("127.0.0.1",))


@given(text=st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=40))
def test_no_forwarded_address_but_this_machines_own_is_let_in(text: str) -> None:
    let_in = is_let_in("127.0.0.1", {"X-Forwarded-For": text}, proxies=("127.0.0.1",))

    assert not let_in or "127." in text or "::1" in text


def test_the_server_refuses_strangers_with_a_sentence_and_counts_them(tmp_path: Path) -> None:
    settings = '[serve]\nproxies = ["127.0.0.1"]\nmetrics_from = ["198.51.100.0/24"]'
    with serve(make_publication(tmp_path / "news", settings)) as running:

        def ask(client: str) -> requests.Response:
            return requests.get(f"{running.url}/metrics", headers={"X-Forwarded-For": client}, timeout=60)

        refused, let_in = ask("203.0.113.9"), ask("198.51.100.7")

    assert refused.status_code == 403
    assert "[serve] metrics_from" in refused.text
    assert "newsletter_http" not in refused.text
    assert let_in.status_code == 200
    assert 'route="/metrics",method="GET",status="403"' in let_in.text
