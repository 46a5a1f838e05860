"""Unknown deliveries as users meet them: listed, asked about, decided."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.database.connection import open_database
from newsletter.database.tables import subscriber
from newsletter.sending import database_guard
from newsletter.sending.lock import SenderLock
from newsletter.times import utc_now
from tests.conftest import Run
from tests.faults.case import ARROWS, ENVIRONMENT, Case, handed_over
from tests.support.provider_server import Postmark, Resend
from tests.support.sending import add_readers, settings

Result = subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def lost(tmp_path: Path, newsletter: Run) -> Iterator[tuple[Path, Postmark, Result]]:
    """A campaign to 20 readers through Postmark, whose one answer got lost after the messages were accepted."""
    with Postmark() as server:
        server.faults = ["dropped"]
        publication = settings(tmp_path / "news", server.toml, issue=True)
        database = open_database(publication)
        add_readers(database, 20)
        database.close()
        yield publication.root, server, newsletter("send", "hello", "--yes", cwd=publication.root)


def deliveries(found: Result) -> dict[str, int]:
    counted: dict[str, int] = json.loads(found.stdout)["deliveries"]
    return {state: number for state, number in counted.items() if number}


def test_send_lists_them_and_says_so_by_its_exit_code(lost: tuple[Path, Postmark, Result]) -> None:
    _, _, sent = lost

    assert sent.returncode == 3
    assert "20 unknown" in sent.stdout
    assert "unknown: r1@example.com" in sent.stderr


def test_the_provider_s_words_are_said_while_it_sends_and_told_of_each_reader(tmp_path: Path, newsletter: Run) -> None:
    with Postmark() as server:
        server.faults = ["502"] * 4
        case = Case(tmp_path / "news", server.toml, "postmark", readers=20, size=5)
        folder = case.publication.root
        settings(folder, server.toml, issue=True)
        case.database.close()

        sent = newsletter("send", "hello", "--yes", cwd=folder)
        told = newsletter("why", "r20@example.com", "hello", cwd=folder)

        words = "Postmark answered 502 without words of its own"
        assert sent.returncode == 3
        assert sent.stderr.count(f"{words}: 5 deliveries are unknown.") == 1
        assert f"unknown: r1@example.com: {words}" in sent.stderr
        assert f"unknown: {words}" in told.stdout


@pytest.mark.parametrize(
    ("policy", "told", "most", "ending"),
    [
        ("assume-sent", ["accepted: unknown, taken as sent"], 1, "Unknown, and taken as sent: 20 readers."),
        (
            "resend",
            ["unknown: ", "queued again, whether", "enqueued in batch 2", "handed to postmark", "accepted by postmark"],
            2,
            "Unknown, and sent again: 20 readers, who may have it twice.",
        ),
    ],
)
def test_what_on_unknown_decided_is_told_as_a_person_s_word_is(
    tmp_path: Path, newsletter: Run, policy: str, told: list[str], most: int, ending: str
) -> None:
    with Postmark() as server:
        server.faults = ["dropped"]
        toml = server.toml.replace("[send]\n", f'[send]\non_unknown = "{policy}"\n')
        case = Case(tmp_path / "news", toml, "postmark", readers=20)
        folder = case.publication.root
        settings(folder, toml, issue=True)

        sent = newsletter("send", "hello", "--yes", "--json", cwd=folder)
        why = newsletter("why", "r1@example.com", "hello", cwd=folder)

        assert (sent.returncode, deliveries(sent)) == (0, {"accepted": 20})
        assert ending in sent.stderr
        lines = [line.split("  ", 2)[2] for line in why.stdout.splitlines()[1:]]
        assert lines[:2] == ["enqueued in batch 1", "handed to postmark"]
        assert [line[: len(start)] for line, start in zip(lines[2:], told, strict=True)] == told
        assert server.most_often == most
        assert case.moves() <= ARROWS
        case.database.close()


def test_reconcile_finds_them_in_the_provider_s_search(lost: tuple[Path, Postmark, Result], newsletter: Run) -> None:
    folder, server, _ = lost

    asked = newsletter("reconcile", "hello", "--json", cwd=folder)
    again = newsletter("reconcile", "1", cwd=folder)

    assert (asked.returncode, deliveries(asked)) == (0, {"accepted": 20})
    assert len(server.accepted) == 20
    assert (again.returncode, again.stderr) == (0, "Nothing of campaign 1 is unknown.\n")


def test_reconcile_with_a_search_that_is_down_changes_nothing_and_says_so(
    lost: tuple[Path, Postmark, Result], newsletter: Run
) -> None:
    folder, server, _ = lost
    server.down = True

    asked = newsletter("reconcile", "hello", "--json", cwd=folder)

    assert (asked.returncode, deliveries(asked)) == (3, {"unknown": 20})
    assert "Postmark's search did not answer: 503: down." in asked.stderr
    assert "newsletter resolve 1" in asked.stderr


def test_a_search_that_may_lag_is_to_be_asked_again_and_nobody_is_asked_to_decide(
    lost: tuple[Path, Postmark, Result], newsletter: Run
) -> None:
    folder, server, _ = lost
    server.accepted.clear()

    asked = newsletter("reconcile", "hello", "--json", cwd=folder)

    assert (asked.returncode, deliveries(asked)) == (3, {"unknown": 20})
    assert re.search(r"Postmark's search may lag: ask again from \d\d:\d\d UTC on\.\n", asked.stderr)
    assert "resolve" not in asked.stderr


def test_resolve_asks_what_to_do_and_before_it_sends(lost: tuple[Path, Postmark, Result], newsletter: Run) -> None:
    folder, server, _ = lost

    neither = newsletter("resolve", "hello", cwd=folder)
    unasked = newsletter("resolve", "hello", "--resend", cwd=folder)

    assert neither.returncode == unasked.returncode == 2
    assert "--assume-sent or --resend" in neither.stderr
    assert 'Send "Hello" to 20 readers, some of whom may have it already, through postmark?' in unasked.stderr
    assert len(server.accepted) == 20
    assert deliveries(newsletter("status", "hello", "--json", cwd=folder)) == {"unknown": 20}


def test_resolve_told_both_ways_at_once_decides_nothing(lost: tuple[Path, Postmark, Result], newsletter: Run) -> None:
    folder, server, _ = lost

    both = newsletter("resolve", "hello", "--resend", "--assume-sent", "--yes", cwd=folder)

    assert both.returncode == 2
    assert "Say one of them: --assume-sent or --resend." in both.stderr
    assert len(server.accepted) == 20
    assert deliveries(newsletter("status", "hello", "--json", cwd=folder)) == {"unknown": 20}


def test_resolve_takes_them_as_sent_without_mailing_anybody(
    lost: tuple[Path, Postmark, Result], newsletter: Run
) -> None:
    folder, server, _ = lost

    decided = newsletter("resolve", "hello", "--assume-sent", "--json", cwd=folder)

    assert (decided.returncode, deliveries(decided)) == (0, {"accepted": 20})
    assert "20 readers of campaign 1 count as having it." in decided.stderr
    assert len(server.accepted) == 20


def test_resolve_sends_to_them_again_when_told_so(lost: tuple[Path, Postmark, Result], newsletter: Run) -> None:
    folder, server, _ = lost

    decided = newsletter("resolve", "hello", "--resend", "--yes", "--json", cwd=folder)

    assert (decided.returncode, deliveries(decided)) == (0, {"accepted": 20})
    assert server.most_often == 2


def test_reconcile_makes_the_same_call_again_where_the_key_is_known(tmp_path: Path, newsletter: Run) -> None:
    with Resend() as server:
        case = Case(tmp_path / "news", server.toml, "resend", readers=20)
        handed_over(case, call=True)
        _rename(case, "Another")
        case.send()
        assert case.counts() == {"unknown": 20}
        _rename(case, "Reader 5")

        asked = newsletter("reconcile", "1", "--json", cwd=case.publication.root)

        assert (asked.returncode, deliveries(asked)) == (0, {"accepted": 20})
        case.check(server)
        case.database.close()


def test_a_provider_that_stops_while_it_is_asked_leaves_a_campaign_that_says_what_to_do(
    tmp_path: Path, newsletter: Run
) -> None:
    with Resend() as server:
        case = Case(tmp_path / "news", server.toml, "resend", readers=20)
        settings(case.publication.root, server.toml, issue=True)
        folder = case.publication.root
        handed_over(case, call=False)
        _rename(case, "Another")
        case.send()
        _rename(case, "Reader 5")
        server.quota = 0

        asked = newsletter("reconcile", "1", "--json", cwd=folder)
        again = newsletter("reconcile", "1", "--json", cwd=folder)
        decided = newsletter("resolve", "1", "--assume-sent", "--json", cwd=folder)

        assert (asked.returncode, deliveries(asked)) == (4, {"handed": 20})
        assert "campaign 1 is paused: Resend " in asked.stderr
        assert "You have reached your daily quota." in asked.stderr
        assert (again.returncode, decided.returncode) == (3, 3)
        for told in (asked, again, decided):
            assert "is unknown" not in told.stderr
            assert "20 deliveries of campaign 1 are in doubt." in told.stderr
            assert "newsletter resume 1 && newsletter send hello --list daily" in told.stderr

        server.quota = 1000
        newsletter("resume", "1", cwd=folder)
        between = newsletter("reconcile", "1", cwd=folder)
        sent = newsletter("send", "hello", "--list", "daily", "--yes", "--json", cwd=folder)
        assert between.returncode == 3
        assert "with: newsletter send hello --list daily" in between.stderr
        assert (sent.returncode, deliveries(sent)) == (0, {"accepted": 20})
        case.check(server)
        case.database.close()


def test_a_key_that_is_missing_leaves_a_finished_campaign_as_it_is(
    tmp_path: Path, newsletter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Resend() as server:
        case = Case(tmp_path / "news", server.toml, "resend", readers=20)
        handed_over(case, call=True)
        _rename(case, "Another")
        case.send()
        monkeypatch.delenv("PROVIDER_KEY")

        asked = newsletter("reconcile", "1", cwd=case.publication.root)

        assert asked.returncode == 2
        assert (case.campaign.state, case.counts()) == ("sent", {"unknown": 20})
        case.database.close()


def _rename(case: Case, name: str) -> None:
    with case.database.begin() as connection:
        connection.execute(update(subscriber).where(subscriber.c.id == 5).values(first_name=name))


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Case]:
    """A campaign to 20 readers through Postmark whose sender was killed with the one call in the air."""
    with Postmark() as server:
        case = Case(tmp_path / "news", server.toml, "postmark", readers=20)
        settings(case.publication.root, server.toml, issue=True)
        handed_over(case, call=True)
        yield case
        case.database.close()


def test_what_a_killed_sender_left_is_found_by_whoever_asks_about_it(killed: Case, newsletter: Run) -> None:
    asked = newsletter("reconcile", "1", "--json", cwd=killed.publication.root)

    assert "The last run ended in the middle of a call" in asked.stderr
    assert (asked.returncode, deliveries(asked)) == (0, {"accepted": 20})


def test_what_a_killed_sender_left_can_be_decided_at_once(killed: Case, newsletter: Run) -> None:
    decided = newsletter("resolve", "1", "--assume-sent", "--json", cwd=killed.publication.root)

    assert (decided.returncode, deliveries(decided)) == (0, {"accepted": 20})
    assert "20 readers of campaign 1 count as having it." in decided.stderr


def test_a_cancelled_campaign_whose_sender_was_killed_counts_what_is_unknown(killed: Case, newsletter: Run) -> None:
    folder = killed.publication.root

    cancelled = newsletter("cancel", "1", "--json", cwd=folder)
    again = newsletter("send", "hello", "--yes", "--json", cwd=folder)

    assert (cancelled.returncode, deliveries(cancelled)) == (0, {"unknown": 20})
    assert "of 20 readers it is unknown" in cancelled.stderr
    assert "right now" not in cancelled.stderr
    assert (again.returncode, deliveries(again)) == (3, {"unknown": 20})
    killed.check()


def test_a_send_of_a_campaign_that_was_cancelled_before_finds_what_a_killed_sender_left(
    killed: Case, newsletter: Run
) -> None:
    killed.move("cancel")

    over = newsletter("send", "hello", "--yes", "--json", cwd=killed.publication.root)

    assert (over.returncode, deliveries(over)) == (3, {"unknown": 20})


def test_what_a_living_sender_has_in_the_air_is_left_to_it(killed: Case, newsletter: Run) -> None:
    folder = killed.publication.root
    with SenderLock(killed.database.name) as lock:
        assert lock.acquire()

        asked = newsletter("reconcile", "1", "--json", cwd=folder)
        decided = newsletter("resolve", "1", "--resend", "--yes", "--json", cwd=folder)
        cancelled = newsletter("cancel", "1", "--json", cwd=folder)
        over = newsletter("send", "hello", "--yes", "--json", cwd=folder)

    for told in (asked, decided, over):
        assert (told.returncode, deliveries(told)) == (3, {"handed": 20})
        assert "20 deliveries of campaign 1 are in a call right now: ask again when it is over." in told.stderr
        assert "is unknown" not in told.stderr
    assert "20 readers are being handed over right now" in cancelled.stderr


def test_a_copied_database_takes_nothing_over(killed: Case, newsletter: Run) -> None:
    with killed.database.begin() as connection:
        database_guard.adopt(connection, "elsewhere", utc_now())

    cancelled = newsletter("cancel", "1", "--json", cwd=killed.publication.root)

    assert (cancelled.returncode, deliveries(cancelled)) == (0, {"handed": 20})


def test_a_run_that_finds_unknown_deliveries_of_a_paused_campaign_says_so_by_its_exit_code(
    killed: Case, newsletter: Run
) -> None:
    killed.move("pause")

    first = newsletter("run", "--once", cwd=killed.publication.root)

    assert first.returncode == 3
    assert killed.counts() == {"unknown": 20}
