"""Logins: any characters, by each mechanism, checked by aiosmtpd and by a server of a few lines."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as AiosmtpdServer  # noqa: N811
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as AiosmtpdSession

from newsletter.providers import find_provider, read_settings, smtp_connections
from newsletter.providers.smtp import send
from tests.providers.test_postmark import batch, recipient
from tests.providers.test_smtp import PLAIN, UNSIGNED, outcomes
from tests.support.mail_server import Reply, Script
from tests.support.ports import free_port
from tests.support.sending import settings as publication

USER, PASSWORD = "jörg@example.com", "pässwörd €🔑 with spaces "
CHALLENGE = "<1896.697170952@mail.example.com>"


@pytest.fixture(autouse=True)
def _no_connection_outlives_a_test() -> Iterator[None]:
    yield
    smtp_connections.close_idle()


class _Server(Controller):
    """A mail server (aiosmtpd) that keeps the logins that it saw."""

    def __init__(self, without: str) -> None:
        self.logins: list[tuple[bytes, bytes]] = []
        self._without = without
        super().__init__(self, hostname="127.0.0.1", port=free_port(), ready_timeout=60)

    def factory(self) -> AiosmtpdServer:
        return AiosmtpdServer(
            self, authenticator=self._login, auth_require_tls=False, auth_exclude_mechanism=[self._without]
        )

    def _login(
        self, server: AiosmtpdServer, session: AiosmtpdSession, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)

    async def handle_DATA(  # noqa: N802
        self, server: AiosmtpdServer, session: AiosmtpdSession, envelope: Envelope
    ) -> str:
        return "250 ok"


@pytest.mark.parametrize("without", ["PLAIN", "LOGIN"])
def test_a_name_and_a_password_may_have_any_characters(without: str) -> None:
    server = _Server(without)
    server.start()
    try:
        login = {**PLAIN, **UNSIGNED, "port": str(server.port), "username": USER, "password": PASSWORD}
        answer = send(batch(recipient(1)), login)
        smtp_connections.close_idle()
        wrong = send(batch(recipient(1)), {**login, "password": "wröng"})
    finally:
        smtp_connections.close_idle()
        server.stop()

    assert outcomes(answer) == ["accepted"]
    assert server.logins[0] == (USER.encode(), PASSWORD.encode())
    assert "535" in wrong.stop


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _cram(replies: Mapping[str, Reply]) -> dict[str, Reply]:
    """Return the replies of a server that offers CRAM-MD5 and checks the answer to its challenge."""
    good = f"{USER} {hmac.new(PASSWORD.encode(), CHALLENGE.encode(), 'md5').hexdigest()}"
    return {"AUTH CRAM-MD5": f"334 {_encoded(CHALLENGE)}", _encoded(good): "235 2.7.0 welcome", **replies}


def test_a_challenge_is_answered_with_the_password_in_utf_8() -> None:
    with Script(_cram({}), ("AUTH CRAM-MD5",)) as server:
        login = {**PLAIN, **UNSIGNED, "port": str(server.port), "username": USER, "password": PASSWORD}
        answer = send(batch(recipient(1)), login)
        smtp_connections.close_idle()

    assert outcomes(answer) == ["accepted"]


def test_where_one_mechanism_is_refused_the_next_is_tried() -> None:
    replies: dict[str, Reply] = {"AUTH CRAM-MD5": "504 5.5.4 not today", "AUTH PLAIN": "235 2.7.0 welcome"}
    with Script(replies, ("AUTH CRAM-MD5 PLAIN",)) as server:
        login = {**PLAIN, **UNSIGNED, "port": str(server.port), "username": USER, "password": PASSWORD}
        answer = send(batch(recipient(1)), login)
        smtp_connections.close_idle()

    assert outcomes(answer) == ["accepted"]
    assert f"AUTH PLAIN {_encoded(chr(0) + USER + chr(0) + PASSWORD)}" in server.heard


@pytest.mark.parametrize(
    ("offered", "sentence"),
    [
        ((), "it offers no login"),
        (("AUTH GSSAPI",), "it offers no login but GSSAPI; this program knows CRAM-MD5, PLAIN, LOGIN"),
    ],
)
def test_a_server_without_a_login_that_we_know_stops_with_a_sentence(offered: tuple[str, ...], sentence: str) -> None:
    with Script({}, offered) as server:
        login = {**PLAIN, **UNSIGNED, "port": str(server.port), "username": USER, "password": PASSWORD}
        answer = send(batch(recipient(1)), login)

    assert sentence in answer.stop


def test_a_server_that_is_too_busy_for_a_login_is_waited_for() -> None:
    with Script({"AUTH": "454 4.7.0 Temporary authentication failure"}, ("AUTH PLAIN",)) as server:
        login = {**PLAIN, **UNSIGNED, "port": str(server.port), "username": USER, "password": PASSWORD}
        answer = send(batch(recipient(1)), login)

    assert outcomes(answer) == ["busy"]
    assert not answer.stop


def test_a_password_from_the_environment_keeps_its_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    news = publication(
        tmp_path, f'[providers.smtp]\nhost = "mail.example.com"\nusername = "{USER}"\npassword = "env:SMTP_PASSWORD"\n'
    )

    loaded = read_settings(news, find_provider(news, "smtp"))

    assert (loaded["username"], loaded["password"]) == (USER, PASSWORD)
