"""The mail server: a connection, its encryption and the login, on servers that play a script."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from newsletter.doctor import mail_server
from newsletter.doctor.finding import CheckResult
from newsletter.doctor.mail_server import mail_server_results
from tests.doctor.certificates import certificate
from tests.support.mail_server import Script
from tests.support.ports import deaf_port, free_port


def results(port: int, **more: str) -> dict[str, CheckResult]:
    """The results by the last part of the check's name."""
    known = {"host": "localhost", "port": str(port), "security": "none", "username": "", "password": ""}
    found = mail_server_results({**known, "connections": "1", **more}, "news.example.com")
    return {result.check.rpartition(".")[2]: result for result in found}


def test_a_mail_server_that_answers_passes_and_gets_no_message() -> None:
    with Script({}) as server:
        found = results(server.port)

        assert {result.state for result in found.values()} == {"pass"}
        assert not any(command.startswith(("MAIL", "RCPT", "DATA")) for command in server.heard)


def test_a_server_without_starttls_fails_with_the_security_it_wants() -> None:
    with Script({}) as server:
        found = results(server.port, security="starttls")

    assert found["connection"].state == "fail"
    assert "STARTTLS" in found["connection"].message


def test_a_server_with_starttls_passes_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate(tmp_path, name="localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    port = free_port()
    server = Controller(Sink(), hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True)
    server.start()
    try:
        trusted = results(port, host="127.0.0.1", security="starttls")
        monkeypatch.delenv("SSL_CERT_FILE")
        unknown = results(port, host="127.0.0.1", security="starttls")
    finally:
        server.stop()

    assert {str(result.state) for result in trusted.values()} == {"pass"}
    assert "TLSv1" in trusted["encryption"].message
    assert unknown["connection"].state == "fail"
    assert "certificate" in unknown["connection"].message


def test_an_encrypted_connection_passes_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate(tmp_path, name="localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with Script({}, wrap=lambda connection: context.wrap_socket(connection, server_side=True)) as server:
        found = results(server.port, security="tls")

    assert found["encryption"].state == "pass"
    assert "TLSv1" in found["encryption"].message


def test_mail_that_travels_unencrypted_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_server, "LOOPBACK", ())
    with Script({}, features=("STARTTLS",)) as server:
        found = results(server.port)

    assert (found["encryption"].state, found["encryption"].fix) == ("warn", 'Set security = "starttls".')


def test_a_wrong_password_fails_and_is_not_printed() -> None:
    replies = {"AUTH": "535 5.7.8 authentication failed"}
    with Script(replies, features=("AUTH PLAIN",)) as server:
        found = results(server.port, username="news", password="correct horse")

    assert found["connection"].state == "fail"
    assert "refuses the login: 535" in found["connection"].message
    assert "correct horse" not in str(found)


def test_a_right_login_is_named() -> None:
    with Script({"AUTH": "235 ok"}, features=("AUTH PLAIN",)) as server:
        found = results(server.port, username="news", password="correct horse")

    assert 'takes the login of "news"' in found["connection"].message


def test_a_server_that_does_not_greet_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_server, "SECONDS", 0.3)
    gate = threading.Event()
    with Script({"CONNECT": lambda _delivered: "220 late" if gate.wait(60) else None}) as server:
        found = results(server.port)
        gate.set()

    assert found["connection"].state == "fail"
    assert "does not answer within 0.3 seconds" in found["connection"].message


def test_a_port_where_nobody_listens_fails() -> None:
    with deaf_port() as port:
        found = results(port)

    assert found["connection"].state == "fail"
    assert "no connection" in found["connection"].message
