"""SMTP: the commands on the wire, the meaning of each answer, and the outcome of each broken connection."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import dkim
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as AiosmtpdServer  # noqa: N811
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as AiosmtpdSession
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.messages.mailing import Mailing
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.providers import find_provider, read_settings, smtp_connections
from newsletter.providers.base import Answer
from newsletter.providers.smtp import SMTP, send
from newsletter.providers.smtp_session import SmtpSession
from tests.providers.test_postmark import ENVELOPE, batch, recipient
from tests.support.mail_server import Script, dumped, smtp_sink
from tests.support.ports import deaf_port, free_port
from tests.support.programs import program
from tests.support.sending import settings as publication

PLAIN = {"host": "127.0.0.1", "security": "none", "username": "", "password": "", "connections": "4"}
UNSIGNED = {"dkim_key": "", "dkim_domain": "", "dkim_selector": "newsletter"}


def hand_over(port: int, *numbers: int, **more: str) -> Answer:
    """Send over connections that end with it."""
    wanted = {**PLAIN, **UNSIGNED, "port": str(port), **more}
    try:
        return send(batch(*map(recipient, numbers or (1, 2, 3))), wanted)
    finally:
        smtp_connections.close_idle()


def outcomes(answer: Answer) -> list[str]:
    return [str(result.outcome) for result in answer.results]


def test_every_reader_s_message_arrives_over_one_connection(tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "sink") as port:
        answer = hand_over(port, *range(1, 51))

    assert outcomes(answer) == ["accepted"] * 50
    assert dumped(tmp_path / "sink") == sorted(f"r{number}@example.com" for number in range(1, 51))


def test_the_envelope_is_one_packet_where_the_server_allows_it() -> None:
    with Script({}) as server:
        answer = hand_over(server.port, 1, 2)

    envelope = b"MAIL FROM:<news@example.com> SIZE=%d\r\nRCPT TO:<r1@example.com>\r\nDATA\r\n" % (
        len(server.messages[0]) + 2
    )
    assert outcomes(answer) == ["accepted"] * 2
    assert envelope in server.packets
    assert server.connections == 1
    assert answer.results[0].provider_id == "2.0.0 Ok: queued as 4F2A"


def test_without_pipelining_every_command_waits_for_its_answer() -> None:
    with Script({}, features=()) as server:
        answer = hand_over(server.port, 1)

    assert outcomes(answer) == ["accepted"]
    assert server.packets[1:4] == [b"MAIL FROM:<news@example.com>\r\n", b"RCPT TO:<r1@example.com>\r\n", b"DATA\r\n"]


def test_the_message_is_sent_as_it_was_made() -> None:
    with Script({}) as server:
        hand_over(server.port, 1)

    assert server.messages[0] + b"\r\n" == batch(recipient(1)).mailing.mime(recipient(1))


@given(st.text(), st.text(), st.text(st.characters(codec="ascii")))
def test_no_line_of_any_message_begins_with_a_dot(html: str, text: str, name: str) -> None:
    tags = ("{{ first_name }}",)
    body = f"<p>.NLM00000xNL{html.replace('NLM', '')}</p>\n.\nNLM00000xNL"
    message = CompiledMessage(slug="s", subject="NLM00000xNL", preheader="", html=body, text=f".{text}", tags=tags)
    fields = {"first_name": f".{name}", "name": f".{name}", "unsubscribe_url": "https://news.example.com/u/t"}
    reader = Recipient(delivery_id="1.1", email="r1@example.com", fields=fields)

    data = Mailing(message, ENVELOPE).mime(reader)

    assert b"\n." not in data
    assert data.endswith(b"\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")


@pytest.mark.parametrize("features", [("PIPELINING",), ()], ids=["pipelined", "one by one"])
@pytest.mark.parametrize(
    ("replies", "outcome", "stops"),
    [
        ({"RCPT TO:<r2@": "550 5.1.1 no such mailbox"}, ["accepted", "rejected", "accepted"], False),
        ({"RCPT TO:<r2@": "451 4.7.1 greylisted"}, ["accepted", "busy", "accepted"], False),
        ({"RCPT": "554 5.7.1 Relay access denied"}, ["busy", "busy", "busy"], True),
        ({"MAIL": "550 5.7.1 not from you"}, ["busy", "busy", "busy"], True),
        ({"MAIL": "530 5.7.0 log in first"}, ["busy", "busy", "busy"], True),
        ({"MAIL": "552 5.3.4 too large"}, ["rejected", "rejected", "rejected"], False),
        ({"MAIL": "451 4.3.0 later"}, ["busy", "busy", "busy"], False),
        ({"DATA": "451 4.3.0 later"}, ["busy", "busy", "busy"], False),
        ({".": "554 5.7.1 spam"}, ["rejected", "rejected", "rejected"], False),
        ({".": "452 4.3.1 disk full"}, ["busy", "busy", "busy"], False),
        ({".": "421 4.3.2 going down"}, ["busy", "busy", "busy"], False),
        ({"MAIL": "421 4.3.2 going down"}, ["busy", "busy", "busy"], False),
        ({"CONNECT": "554 5.3.2 no"}, ["busy", "busy", "busy"], True),
        ({"CONNECT": "421 4.3.2 too many"}, ["busy", "busy", "busy"], False),
        ({"MAIL": ""}, ["busy", "busy", "busy"], False),
        ({"DATA": ""}, ["busy", "busy", "busy"], False),
        ({".": ""}, ["unknown", "unknown", "unknown"], False),
    ],
)
def test_what_an_answer_means(
    replies: dict[str, str], outcome: list[str], stops: bool, features: tuple[str, ...]
) -> None:
    with Script(replies, features) as server:
        answer = hand_over(server.port)

    assert outcomes(answer) == outcome
    assert bool(answer.stop) == stops
    assert all(result.reason for result in answer.results if result.outcome != "accepted")


@pytest.mark.parametrize(("command", "outcome"), [("MAIL", "busy"), (".", "unknown")])
def test_an_answer_that_does_not_end_is_no_answer(command: str, outcome: str) -> None:
    with Script({command: "250-on and on\r\n" * 1_000 + "550 no"}) as server:
        answer = hand_over(server.port, 1)

    assert outcomes(answer) == [outcome]


def test_the_last_line_of_an_answer_counts() -> None:
    with Script({".": "250-taken\r\n550 5.7.1 after all not"}) as server:
        answer = hand_over(server.port, 1)

    assert outcomes(answer) == ["rejected"]


def test_nobody_answering_is_busy() -> None:
    with deaf_port() as port:
        answer = hand_over(port)

    assert outcomes(answer) == ["busy"] * 3
    assert "no connection: Connection refused" in answer.results[0].reason
    assert not answer.stop


def test_a_connection_that_was_closed_between_messages_is_opened_again() -> None:
    with Script({"MAIL": "421 4.4.2 idle too long"}) as server:
        hand_over(server.port, 1)
    with Script({}) as server:
        wanted = {**PLAIN, **UNSIGNED, "port": str(server.port)}
        answers = [send(batch(recipient(1)), wanted)]
        server.replies["MAIL"] = "421 4.4.2 idle too long"
        answers.append(send(batch(recipient(2)), wanted))

    assert [outcomes(answer) for answer in answers] == [["accepted"], ["busy"]]
    assert server.connections == 2


def test_an_address_with_characters_that_smtp_cannot_carry_is_rejected() -> None:
    reader = Recipient(delivery_id="1.1", email="jörg@example.com", fields=recipient(1).fields)
    answer = send(batch(reader), {**PLAIN, **UNSIGNED, "port": "1"})

    assert outcomes(answer) == ["rejected"]


def test_starttls_that_is_not_offered_stops_before_anything_is_said() -> None:
    with Script({}) as server:
        answer = hand_over(server.port, security="starttls")

    assert "does not offer STARTTLS" in answer.stop
    assert server.messages == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_message_travels_encrypted_and_with_a_login(
    security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(tmp_path, implicit=security == "tls") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        login = {"username": "news", "password": "secret", "host": "localhost"}
        good = hand_over(server.port, security=security, **login)
        bad = hand_over(server.port, security=security, **{**login, "password": "wrong"})
        monkeypatch.delenv("SSL_CERT_FILE")
        untrusted = hand_over(server.port, security=security, **login)

    assert outcomes(good) == ["accepted"] * 3
    assert server.received == ["r1@example.com", "r2@example.com", "r3@example.com"]
    assert "535" in bad.stop
    assert "no encrypted connection" in untrusted.stop


def test_what_goes_out_is_signed_with_the_unsubscribe_headers(tmp_path: Path) -> None:
    key, record = _key_pair()
    with Script({}) as server:
        answer = hand_over(server.port, 1, dkim_key=key, dkim_selector="mail")

    data = server.messages[0] + b"\r\n"
    signed = str(message_from_bytes(data)["DKIM-Signature"]).replace("\r\n", "").replace(" ", "")
    assert outcomes(answer) == ["accepted"]
    assert "d=example.com" in signed
    assert ":list-unsubscribe:list-unsubscribe-post:" in signed
    assert dkim.verify(data, dnsfunc=lambda name, timeout=5: record if name == b"mail._domainkey.example.com." else b"")
    assert not dkim.verify(data.replace(b"/unsubscribe/t", b"/unsubscribe/x"), dnsfunc=lambda name, timeout=5: record)


def test_a_key_that_is_none_stops_and_says_which_setting() -> None:
    with Script({}) as server:
        answer = hand_over(server.port, dkim_key="nonsense")

    assert "[providers.smtp] dkim_key" in answer.stop
    assert server.messages == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('port = "http"', "port = 'http': write a number up to 65535"),
        ("port = 99999", "write a number up to 65535"),
        ('security = "startls"', 'Did you mean "starttls"? Values: none, starttls, tls.'),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_provider(publication(tmp_path, f'[providers.smtp]\nhost = "mail.example.com"\n{line}\n'), "smtp")

    assert words in str(caught.value)
    assert "newsletter.toml:12: " in str(caught.value)


def test_a_port_may_be_a_number_and_secrets_are_read_only_when_set(tmp_path: Path) -> None:
    news = publication(tmp_path, '[providers.smtp]\nhost = "mail.example.com"\nport = 25\n')

    assert read_settings(news, find_provider(news, "smtp"))["port"] == "25"
    assert SMTP.window == 20


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost and its key."""
    path, key = folder / "certificate.pem", folder / "key.pem"
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key)]
    subprocess.run([*command, "-out", str(path)], check=True, capture_output=True)
    return path, key


class _Server(Controller):
    """A mail server (aiosmtpd) with TLS and a login, which keeps the recipients."""

    def __init__(self, context: ssl.SSLContext, *, implicit: bool) -> None:
        self.received: list[str] = []
        self._context, self._implicit = context, implicit
        implicit_context = context if implicit else None
        super().__init__(self, hostname="localhost", port=free_port(), ssl_context=implicit_context, ready_timeout=60)

    def factory(self) -> AiosmtpdServer:
        starttls = None if self._implicit else self._context
        required = not self._implicit
        return AiosmtpdServer(
            self,
            tls_context=starttls,
            authenticator=self._login,
            auth_required=required,
            auth_require_tls=required,
        )

    def _login(
        self, server: AiosmtpdServer, session: AiosmtpdSession, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login, data.password) == (b"news", b"secret"), handled=False)

    async def handle_DATA(  # noqa: N802
        self, server: AiosmtpdServer, session: AiosmtpdSession, envelope: Envelope
    ) -> str:
        self.received += envelope.rcpt_tos
        return "250 ok"


class tls_server:  # noqa: N801 - a context manager
    def __init__(self, folder: Path, *, implicit: bool) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate(folder))
        self._server = _Server(context, implicit=implicit)

    def __enter__(self) -> _Server:
        self._server.start()
        return self._server

    def __exit__(self, *_exception: object) -> None:
        self._server.stop()


def _key_pair() -> tuple[str, bytes]:
    """Make a private key in PEM and its DNS record."""
    key = subprocess.run([program("openssl"), "genrsa", "2048"], check=True, capture_output=True).stdout
    public = subprocess.run([program("openssl"), "rsa", "-pubout"], input=key, check=True, capture_output=True).stdout
    return key.decode(), b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])


@pytest.fixture(autouse=True)
def _no_connection_outlives_a_test() -> Iterator[None]:
    yield
    smtp_connections.close_idle()


def test_nothing_waits_for_a_packet_to_be_full() -> None:
    with Script({}) as server:
        session = SmtpSession({**PLAIN, "port": str(server.port)}, "news.example.com")
        session.open()
        assert session.sock
        waits_for_none = session.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        session.close()

    assert waits_for_none
