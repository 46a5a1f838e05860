"""Campaigns through mail servers that limit, put off, answer late or answer nonsense: who has the message then."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from newsletter.campaigns.campaign import CampaignState
from newsletter.providers import smtp_connections, smtp_session
from newsletter.providers.smtp import WINDOW, send
from newsletter.providers.smtp_errors import RefusedError
from newsletter.providers.smtp_session import SmtpSession
from newsletter.sending.sender import THREADS
from tests import ROOT
from tests.faults.case import ARROWS, Case
from tests.faults.test_smtp import SENDER, TOML
from tests.faults.test_smtp import check as check_dumped
from tests.providers.test_postmark import batch, recipient
from tests.providers.test_smtp import PLAIN, UNSIGNED, outcomes
from tests.support.mail_server import Reply, Script, after_seconds, smtp_sink, wait_until_heard
from tests.support.ports import free_port


@pytest.fixture
def cases() -> Iterator[list[Case]]:
    """Those made by `make`, closed in the end."""
    made: list[Case] = []
    yield made
    for case in made:
        case.database.close()
    smtp_connections.close_idle()


def make(
    cases: list[Case], folder: Path, server: Script, readers: int, *, patience: str = "30m", more: str = ""
) -> Case:
    toml = TOML.format(port=server.port, policy="hold", patience=patience) + more
    cases.append(Case(folder / "publication", toml, "smtp", readers=readers, size=20))
    return cases[-1]


def check(case: Case, server: Script) -> None:
    """Nobody has it twice; whom the ledger calls served are; whoever has it is served or unknown."""
    has = Counter(address for _, address in server.taken)
    states = {f"r{id.partition('.')[2]}@example.com": state for id, state in case.states().items()}
    assert case.moves() <= ARROWS
    assert max(has.values(), default=0) <= 1
    assert [address for address, state in states.items() if state == "accepted" and address not in has] == []
    assert [address for address in has if states[address] not in ("accepted", "unknown")] == []


@pytest.mark.parametrize("reply", ["451 4.3.0 later", "450 4.7.1 busy now", "452 try again", "451 4.7.650 not yet"])
def test_a_message_put_off_after_its_final_dot_holds_nobody_up(cases: list[Case], tmp_path: Path, reply: str) -> None:
    put_off: list[str] = []

    def once(_delivered: int) -> str | None:
        address = next(heard for heard in reversed(server.heard) if heard.startswith("RCPT"))
        if "r7@" not in address or put_off:
            return None
        put_off.append(address)
        return reply

    with Script({".": once}) as server:
        case = make(cases, tmp_path, server, readers=20, more="connections = 1\n")
        case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"accepted": 20})
    assert [address for _, address in server.taken][-1] == "r7@example.com"
    check(case, server)


@pytest.mark.parametrize("most", [1, 2])
def test_a_server_that_takes_one_connection_at_a_time_delivers_a_whole_campaign(
    cases: list[Case], tmp_path: Path, most: int
) -> None:
    with Script({}, most=most) as server:
        case = make(cases, tmp_path, server, readers=200)
        case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"accepted": 200})
    assert not case.watcher.said
    check(case, server)


def test_a_limit_of_messages_a_connection_puts_nobody_of_a_campaign_off(cases: list[Case], tmp_path: Path) -> None:
    limit: Reply = lambda delivered: "452 4.5.3 too many messages in this session" if delivered >= 7 else None  # noqa: E731
    with Script({"MAIL": limit}, most=2) as server:
        case = make(cases, tmp_path, server, readers=200)
        case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"accepted": 200})
    assert not case.watcher.said
    check(case, server)


def test_connections_sets_how_many_messages_leave_at_once(cases: list[Case], tmp_path: Path) -> None:
    together = threading.Barrier(8)
    with Script({".": lambda _: (together.wait(20), None)[1]}) as server:
        case = make(cases, tmp_path, server, readers=160, more="connections = 8\n")
        case.send()

    assert case.counts() == {"accepted": 160}
    assert server.connections == 8


def test_a_message_that_is_stored_slowly_is_waited_for(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With times a hundredth as long as they are."""
    for name in ("ANSWER_SECONDS", "DATA_SECONDS", "TAKEN_SECONDS"):
        monkeypatch.setattr(smtp_session, name, getattr(smtp_session, name) / 300)
    with Script({".": after_seconds(1.2)}) as server:
        case = make(cases, tmp_path, server, readers=2)
        case.send()
    assert case.counts() == {"accepted": 2}


def test_a_server_has_the_time_of_the_standard() -> None:
    assert smtp_session.TAKEN_SECONDS == 600
    assert (smtp_session.ANSWER_SECONDS, smtp_session.DATA_SECONDS, smtp_session.BLOCK_SECONDS) == (300, 120, 180)


def test_a_wish_to_stop_while_a_server_stores_a_message_leaves_only_that_one_unknown(
    cases: list[Case], tmp_path: Path
) -> None:
    silent = threading.Event()

    def stores_for_ever(delivered: int) -> str | None:
        if delivered >= 3:
            silent.wait(60)
        return None

    with Script({".": stores_for_ever}) as server:
        case = make(cases, tmp_path, server, readers=40, more="connections = 2\n")
        command = [sys.executable, "-c", SENDER, str(case.publication.root)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
            while len(server.messages) < 8:
                time.sleep(0.02)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        took = time.monotonic() - began
        found = case.counts()
        silent.set()

    assert took < 12
    assert found == {"accepted": 6, "unknown": 2, "queued": 32}


def test_a_pause_while_a_server_stores_a_message_lets_nothing_else_leave(cases: list[Case], tmp_path: Path) -> None:
    silent = threading.Event()
    with Script({".": lambda delivered: (delivered == 2 and silent.wait(60), None)[1]}) as server:
        case = make(cases, tmp_path, server, readers=40, more="connections = 1\n")
        sending = threading.Thread(target=case.send)
        sending.start()
        while len(server.messages) < 3:
            time.sleep(0.02)
        case.move("pause")
        time.sleep(1.5)
        silent.set()
        sending.join()

    assert case.campaign.state is CampaignState.PAUSED
    assert case.counts() == {"accepted": 3, "queued": 37}
    check(case, server)


@pytest.mark.slow
def test_however_often_a_sender_is_killed_nobody_has_it_twice_and_what_is_unknown_was_in_the_air(
    cases: list[Case], tmp_path: Path
) -> None:
    """NEWSLETTER_KILLS says how often."""
    kills, chance, sink = int(os.environ.get("NEWSLETTER_KILLS", 5)), random.Random(7), tmp_path / "sink"
    with smtp_sink(sink, port=free_port()) as port:
        toml = TOML.format(port=port, policy="hold", patience="30m")
        cases.append(Case(tmp_path / "publication", toml, "smtp", readers=150 * kills, size=60))
        command = [sys.executable, "-c", SENDER, str(cases[0].publication.root)]
        for _ in range(kills):
            before = len(os.listdir(sink))
            with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
                while len(os.listdir(sink)) == before and process.poll() is None:
                    time.sleep(0.005)
                time.sleep(chance.uniform(0, 0.15))
                process.send_signal(signal.SIGKILL)
            wait_until_heard(port)  # what it had got whole it still writes down
        cases[0].send()

    counted = cases[0].counts()
    assert counted.get("unknown", 0) <= kills * WINDOW * THREADS
    assert counted["accepted"] == cases[0].readers - counted.get("unknown", 0)
    check_dumped(cases[0], sink)


LINES = st.sampled_from(
    (
        *("250 ok", "250", "250-ok\r\n250 ok", "2500 ok", "25", "ok", "", "354 go on", "221 bye", "250 ok\r\n250 ok"),
        *("450 later", "550 no", "421 bye", "250-ok\r\n550 no", "250-ok", "\xff\xfe", "999 what", "503 5.5.1 sequence"),
    )
)
COMMANDS = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".", "RSET")


@pytest.mark.parametrize("features", [("PIPELINING", "SIZE 10"), ("8BITMIME", "SMTPUTF8")], ids=["pipelined", "plain"])
@hypothesis_settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(replies=st.dictionaries(st.sampled_from(COMMANDS), LINES, max_size=3))
def test_whatever_a_server_says_nobody_has_it_twice_and_nobody_it_took_counts_as_unsent(
    monkeypatch: pytest.MonkeyPatch, features: tuple[str, ...], replies: dict[str, str]
) -> None:
    for name in dir(smtp_session):
        if name.endswith("_SECONDS"):
            monkeypatch.setattr(smtp_session, name, 0.1)
    with Script(replies, features) as server:
        wanted = {**PLAIN, **UNSIGNED, "port": str(server.port)}
        answers = [send(batch(recipient(number)), wanted) for number in (1, 2, 3)]
        smtp_connections.close_idle()

    has = Counter(address for _, address in server.taken)
    assert max(has.values(), default=0) <= 1
    for number, answer in enumerate(answers, start=1):
        if f"r{number}@example.com" in has:
            assert outcomes(answer) in (["accepted"], ["unknown"])
        elif not replies.get(".", "").startswith("2"):
            assert outcomes(answer) != ["accepted"]


def test_a_server_that_loses_commands_of_one_packet_gets_them_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_session, "PIPELINE_SECONDS", 0.3)
    with Script({}, loses_packets=True) as server:
        answer = send(batch(*map(recipient, range(1, 6))), {**PLAIN, **UNSIGNED, "port": str(server.port)})
        smtp_connections.close_idle()

    assert outcomes(answer) == ["accepted"] * 5
    assert server.connections == 2


@pytest.mark.parametrize("reply", ["503 5.5.1 Error: nested command", "554 5.5.0 improper use of SMTP pipelining"])
def test_a_server_that_refuses_several_commands_in_one_packet_gets_them_one_by_one(reply: str) -> None:
    def refuse(_delivered: int) -> str | None:
        return reply if server.packets[-1].count(b"\r\n") > 1 else None

    with Script({"RCPT": refuse}) as server:
        answer = send(batch(*map(recipient, range(1, 6))), {**PLAIN, **UNSIGNED, "port": str(server.port)})
        smtp_connections.close_idle()

    assert outcomes(answer) == ["accepted"] * 5


def test_a_refusal_that_comes_before_the_end_of_a_message_is_heard() -> None:
    with Script({"DATA": "354 go on\r\n552 5.3.4 message too big"}) as server:
        answer = send(batch(recipient(1)), {**PLAIN, **UNSIGNED, "port": str(server.port)})
        smtp_connections.close_idle()

    assert outcomes(answer) == ["rejected"]


def test_a_refusal_of_a_server_that_hangs_up_in_the_middle_of_a_long_message_is_heard() -> None:
    def refuse(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            for answer in (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"):
                connection.sendall(answer)
                connection.recv(1000)
            connection.sendall(b"554 5.7.1 we do not want that\r\n")
            connection.shutdown(socket.SHUT_WR)
            time.sleep(0.5)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=refuse, args=[listening])
        thread.start()
        session = SmtpSession({**PLAIN, "port": str(listening.getsockname()[1])}, "news.example.com")
        session.open()
        session.envelope("news@example.com", "r1@example.com", 50_000_000)
        with pytest.raises(RefusedError, match="we do not want that"):
            session.body(b"x" * 50_000_000 + b"\r\n")
        thread.join()
