"""Only public addresses are asked, on every redirect, and no server can keep the program waiting."""

from __future__ import annotations

import ipaddress
import socket
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.fetch import MOST_BYTES, ask, fetch
from newsletter.network import (
    ALLOW_PRIVATE,
    Connections,
    FetchError,
    NetworkAccess,
    NetworkFailure,
    is_public,
    is_under,
    network_of,
)
from tests.support.web_server import WebServer

DIFFER_BY_VERSION = [*map(ipaddress.ip_network, ("2001::/23", "2002::/16", "::ffff:0:0/96", "192.0.0.0/24"))]
ALLOWED = NetworkAccess(private=True)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1"),
        *("198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
        *("fec0::1", "feff::1", "::8.8.8.8", "::10.0.0.1", "64:ff9b:1::1", "64:ff9b:1:ffff::808:808", "4000::1"),
        *("2002:a00:1::", "2002:c0a8:1::1", "100::1", "100:0:0:1::1", "2001:2::1", "2001:10::1", "2001:1::4"),
        *("3fff::1", "5f00::1", "192.0.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.51.100.1", "203.0.113.1"),
        *("2001:0:7f00:1::f7f7:f7f7", "2001:0:808:808::80ff:fffe", "64:ff9b::c0a8:1", "240.0.0.1", "198.19.255.255"),
    ],
)
def test_these_addresses_are_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
        *("192.0.0.9", "192.0.0.10", "192.31.196.1", "2001:1::1", "2001:3::1", "2001:4:112::1", "2001:20::1"),
        *("2620:4f:8000::1", "2001:200::1", "2001:0:808:808::f7f7:f7f7", "2001:4860:4860::8888"),
    ],
)
def test_these_addresses_are_public(address: str) -> None:
    assert is_public(address)


@given(address=st.ip_addresses(v=4))
def test_an_address_inside_another_is_as_private_as_itself(address: ipaddress.IPv4Address) -> None:
    wrapped = [f"::ffff:{address}", f"64:ff9b::{address}"]

    assert [is_public(each) for each in wrapped] == [is_public(str(address))] * 2


@given(address=st.ip_addresses())
def test_what_python_knows_as_private_is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Python's own tables differ by version: in these networks older ones do not know what is public."""
    differ = any(address in network for network in DIFFER_BY_VERSION)

    assert differ or not is_public(str(address)) or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"])
def test_no_spelling_of_this_machine_is_asked(host: str) -> None:
    with WebServer({"/": (200, "text/plain", b"secret")}) as web:
        with pytest.raises(FetchError) as refused:
            fetch(NetworkAccess(), f"http://{host}:{web.port}/")

        assert web.asked == []
    assert refused.value.failure in (NetworkFailure.PRIVATE, NetworkFailure.NAME)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_into_the_private_network_is_refused(status: int) -> None:
    with WebServer() as inside, WebServer({"/out": (status, f"{inside.url}/admin", b"")}) as web:
        with pytest.raises(FetchError, match="is a private address") as refused:
            fetch(NetworkAccess(own=web.url), f"{web.url}/out")

        assert (len(web.asked), inside.asked) == (1, [])
    assert refused.value.place == f"{web.url}/out"


def test_the_address_that_was_checked_is_the_one_that_is_connected_to() -> None:
    """A name may lead to another machine a moment later, so it is resolved once for each connection."""
    with WebServer({"/": (200, "text/plain", b"hello")}) as web:
        line = Connections(ALLOWED)
        with line.open("127.0.0.1", web.port) as connection:
            assert connection.getpeername() == ("127.0.0.1", web.port)
        line.close()
        assert ask(ALLOWED, "GET", f"http://localhost:{web.port}/").body == b"hello"
        assert web.hosts == [f"localhost:{web.port}"]


@pytest.mark.parametrize("own", ["http://127.0.0.1:1", "http://127.0.0.1:1/news"])
def test_only_what_is_under_the_own_address_may_be_private(own: str) -> None:
    network = NetworkAccess(own=own)

    assert network.allows(own)
    assert network.allows(f"{own}/a")
    assert network.allows(f"{own}?a")
    assert not network.allows(f"{own}0/a")
    assert not network.allows("http://127.0.0.1/a")
    assert not is_under("https://a.example.org/b", "https://a.example")


def test_the_environment_allows_private_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not network_of().private
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    assert network_of().private


@pytest.mark.parametrize(
    ("path", "network", "trouble"),
    [
        ("/circle", ALLOWED, NetworkFailure.CIRCLE),
        ("/slow", replace(ALLOWED, step=0.3), NetworkFailure.SILENT),
        ("/drip", replace(ALLOWED, whole=0.3), NetworkFailure.SILENT),
        ("/endless", ALLOWED, NetworkFailure.LARGE),
        ("/cut", ALLOWED, NetworkFailure.BROKEN),
        ("/file", ALLOWED, NetworkFailure.ADDRESS),
    ],
)
def test_a_server_that_misbehaves_is_one_error_in_time(
    path: str, network: NetworkAccess, trouble: NetworkFailure
) -> None:
    pages = {"/circle": (302, "/circle", b""), "/file": (302, "file:///etc/passwd", b"")}
    with WebServer(pages) as web:
        began = time.monotonic()
        with pytest.raises(FetchError) as failed:
            fetch(network, web.url + path)

    assert time.monotonic() - began < 9  # the usual limits are 10 and 30 seconds
    assert failed.value.failure is trouble
    assert failed.value.place == web.url + path


def test_a_server_that_never_answers_a_handshake_costs_no_more_than_the_time_there_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(FetchError) as failed:
            fetch(replace(ALLOWED, step=60, whole=0.5), f"https://127.0.0.1:{silent.getsockname()[1]}/")

    assert time.monotonic() - began < 50
    assert failed.value.failure is NetworkFailure.SILENT


def test_an_answer_of_exactly_the_limit_is_whole() -> None:
    with WebServer({"/": (200, "text/plain", b"x" * MOST_BYTES)}) as web:
        assert len(fetch(ALLOWED, f"{web.url}/").body) == MOST_BYTES


@pytest.mark.parametrize(
    "url",
    [
        *("http://", "http:///x", "http://a b/", "ftp://example.com/", "http://[::1", "http://x:99999/", "http://x:0/"),
        *("https://a\nb/", "http://exä..mple/", f"http://{'a' * 80}.example/"),
    ],
)
def test_what_is_no_web_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(FetchError) as refused:
        fetch(ALLOWED, url)

    assert refused.value.failure in (NetworkFailure.ADDRESS, NetworkFailure.NAME)
