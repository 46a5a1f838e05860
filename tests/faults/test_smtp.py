"""Fault points between us and a mail server: Debian's smtp-sink with its fault switches, and SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.campaigns import claims, counts, resolution
from newsletter.campaigns.campaign import CampaignState
from newsletter.database.tables import batch
from newsletter.providers.dispatch import MOST_ALONE
from newsletter.providers.smtp import WINDOW
from newsletter.sending.sender import THREADS
from newsletter.times import utc_now
from tests import ROOT
from tests.faults.case import ARROWS, Case
from tests.support.mail_server import Script, dumped, smtp_sink, wait_until_heard
from tests.support.ports import free_port

TOML = """[send]
provider = "smtp"
patience = "{patience}"
on_unknown = "{policy}"
[providers.smtp]
host = "127.0.0.1"
port = {port}
security = "none"
"""
SENDER = """
import sys
from pathlib import Path
from newsletter.campaigns.campaign import get_campaign
from newsletter.config import load_publication
from newsletter.database.connection import open_database
from newsletter.sending.sender import Sender, job_of
from tests.support.sending import Quiet
publication = load_publication(Path(sys.argv[1]) / "newsletter.toml")
database = open_database(publication)
with database.read() as connection:
    campaign = get_campaign(connection, 1)
Sender(job_of(publication, database, campaign), Quiet()).run()
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def cases(tmp_path: Path, port: int) -> Iterator[list[Case]]:
    """Those made by `make`, closed in the end."""
    made: list[Case] = []
    yield made
    for case in made:
        case.database.close()


def make(
    cases: list[Case], folder: Path, port: int, readers: int = 40, policy: str = "hold", patience: str = "0s"
) -> Case:
    toml = TOML.format(port=port, policy=policy, patience=patience)
    cases.append(Case(folder / "publication", toml, "smtp", readers=readers, size=20))
    return cases[-1]


def check(case: Case, folder: Path) -> None:
    """The same as `Case.check`, for who is in the sink's folder."""
    assert case.moves() <= ARROWS
    has = Counter(dumped(folder))
    states = {f"r{id.partition('.')[2]}@example.com": state for id, state in case.states().items()}
    assert max(has.values(), default=0) <= 1
    assert len(states) == sum(case.counts().values()) == case.readers
    assert [address for address, state in states.items() if state == "accepted" and address not in has] == []
    assert [address for address in has if states[address] not in ("accepted", "unknown")] == []


@pytest.mark.parametrize(
    ("switches", "state", "counts"),
    [
        ([], CampaignState.SENT, {"accepted": 40}),
        (["-p"], CampaignState.SENT, {"accepted": 40}),
        (["-q", "."], CampaignState.SENT, {"unknown": 40}),
        (["-Q", "."], CampaignState.PAUSED, {"queued": 40}),
        (["-q", "DATA"], CampaignState.PAUSED, {"queued": 40}),
        (["-Q", "MAIL"], CampaignState.PAUSED, {"queued": 40}),
        (["-r", "RCPT"], CampaignState.PAUSED, {"queued": 40}),
        (["-f", "RCPT"], CampaignState.PAUSED, None),
        (["-f", "."], CampaignState.PAUSED, None),
        (["-f", "MAIL"], CampaignState.PAUSED, {"queued": 40}),
    ],
    ids=lambda value: " ".join(value) or "well" if isinstance(value, list) else "",
)
def test_f25_whatever_a_mail_server_does_nobody_gets_two_and_everyone_is_counted(
    cases: list[Case],
    tmp_path: Path,
    port: int,
    switches: list[str],
    state: CampaignState,
    counts: dict[str, int] | None,
) -> None:
    case = make(cases, tmp_path, port)
    with smtp_sink(tmp_path / "sink", *switches, port=port):
        case.send()

    assert counts in (None, case.counts())
    assert counts is None or case.campaign.state is state
    if "." not in switches:  # the sink writes down what it refuses after the last dot, too
        check(case, tmp_path / "sink")


def test_f25_killed_in_the_middle_only_what_was_in_the_air_is_unknown(
    cases: list[Case], tmp_path: Path, port: int
) -> None:
    case, sink = make(cases, tmp_path, port, readers=600), tmp_path / "sink"
    with smtp_sink(sink, "-w", "1", port=port):
        command = [sys.executable, "-c", SENDER, str(case.publication.root)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
            while len(os.listdir(sink)) < 6:
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        wait_until_heard(port)  # what the sink had got whole it still writes down

    with smtp_sink(sink, port=port):
        case.send()

    found = case.counts()
    assert 0 < found["unknown"] <= WINDOW * THREADS
    assert found["accepted"] == 600 - found["unknown"]
    check(case, sink)


def test_a_wish_to_stop_is_heard_in_the_middle_of_a_batch(cases: list[Case], tmp_path: Path, port: int) -> None:
    case = make(cases, tmp_path, port, readers=600)
    with smtp_sink(tmp_path / "sink", port=port):
        command = [sys.executable, "-c", SENDER, str(case.publication.root)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
            while not os.listdir(tmp_path / "sink"):
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            process.wait()

        assert case.counts().get("unknown", 0) == case.counts().get("handed", 0) == 0
        assert not postponed(case)  # our own stop is not taken for a busy server's
        check(case, tmp_path / "sink")
        case.send()

    assert case.counts() == {"accepted": 600}
    check(case, tmp_path / "sink")


def postponed(case: Case) -> Sequence[int]:
    """The batches that are not to be tried again before some time."""
    with case.database.read() as connection:
        return connection.execute(select(batch.c.no).where(batch.c.not_before.is_not(None))).scalars().all()


@pytest.mark.parametrize("policy", ["assume-sent", "resend"])
def test_the_policy_for_unknown_deliveries_is_followed(
    cases: list[Case], tmp_path: Path, port: int, policy: str
) -> None:
    case = make(cases, tmp_path, port, policy=policy)
    with smtp_sink(tmp_path / "lost", "-q", ".", port=port):
        case.send()

    assert case.counts() == ({"accepted": 40} if policy == "assume-sent" else {"queued": 40})


def test_a_person_s_word_settles_what_is_unknown(cases: list[Case], tmp_path: Path, port: int) -> None:
    case = make(cases, tmp_path, port)
    with smtp_sink(tmp_path / "lost", "-q", ".", port=port):
        case.send()

    with case.database.begin() as connection:
        assert resolution.resolve_campaign(connection, 1, "assume-sent", utc_now()) == 40

    assert case.counts() == {"accepted": 40}
    assert case.campaign.state is CampaignState.SENT


def test_who_is_sent_it_again_is_in_new_batches_with_a_note(cases: list[Case], tmp_path: Path, port: int) -> None:
    case = make(cases, tmp_path, port)
    with smtp_sink(tmp_path / "lost", "-q", ".", port=port):
        case.send()
    with case.database.begin() as connection:
        resolution.resolve_campaign(connection, 1, "resend", utc_now())
    case.move("reopen")

    with smtp_sink(tmp_path / "sink", port=port):
        case.send()

    assert case.counts() == {"accepted": 40}
    assert sorted(dumped(tmp_path / "sink")) == sorted(f"r{number}@example.com" for number in range(1, 41))


def test_a_batch_that_a_dead_sender_had_marked_is_taken_apart(cases: list[Case], tmp_path: Path, port: int) -> None:
    case = make(cases, tmp_path, port, readers=20)
    with case.database.begin() as connection:
        claim = claims.claim(connection, 1, owner="dead", now=utc_now())
        assert claim
        claims.hand(connection, claim, provider="smtp", now=utc_now())
        claims.save_progress(connection, claim, bytes([0b00111111, 0, 0]), bytes([0b00001111, 0, 0]), utc_now())

    with smtp_sink(tmp_path / "sink", port=port):
        case.send()

    assert case.counts() == {"accepted": 18, "unknown": 2}
    assert {id for id, state in case.states().items() if state == "unknown"} == {"1.5", "1.6"}
    assert len(dumped(tmp_path / "sink")) == 14


def test_a_wish_to_stop_is_heard_between_two_messages_of_a_slow_server(
    cases: list[Case], tmp_path: Path, port: int
) -> None:
    case, sink = make(cases, tmp_path, port, readers=200), tmp_path / "sink"
    with smtp_sink(sink, "-w", "1", port=port):
        command = [sys.executable, "-c", SENDER, str(case.publication.root)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
            while not os.listdir(sink):
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            process.wait(60)

        # What was still in the air when its time to stop was over would be one of these.
        assert case.counts().get("unknown", 0) == case.counts().get("handed", 0) == 0
        check(case, sink)


def test_a_pause_is_heard_between_two_messages_of_a_slow_server(cases: list[Case], tmp_path: Path, port: int) -> None:
    case, sink = make(cases, tmp_path, port, readers=200), tmp_path / "sink"
    with smtp_sink(sink, "-w", "1", port=port):
        sending = threading.Thread(target=case.send)
        sending.start()
        while not os.listdir(sink):
            time.sleep(0.01)
        case.move("pause")
        began = len(os.listdir(sink))
        sending.join()

    # Those whose call had begun, and those that began within the second after.
    assert len(os.listdir(sink)) - began <= 2 * THREADS
    assert case.counts().keys() == {"accepted", "queued"}
    check(case, sink)


@pytest.mark.slow
def test_f25_a_reader_whose_mail_server_says_later_holds_nobody_up_and_is_rejected_in_the_end(
    cases: list[Case], tmp_path: Path, port: int
) -> None:
    case = make(cases, tmp_path, port, readers=20, patience="2s")

    with Script({"RCPT TO:<r7@": "450 4.2.0 greylisted, come back later"}, port=port):
        case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.SENT, {"accepted": 19, "rejected": 1})
    with case.database.read() as connection:
        (found,) = counts.named(connection, 1, "rejected", 10)
        assert resolution.count_retryable(connection, 1) == 1
    assert found.email == "r7@example.com"
    assert found.detail == "the recipient was refused: 450 4.2.0 greylisted, come back later, for longer than 2s"
    assert "Tried again by itself for 2s." in case.watcher.said[0]


def test_f25_a_mail_server_that_puts_everyone_off_is_not_asked_for_each_and_pauses_the_campaign(
    cases: list[Case], tmp_path: Path, port: int
) -> None:
    case = make(cases, tmp_path, port, readers=20, patience="0s")

    with Script({"RCPT": "450 4.3.2 not now"}, port=port) as server:
        case.send()

    assert (case.campaign.state, case.counts()) == (CampaignState.PAUSED, {"queued": 20})
    assert sum(heard.startswith("RCPT") for heard in server.heard) == MOST_ALONE
