"""`send` and `test` through a mail server whose settings are wrong, and through Postfix's smtp-sink."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from tests.acceptance.test_send import deliveries, found, publication, run
from tests.providers.test_smtp import certificate
from tests.support.mail_server import Script, dumped, smtp_sink

SMTP = '[send]\nprovider = "smtp"\npatience = "2s"\n[providers.smtp]\nhost = "localhost"\nport = {}\nsecurity = "{}"\n'


def test_starttls_on_a_port_of_tls_pauses_the_campaign_with_the_right_setting(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    with Script({}, wrap=lambda connection: context.wrap_socket(connection, server_side=True)) as server:
        folder = publication(tmp_path / "news", SMTP.format(server.port, "starttls"), readers=20)
        began = time.monotonic()
        sent = run(folder, "send", "hello", "--yes")
        tested = run(folder, "test", "hello", "--to", "me@example.com")

    assert time.monotonic() - began < 40
    assert (sent.returncode, tested.returncode) == (4, 1)
    for said in (sent.stderr, tested.stderr):
        assert 'it expects TLS from the first byte: set security = "tls"' in said
    assert found(folder)["deliveries"] == deliveries(queued=20)


def test_tls_on_a_port_of_starttls_pauses_the_campaign_with_the_right_setting(tmp_path: Path) -> None:
    with Script({}, ("STARTTLS",)) as server:
        folder = publication(tmp_path / "news", SMTP.format(server.port, "tls"), readers=20)
        sent = run(folder, "send", "hello", "--yes")

    assert sent.returncode == 4
    assert 'it does not begin with TLS: set security = "starttls"' in sent.stderr


def test_a_server_that_lives_on_one_connection_gets_a_campaign_and_a_test_beside_it(tmp_path: Path) -> None:
    with Script({}, most=1) as server:
        folder = publication(tmp_path / "news", SMTP.format(server.port, "none"), readers=300)
        sent = run(folder, "send", "hello", "--yes")
        tested = run(folder, "test", "hello", "--to", "me@example.com")

    assert (sent.returncode, tested.returncode) == (0, 0), sent.stderr + tested.stderr
    assert len(server.taken) == 301


def test_a_sender_that_postfix_refuses_in_its_answer_to_rcpt_pauses_and_rejects_nobody(tmp_path: Path) -> None:
    refused = "553 5.7.1 <news@example.com>: Sender address rejected: not owned by user news"
    with Script({"RCPT": refused}) as server:
        folder = publication(tmp_path / "news", SMTP.format(server.port, "none"), readers=100)
        sent = run(folder, "send", "hello", "--yes")

    assert sent.returncode == 4
    assert "not owned by user" in sent.stderr
    assert found(folder)["deliveries"] == deliveries(queued=100)


@pytest.mark.parametrize("connections", [1, 8])
def test_postfix_s_sink_gets_everything_over_so_many_connections(tmp_path: Path, connections: int) -> None:
    with smtp_sink(tmp_path / "sink", "-m", f"{connections}") as port:
        more = SMTP.format(port, "none") + f"connections = {connections}\n"
        folder = publication(tmp_path / "news", more, readers=400)
        sent = run(folder, "send", "hello", "--yes")

    assert sent.returncode == 0, sent.stderr
    assert len(dumped(tmp_path / "sink")) == 400
