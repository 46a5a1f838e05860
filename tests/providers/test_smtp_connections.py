"""SmtpConnections to a mail server that takes few messages over each, few at a time, or hangs up."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from newsletter.providers import smtp_connections
from newsletter.providers.base import Answer
from newsletter.providers.smtp import send
from newsletter.providers.smtp_connections import SmtpConnections, connections_to
from tests.providers.test_postmark import batch, recipient
from tests.providers.test_smtp import PLAIN, UNSIGNED, outcomes
from tests.support.mail_server import Reply, Script, after_seconds


@pytest.fixture(autouse=True)
def _no_connection_outlives_a_test() -> Iterator[None]:
    yield
    smtp_connections.close_idle()


def wanted(server: Script, **more: str) -> dict[str, str]:
    return {**PLAIN, **UNSIGNED, "port": str(server.port), **more}


def after(number: int, reply: str) -> Reply:
    """Refuse every message of a connection once it has delivered so many."""
    return lambda delivered: reply if delivered >= number else None


@pytest.mark.parametrize("features", [("PIPELINING",), ()], ids=["pipelined", "one by one"])
@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL", "452 4.5.3 too many messages in this session"),
        ("MAIL", "450 try another connection"),
        ("MAIL", "421 4.7.0 message limit reached, closing"),
        ("MAIL", ""),
        ("RCPT", "452 4.5.3 Too many recipients this session"),
        ("RCPT", "451 4.3.0 later"),
        ("RCPT", "421 too many"),
        ("DATA", "451 4.7.1 too many messages"),
        ("DATA", ""),
        (".", "421 4.7.0 message limit reached, closing"),
    ],
)
def test_a_limit_of_messages_a_connection_puts_nobody_off(command: str, reply: str, features: tuple[str, ...]) -> None:
    with Script({command: after(3, reply)}, features) as server:
        answer = send(batch(*map(recipient, range(1, 11))), wanted(server))
        smtp_connections.close_idle()

    assert outcomes(answer) == ["accepted"] * 10
    assert [address for _, address in server.taken] == [f"r{number}@example.com" for number in range(1, 11)]
    assert Counter(number for number, _ in server.taken) == {1: 3, 2: 3, 3: 3, 4: 1}


def test_a_limit_that_was_met_twice_is_not_met_again() -> None:
    with Script({"MAIL": after(5, "452 4.5.3 enough")}) as server:
        answer = send(batch(*map(recipient, range(1, 41))), wanted(server))
        smtp_connections.close_idle()

    assert outcomes(answer) == ["accepted"] * 40
    assert sum(heard.startswith("MAIL") for heard in server.heard) == 40 + 2
    assert server.connections == 8


def test_a_reader_who_is_put_off_costs_one_new_connection_and_not_one_for_each() -> None:
    greylisted = "450 4.2.0 <{}>: Recipient address rejected: Greylisted, try again in {} seconds"
    later = {f"RCPT TO:<r{number}@": greylisted.format(f"r{number}@example.com", number) for number in range(3, 40, 3)}
    with Script(later) as server:
        answer = send(batch(*map(recipient, range(1, 41))), wanted(server))
        smtp_connections.close_idle()

    assert Counter(outcomes(answer)) == {"accepted": 27, "busy": 13}
    assert all(result.alone for result in answer.results if result.outcome == "busy")
    assert server.connections == 2


def test_a_limit_in_the_words_of_a_reader_s_server_puts_off_one_at_most() -> None:
    def limited(delivered: int) -> str | None:
        return "450 try again later" if delivered >= 3 else None

    with Script({"RCPT TO:<r2@": "450 try again later", "RCPT": limited}) as server:
        answer = send(batch(*map(recipient, range(1, 21))), wanted(server))
        smtp_connections.close_idle()

    assert outcomes(answer)[1] == "busy"
    assert Counter(outcomes(answer))["busy"] <= 2


def together(server: Script, threads: int, each: int, **more: str) -> list[Answer]:
    """Send from several threads at once."""
    answers: list[Answer] = []

    def work(first: int) -> None:
        answers.append(send(batch(*map(recipient, range(first, first + each))), wanted(server, **more)))

    workers = [threading.Thread(target=work, args=[1 + n * each]) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    smtp_connections.close_idle()
    return answers


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_server_that_takes_few_connections_at_a_time_gets_everything(most: int) -> None:
    with Script({".": after_seconds(0.005)}, most=most) as server:
        answers = together(server, threads=4, each=25)

    assert [outcomes(answer) for answer in answers] == [["accepted"] * 25] * 4
    assert len({address for _, address in server.taken}) == len(server.taken) == 100
    assert server.refused <= 4 - most  # each connection too many is tried once, not for every message


def test_a_server_that_takes_one_connection_and_few_messages_over_each_gets_everything() -> None:
    with Script({"MAIL": after(4, "421 4.7.0 enough")}, most=1) as server:
        answers = together(server, threads=4, each=10)

    assert [outcomes(answer) for answer in answers] == [["accepted"] * 10] * 4
    assert len(server.taken) == 40


def test_no_more_connections_are_open_than_the_setting_says() -> None:
    with Script({".": after_seconds(0.005)}) as server:
        answers = together(server, threads=4, each=10, connections="2")

    assert [outcomes(answer) for answer in answers] == [["accepted"] * 10] * 4
    assert server.connections == 2


def test_a_server_that_takes_no_connection_at_all_is_busy_and_teaches_nothing() -> None:
    with Script({}, most=0) as server:
        answers = together(server, threads=4, each=1)

        assert [outcomes(answer) for answer in answers] == [["busy"]] * 4
        assert not any(answer.stop for answer in answers)
        assert "421 4.7.0 too many connections" in answers[0].results[0].reason
        assert connections_to(wanted(server)).most == 4


def test_one_connection_more_is_tried_after_a_while() -> None:
    now = [0.0]
    with Script({}, most=1) as server:
        connections = SmtpConnections(wanted(server), clock=lambda: now[0])
        first = connections.take("news.example.com")
        given_back = threading.Timer(0.2, lambda: connections.give_back(first))
        given_back.start()
        assert connections.take("news.example.com") is first
        assert connections.most == 1

        server._most = 2
        now[0] = smtp_connections.GROWS_AFTER + 1
        second = connections.take("news.example.com")
        assert second is not first
        assert connections.most == 2
        for session in (first, second):
            connections.drop(session)


def test_an_idle_connection_is_closed_so_that_others_find_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_connections, "IDLE_SECONDS", 0.1)
    with Script({}, most=1) as server:
        send(batch(recipient(1)), wanted(server))
        deadline = time.monotonic() + 10
        while "QUIT" not in server.heard and time.monotonic() < deadline:
            time.sleep(0.05)

    assert server.heard[-1] == "QUIT"


def test_a_server_that_closed_idle_connections_puts_nobody_off() -> None:
    with Script({}) as server:
        send(batch(recipient(1)), wanted(server))
        port = server.port
    with Script({}, port=port) as server:
        answer = send(batch(recipient(2)), wanted(server))
        smtp_connections.close_idle()

    assert outcomes(answer) == ["accepted"]


def test_a_wait_for_an_answer_can_be_ended() -> None:
    silent = threading.Event()
    with Script({".": lambda _: (silent.wait(30), "250 ok")[1]}) as server:
        answers: list[Answer] = []
        work = threading.Thread(target=lambda: answers.append(send(batch(recipient(1)), wanted(server))))
        work.start()
        while not server.messages:
            time.sleep(0.01)
        smtp_connections.abort()
        work.join(5)
        silent.set()

    assert outcomes(answers[0]) == ["unknown"]


def test_a_host_that_cannot_be_stops_with_a_sentence_each_time() -> None:
    nowhere = {**PLAIN, **UNSIGNED, "host": "x" * 70 + ".example.com", "port": "25", "connections": "1"}

    answers = [send(batch(recipient(1)), nowhere) for _ in range(3)]

    assert all("a host cannot have such a name" in answer.stop for answer in answers)
