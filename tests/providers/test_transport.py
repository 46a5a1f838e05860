"""The transport over real sockets: a request that failed was not sent, or may have been."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path

import pytest

from newsletter.providers.base import Outcome, Request
from newsletter.providers.body import RequestBody
from newsletter.providers.transport import TransportError, after_the_host, exchange, wait_asked_for
from tests.support.ports import deaf_port
from tests.support.programs import program

BODY = RequestBody([[b"x" * 300_000]])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


def request(url: str) -> Request:
    return Request(method="POST", url=url, headers={"Content-Type": "application/json"}, body=BODY)


@contextmanager
def server(*answers: Callable[[socket.socket], None]) -> Iterator[str]:
    """Open a socket that treats each connection as the script says; its address is the value."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/email/batch"
    finally:
        thread.join()
        listener.close()


def read_request(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < len(BODY):
        received += connection.recv(1 << 20)


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(data)

    return answer


def reset(connection: socket.socket) -> None:
    read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_in_the_middle(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def failure(url: str, *, read: float = 5) -> TransportError:
    with pytest.raises(TransportError) as error:
        exchange(request(url), connect=30, read=read)
    return error.value


def test_a_whole_answer_is_handed_on_with_lower_case_headers() -> None:
    with server(answering(b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nbusy")) as url:
        response = exchange(request(url))

    assert (response.status, response.body, response.headers["retry-after"]) == (429, b"busy", "3")


def test_a_refused_connection_sent_nothing() -> None:
    with deaf_port() as port:
        error = failure(f"http://127.0.0.1:{port}/")

    assert (error.outcome, error.stop) == (Outcome.BUSY, False)
    assert str(port) in error.reason
    assert "refused" in error.reason


def test_a_name_that_cannot_be_found_sent_nothing() -> None:
    error = failure("http://no-such-host.invalid/")

    assert (error.outcome, error.stop) == (Outcome.BUSY, False)
    assert error.reason == "no connection to no-such-host.invalid: its name cannot be found"


def test_a_connection_that_is_not_encrypted_where_it_must_be_stops() -> None:
    def plain(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with server(plain) as url:
        error = failure(url.replace("http:", "https:"))

    assert (error.outcome, error.stop) == (Outcome.BUSY, True)


def test_a_certificate_that_nobody_vouches_for_stops(tmp_path: Path) -> None:
    with _tls(tmp_path, lambda connection: None) as url:
        error = failure(url)

    assert (error.outcome, error.stop) == (Outcome.BUSY, True)
    assert "certificate" in error.reason or "hostname" in error.reason or "signed" in error.reason


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(read_request, id="closed after the request"),
        pytest.param(reset, id="reset after the request"),
        pytest.param(reset_in_the_middle, id="reset in the middle of the request"),
        pytest.param(answering(b"garbage\r\n\r\n"), id="garbage instead of a status line"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[{"), id="body cut"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[{"), id="chunk cut"),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]"), id="not gzip"
        ),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000), id="endless"),
    ],
)
def test_a_request_that_left_without_a_whole_answer_is_unknown(answer: Callable[[socket.socket], None]) -> None:
    def patiently(connection: socket.socket) -> None:
        with suppress(OSError):  # the client hangs up on an answer that is too long
            answer(connection)

    with server(patiently) as url:
        error = failure(url)

    assert (error.outcome, error.stop) == (Outcome.UNKNOWN, False)
    assert error.reason
    assert "object at 0x" not in error.reason


def test_no_answer_in_time_is_unknown() -> None:
    done = threading.Event()

    def silent(connection: socket.socket) -> None:
        read_request(connection)
        done.wait(5)

    with server(silent) as url:
        error = failure(url, read=0.2)
        done.set()

    assert error.outcome is Outcome.UNKNOWN
    assert "within 0.2 s" in error.reason


def test_an_idle_connection_closed_by_the_server_is_opened_again() -> None:
    closed = threading.Event()

    def once(connection: socket.socket) -> None:
        answering(OK)(connection)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with server(once, answering(OK)) as url:
        assert exchange(request(url)).body == b"[]"
        assert closed.wait(30)
        assert exchange(request(url)).body == b"[]"


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with server(answering(b"HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")) as url:
        assert exchange(request(url)).status == 307


def test_a_proxy_named_by_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with server(answering(OK)) as url:
        assert exchange(request(url)).status == 200


def test_an_address_that_is_none_stops() -> None:
    error = failure("http://[::bad/")

    assert (error.outcome, error.stop) == (Outcome.BUSY, True)


@pytest.mark.parametrize(
    ("headers", "text", "wait"),
    [
        ({"retry-after": "7"}, "", 7),
        ({"retry-after": formatdate(1_800_000_060, usegmt=True)}, "", 60),
        ({"ratelimit-reset": "12"}, "", 12),
        ({"x-sib-ratelimit-reset": "30"}, "", 30),
        ({"x-ratelimit-reset": "1800000005"}, "", 5),
        ({"x-ratelimit-reset": "1799999000"}, "", 0),
        ({}, "Please try again after 120 seconds.", 120),
        ({}, "Please try again after Fri, 15 Jan 2027 08:00:10 UTC.", 10),
        ({}, "Please try again later.", None),
        ({"retry-after": "soon"}, "", None),
    ],
)
def test_every_way_to_ask_for_patience_is_understood(headers: dict[str, str], text: str, wait: float | None) -> None:
    assert wait_asked_for(headers, text, now=1_800_000_000) == wait


@contextmanager
def _tls(folder: Path, answer: Callable[[socket.socket], None]) -> Iterator[str]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = [
        program("openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
    ]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(connection: socket.socket) -> None:
        # The client does not trust us: that is the test.
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as encrypted:
            answer(encrypted)

    with server(serve) as url:
        yield url.replace("http:", "https:")


@pytest.mark.parametrize(
    "page",
    ["https://api.example.com/v1/list?cursor=a%2Fb&n=1", "/v1/list?cursor=a%2Fb&n=1", "/v1/list?cursor=a%2Fb&n=1#top"],
)
def test_the_next_page_is_asked_for_by_its_path_whether_or_not_a_host_is_named(page: str) -> None:
    assert after_the_host(page) == "/v1/list?cursor=a%2Fb&n=1"


@pytest.mark.parametrize("page", ["", "nothing", "https://", "https://evil.example.com", "@evil.example.com/x"])
def test_what_names_no_page_leads_nowhere_else(page: str) -> None:
    assert after_the_host(page) == "/"
