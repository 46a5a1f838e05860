"""The wrong `security` in newsletter.toml: one sentence that names the right one, and no long silence."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from newsletter.providers import smtp_connections, smtp_session
from newsletter.providers.base import Answer
from newsletter.providers.smtp import send
from tests.providers.test_postmark import batch, recipient
from tests.providers.test_smtp import PLAIN, UNSIGNED, certificate, outcomes
from tests.support.mail_server import Script, after_seconds


@pytest.fixture(autouse=True)
def _short_silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(smtp_session, "SILENCE_SECONDS", 0.3)
    yield
    smtp_connections.close_idle()


@pytest.fixture
def encrypt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[socket.socket], socket.socket]:
    """Return what makes a connection TLS from the first byte, with a certificate that is trusted."""
    path, key = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return lambda connection: context.wrap_socket(connection, server_side=True)


def hand_over(server: Script, security: str) -> Answer:
    began = time.monotonic()
    answer = send(
        batch(recipient(1), recipient(2)),
        {**PLAIN, **UNSIGNED, "host": "localhost", "port": str(server.port), "security": security},
    )
    smtp_connections.close_idle()
    assert time.monotonic() - began < 15
    return answer


@pytest.mark.parametrize("security", ["starttls", "none"])
def test_a_server_that_begins_with_tls_is_named(
    security: str, encrypt: Callable[[socket.socket], socket.socket]
) -> None:
    with Script({}, wrap=encrypt) as server:
        answer = hand_over(server, security)
        right = hand_over(server, "tls")

    assert answer.stop.endswith('it expects TLS from the first byte: set security = "tls"')
    assert outcomes(answer) == ["busy"] * 2
    assert outcomes(right) == ["accepted"] * 2


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (("STARTTLS",), 'it does not begin with TLS: set security = "starttls"'),
        ((), 'it does not begin with TLS: set security = "none", for it offers no encryption'),
    ],
)
def test_a_server_that_does_not_begin_with_tls_is_named(features: tuple[str, ...], sentence: str) -> None:
    with Script({}, features) as server:
        answer = hand_over(server, "tls")

    assert answer.stop.endswith(sentence)


def test_a_server_without_starttls_is_named() -> None:
    with Script({}) as server:
        answer = hand_over(server, "starttls")

    assert 'does not offer STARTTLS. Set security = "tls"' in answer.stop


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
def test_a_server_that_asks_for_encryption_is_named(stage: str) -> None:
    with Script({stage: "530 5.7.0 Must issue a STARTTLS command first"}) as server:
        answer = hand_over(server, "none")

    assert 'Set security = "starttls"' in answer.stop
    assert outcomes(answer) == ["busy"] * 2


def test_a_server_that_greets_late_is_waited_for() -> None:
    with Script({"CONNECT": after_seconds(1)}) as server:
        answer = hand_over(server, "none")

    assert outcomes(answer) == ["accepted"] * 2


def test_a_server_that_is_no_mail_server_stops_with_its_words() -> None:
    with Script({"CONNECT": "HTTP/1.1 400 Bad Request"}) as server:
        answer = hand_over(server, "none")

    assert "it does not greet like a mail server: HTTP/1.1 400" in answer.stop
