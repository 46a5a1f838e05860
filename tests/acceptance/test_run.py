"""`newsletter run` and its neighbours, as users run them: real processes, stopped, killed, doubled, copied."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.campaigns import audience
from newsletter.config import load_publication
from newsletter.database.connection import open_database
from newsletter.database.tables import campaign, subscription
from newsletter.sending.sender import DRAIN, THREADS
from newsletter.times import stamp
from tests.acceptance.test_send import (
    POSTMARK,
    addresses,
    deliveries,
    found,
    publication,
    run,
    start,
    wait_for_readers,
    wait_for_words,
)
from tests.support.provider_server import Postmark
from tests.support.sending import start_campaign


@pytest.fixture
def server() -> Iterator[Postmark]:
    with Postmark() as found:
        yield found


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A publication that nothing is to happen to."""
    return publication(tmp_path_factory.mktemp("untouched"), readers=2)


SLACK = 20
"""Seconds that a busy machine may take longer; a call that hangs here hangs until its test is over."""


def soon(seconds: float = 0) -> str:
    """A time to schedule at, in the publication's zone, which is UTC."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


def scheduled(folder: Path, server: Postmark, readers: int) -> Path:
    """Due by now, nobody sends it yet."""
    publication(folder, POSTMARK.format(url=server.url), readers=readers)
    assert run(folder, "schedule", "hello", "--at", soon(), "--yes").returncode == 0
    return folder


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, float]:
    """What it said, and how long it took to go."""
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return err, time.monotonic() - began


def test_a_scheduled_issue_is_sent_at_its_time_to_everyone_once(tmp_path: Path, server: Postmark) -> None:
    folder = publication(tmp_path, POSTMARK.format(url=server.url), readers=20)
    planned = run(folder, "schedule", "hello", "--at", soon(60), "--yes", "--json")
    assert json.loads(planned.stdout) == {
        "campaign": 1,
        "issue": "hello",
        "state": "scheduled",
        "audience": 0,
        "deliveries": deliveries(),
    }
    assert "no `newsletter run` was seen in the last minute" in planned.stderr
    assert (run(folder, "run", "--once").returncode, server.addresses) == (0, [])
    assert run(folder, "schedule", "hello", "--at", soon(2), "--yes").returncode == 0
    process = start(folder, "run")

    followed = run(folder, "status", "hello", "--follow")

    assert (followed.returncode, followed.stdout.splitlines()[-1]) == (0, "sent   20 accepted")
    assert sorted(server.addresses) == addresses(20)
    end(process, signal.SIGTERM)
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_calls_finish_and_the_next_run_goes_on(
    tmp_path: Path, server: Postmark, number: signal.Signals
) -> None:
    server.answers.clear()
    folder = scheduled(tmp_path, server, readers=6000)
    process = start(folder, "run")
    server.wait_for_calls(1)
    wait_for_readers(folder, 6000)
    threading.Timer(0.5, server.answers.set).start()

    err, took = end(process, number)

    assert (process.returncode, took < DRAIN + SLACK) == (0, True)
    assert "Stopping" in err
    assert found(folder)["deliveries"] == deliveries(accepted=len(server.messages), queued=6000 - len(server.messages))
    assert run(folder, "run", "--once").returncode == 0
    assert sorted(server.addresses) == addresses(6000)


def test_a_call_that_hangs_does_not_keep_it_from_stopping_within_ten_seconds(tmp_path: Path, server: Postmark) -> None:
    server.answers.clear()
    folder = scheduled(tmp_path, server, readers=600)
    process = start(folder, "run")
    server.wait_for_calls(2)

    _, took = end(process, signal.SIGTERM)

    assert took < DRAIN + SLACK
    server.answers.set()
    last = run(folder, "run", "--once")
    assert last.returncode == 3
    assert "600 deliveries are unknown, never repeated" in last.stderr
    assert sorted(server.addresses) == addresses(600)


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, server: Postmark) -> None:
    server.answers.clear()
    folder = scheduled(tmp_path, server, readers=10)
    process = start(folder, "run")
    server.wait_for_calls(1)
    process.send_signal(signal.SIGINT)
    wait_for_words(process, "Stopping")

    end(process, signal.SIGINT)

    assert process.returncode == 128 + signal.SIGINT  # politely, after DRAIN, it would have been 0


def test_killed_and_started_again_nobody_gets_it_twice_and_nobody_is_forgotten(
    tmp_path: Path, server: Postmark
) -> None:
    server.answers.clear()
    folder = scheduled(tmp_path, server, readers=6000)
    process = start(folder, "run")
    server.wait_for_calls(2)
    wait_for_readers(folder, 6000)
    end(process, signal.SIGKILL)
    server.answers.set()

    last = run(folder, "run", "--once")

    counts = found(folder)["deliveries"]
    assert last.returncode == 3
    assert max(Counter(server.addresses).values()) == 1
    assert (sum(counts.values()), counts["queued"], counts["handed"]) == (6000, 0, 0)
    assert counts["accepted"] <= len(server.addresses) <= counts["accepted"] + counts["unknown"]


def test_a_second_process_says_who_has_the_database(tmp_path: Path, server: Postmark) -> None:
    server.answers.clear()
    folder = scheduled(tmp_path, server, readers=10)
    process = start(folder, "run")
    server.wait_for_calls(1)

    second = run(folder, "run", "--once")
    server.answers.set()

    assert second.returncode == 1
    assert re.search(rf"process {process.pid} on \S+ \(since [-\d]+ [:\d]+ UTC\) is sending", second.stderr)
    end(process, signal.SIGTERM)


def test_pause_stops_new_calls_at_once_and_resume_lets_them_go_on(tmp_path: Path, server: Postmark) -> None:
    server.answers.clear()
    folder = scheduled(tmp_path, server, readers=4000)
    process = start(folder, "run")
    server.wait_for_calls(THREADS)
    wait_for_readers(folder, 4000)

    paused = run(folder, "pause", "hello")
    server.answers.set()
    while found(folder)["deliveries"]["handed"]:
        time.sleep(0.1)

    assert run(folder, "send", "hello", "--yes").returncode == 1
    assert (paused.returncode, len(server.calls)) == (0, THREADS)
    now = found(folder)
    assert (now["state"], now["deliveries"]["handed"]) == ("paused", 0)
    assert run(folder, "resume", "hello").returncode == 0
    assert run(folder, "status", "hello", "--follow").returncode == 0
    assert sorted(server.addresses) == addresses(4000)
    end(process, signal.SIGTERM)


def test_cancel_says_who_has_it_and_who_never_will(tmp_path: Path, server: Postmark) -> None:
    server.answers.clear()
    folder = scheduled(tmp_path, server, readers=4000)
    process = start(folder, "run")
    server.wait_for_calls(1)
    wait_for_readers(folder, 4000)

    cancelled = run(folder, "cancel", "hello")
    server.answers.set()
    followed = run(folder, "status", "hello", "--follow", "--json")

    assert cancelled.returncode == 0
    assert re.search(r"Campaign 1 is cancelled\. .* never will; ", cancelled.stderr)
    counts = json.loads(followed.stdout.splitlines()[-1])["deliveries"]
    assert (counts["accepted"], counts["skipped"]) == (len(server.addresses), 4000 - len(server.addresses))
    assert 0 < counts["accepted"] < 4000
    again = run(folder, "send", "hello", "--yes")
    assert (again.returncode, "cancelled already. Nobody was mailed." in again.stderr) == (0, True)
    end(process, signal.SIGTERM)


def test_cancelled_while_readers_are_still_written_down_it_counts_all_of_them(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=3000)
    found_there = load_publication(folder / "newsletter.toml")
    database = open_database(found_there)
    with database.begin() as connection:
        start_campaign(connection)
        audience.enqueue(connection, found_there, 1, 500, now=datetime.now(UTC), page=1000)
    database.close()

    cancelled = run(folder, "cancel", "hello", "--json")

    assert "Nobody has it; 3,000 readers never will." in cancelled.stderr
    assert json.loads(cancelled.stdout)["deliveries"] == deliveries(skipped=3000)
    why = json.loads(run(folder, "why", "r3000@example.com", "hello", "--json").stdout)
    assert why["delivery"]["state"] == "skipped"


def test_one_that_never_began_is_cancelled_and_writes_nobody_down(tmp_path: Path, server: Postmark) -> None:
    folder = publication(tmp_path, POSTMARK.format(url=server.url), readers=20)
    assert run(folder, "schedule", "hello", "--at", soon(3600), "--yes").returncode == 0

    cancelled = run(folder, "cancel", "hello", "--json")

    assert "Campaign 1 is cancelled. Nobody was mailed." in cancelled.stderr
    assert json.loads(cancelled.stdout)["audience"] == 0


def test_who_unsubscribes_while_it_runs_and_whose_batch_has_not_left_is_skipped(
    tmp_path: Path, server: Postmark
) -> None:
    server.answers.clear()
    folder = scheduled(tmp_path, server, readers=6000)
    process = start(folder, "run", "--once")
    server.wait_for_calls(1)
    wait_for_readers(folder, 6000)
    database = open_database(load_publication(folder / "newsletter.toml"))
    with database.begin() as connection:
        leaving = subscription.c.subscriber_id == 6000
        connection.execute(update(subscription).where(leaving).values(status="unsubscribed"))
    database.close()
    server.answers.set()
    process.communicate(timeout=100)

    assert process.returncode == 0
    assert sorted(server.addresses) == sorted(set(addresses(6000)) - {"r6000@example.com"})
    why = json.loads(run(folder, "why", "r6000@example.com", "hello", "--json").stdout)
    assert why["delivery"]["state"] == "skipped"
    assert [one["what"] for one in why["history"]] == ["enqueued in batch 12", "skipped: unsubscribed"]


def test_a_provider_that_stops_a_campaign_is_exit_code_4_and_the_others_go_on(tmp_path: Path, server: Postmark) -> None:
    server.faults.append("not accepted: no credits")
    folder = scheduled(tmp_path, server, readers=3)

    stopped = run(folder, "run", "--once")

    assert stopped.returncode == 4
    assert "You ran out of credits." in stopped.stderr
    assert found(folder)["state"] == "paused"


def test_retry_mails_the_rejected_that_may_work_now_and_nobody_else(tmp_path: Path, server: Postmark) -> None:
    server.refused = {"r2@example.com": (406, "Inactive recipient."), "r3@example.com": (300, "Invalid 'To' address.")}
    folder = scheduled(tmp_path, server, readers=5)
    run(folder, "run", "--once")
    server.refused = {}
    before = len(server.addresses)

    asked = run(folder, "retry", "hello")
    dry = run(folder, "retry", "hello", "--dry-run")
    assert (asked.returncode, dry.returncode, len(server.addresses)) == (2, 0, before)
    retried = run(folder, "retry", "hello", "--yes", "--json")

    assert "1 reader would be tried again: campaign 1, 2 rejected." in dry.stderr
    assert (retried.returncode, server.addresses[before:]) == (0, ["r3@example.com"])
    assert json.loads(retried.stdout)["deliveries"] == deliveries(accepted=4, rejected=1)
    again = run(folder, "retry", "hello", "--yes")
    assert "Nobody is to be tried again" in again.stderr
    what = [one["what"] for one in json.loads(run(folder, "why", "r3@example.com", "1", "--json").stdout)["history"]]
    assert "queued again by a retry" in what
    assert what[-1].startswith("accepted by postmark as pm-")


def test_a_backup_written_into_the_same_file_mails_nobody_again(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=3)
    (folder / "issues" / "2025-01-18-next.md").write_text("---\nsubject: Next\n---\n\nNews.\n", encoding="utf-8")
    assert run(folder, "send", "hello", "--yes").returncode == 0
    backup = (folder / "newsletter.db").read_bytes()
    assert run(folder, "send", "next", "--yes").returncode == 0
    (folder / "newsletter.db").write_bytes(backup)

    refused = [run(folder, *words) for words in (("send", "next", "--yes"), ("run", "--once"))]

    assert [one.returncode for one in refused] == [1, 1]
    assert all("this database is older than what was sent from here" in one.stderr for one in refused)
    assert [campaign["issue"] for campaign in json.loads(run(folder, "campaigns", "--json").stdout)] == ["hello"]
    adopted = run(folder, "adopt")
    assert "counts as not sent" in adopted.stderr
    assert run(folder, "send", "next", "--yes").returncode == 0


def test_a_copied_publication_refuses_to_send_until_it_is_adopted(tmp_path: Path) -> None:
    folder = publication(tmp_path / "here", readers=3)
    assert run(folder, "send", "hello", "--yes").returncode == 0
    shutil.copytree(folder, tmp_path / "there")
    there = tmp_path / "there"
    (there / "issues" / "2025-01-18-next.md").write_text("---\nsubject: Next\n---\n\nNews.\n", encoding="utf-8")

    refused = run(there, "send", "next", "--yes")

    assert refused.returncode == 1
    assert "newsletter adopt" in refused.stderr
    assert (found(there)["issue"], found(there)["deliveries"]) == ("hello", deliveries(accepted=3))
    assert run(there, "adopt").returncode == 0
    assert run(there, "send", "next", "--yes").returncode == 0
    (folder / "newsletter.db").rename(folder / "moved.db")
    (folder / "newsletter.toml").write_text(
        (folder / "newsletter.toml").read_text() + '[database]\nurl = "sqlite:///moved.db"\n'
    )
    assert run(folder, "send", "hello", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["schedule", "hello", "--at", "2099-01-01 07:00"], 2, "pass --yes"),
        (["schedule", "hello", "--yes"], 2, "does not say when to send it"),
        (["schedule", "hello", "--at", "tomorrow", "--yes"], 2, "is not a time"),
        (["schedule", "hello", "--at", "9999-12-31 23:59 local", "--yes"], 2, '"9999-12-31 23:59 local" is not a time'),
        (["schedule", "hello", "--at", "2099-01-01 07:00 Mars/Olympus", "--yes"], 2, "is not a time zone"),
        (["schedule", "hello", "--at", "2025-01-01 07:00", "--yes"], 1, "has gone by"),
        (["schedule", "helo", "--at", "2099-01-01 07:00", "--yes"], 1, 'Did you mean "hello"'),
        (["pause", "hello"], 1, 'no campaign named "hello"'),
        (["cancel", "7"], 1, 'no campaign named "7"'),
        (["retry", "hello", "--yes"], 1, 'no campaign named "hello"'),
        (["why", "r1@example.com", "hello"], 1, 'no campaign named "hello"'),
        (["status", "hello", "--follow"], 1, 'no campaign named "hello"'),
    ],
)
def test_a_mistake_gets_one_sentence_and_changes_nothing(
    untouched: Path, arguments: list[str], code: int, words: str
) -> None:
    refused = run(untouched, *arguments)

    assert refused.returncode == code
    assert words in refused.stderr
    assert found(untouched) == {}


def test_why_knows_readers_who_were_not_to_get_it_and_addresses_nobody_has(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=2)
    run(folder, "send", "hello", "--yes")
    run(folder, "subscribers", "add", "new@example.com")

    late, nobody = (run(folder, "why", who, "hello") for who in ("new@example.com", "nobody@example.com"))
    known = run(folder, "why", "R1@Example.com", "hel")

    assert (late.returncode, nobody.returncode, known.returncode) == (1, 1, 0)
    assert "new@example.com did not get hello (campaign 1 to daily, sent)" in late.stderr
    assert "no reader has the address nobody@example.com" in nobody.stderr
    assert known.stdout.startswith("r1@example.com: accepted (campaign 1, hello, batch 1)")


def test_why_does_not_say_of_a_campaign_to_come_who_gets_it(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=2)
    run(folder, "schedule", "hello", "--at", "2099-01-01 07:00", "--yes")

    asked = run(folder, "why", "r1@example.com", "hello")

    assert asked.returncode == 1
    assert "it is not decided yet whether r1@example.com gets hello (campaign 1 to daily, scheduled)" in asked.stderr


def test_a_schedule_needs_no_secret_and_a_run_without_it_says_which(tmp_path: Path, server: Postmark) -> None:
    folder = publication(tmp_path, POSTMARK.format(url=server.url), readers=2)

    planned = run(folder, "schedule", "hello", "--at", soon(), "--yes", token="")
    failed = run(folder, "run", "--once", token="")

    assert (planned.returncode, failed.returncode) == (0, 2)
    assert "POSTMARK_TOKEN is not set" in failed.stderr
    assert run(folder, "run", "--once").returncode == 0
    assert sorted(server.addresses) == addresses(2)


def test_what_schedule_and_its_neighbours_say_is_what_is_the_case(tmp_path: Path) -> None:
    folder = publication(tmp_path, '[send]\nwarmup = "500, x1.5 daily"\n', readers=1)

    late = run(folder, "schedule", "hello", "--at", soon(-600), "--yes")
    to_the_second = run(folder, "schedule", "hello", "--at", "2099-01-01 07:00:30", "--yes")
    local = run(folder, "schedule", "hello", "--at", "2099-01-01 07:00 local", "--yes")
    planned = run(folder, "send", "hello", "--dry-run")
    paused = run(folder, "pause", "hello")

    assert re.match(r"Campaign 1 was due [-\d]+ [:\d]+ UTC: it starts at once\.", late.stderr)
    assert "Campaign 1 starts at 2099-01-01 07:00:30 UTC." in to_the_second.stderr
    assert "\n1 wave; the last at 2099-01-01 07:00 UTC." in local.stderr
    assert "campaign 1 is scheduled for 2099-01-01 07:00 by each reader's own clock" in planned.stderr
    assert "rate off, warm-up 500, x1.5 daily." in planned.stderr
    assert "Campaign 1 is paused; it had not begun." in paused.stderr


def noon_zone() -> tuple[str, datetime]:
    """A time zone in which it is about noon, so that an hour more is the same day; and the time there."""
    now = datetime.now(UTC)
    ahead = 12 - now.hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT", now + timedelta(hours=ahead)


def test_run_once_says_by_its_exit_code_and_one_email_that_there_will_be_no_issue_today(tmp_path: Path) -> None:
    zone, there = noon_zone()
    at = there + timedelta(minutes=30)
    folder = publication(tmp_path, f'[schedule]\ndaily = "{at:%H:%M}"\n', readers=1)
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text().replace("[publication]\n", f'[publication]\ntimezone = "{zone}"\n', 1))

    first, second = run(folder, "run", "--once"), run(folder, "run", "--once")

    missed = f"There is no issue dated {there:%Y-%m-%d}; it would be sent at {at:%Y-%m-%d %H:%M}"
    assert (first.returncode, second.returncode) == (1, 1)
    assert missed in first.stderr
    assert len([*(folder / "outbox" / "other").iterdir()]) == 1
    (folder / "issues" / "today.md").write_text(f"---\nsubject: Today\ndate: {there:%Y-%m-%d}\n---\n\nNews.\n")
    assert run(folder, "run", "--once").returncode == 0


def test_run_once_exits_1_when_a_start_is_too_late_and_sends_it_when_a_person_says_so(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=2)
    assert run(folder, "schedule", "hello", "--at", soon(60), "--yes").returncode == 0
    database = open_database(load_publication(folder / "newsletter.toml"))
    with database.begin() as connection:  # as if nobody had been there for three hours
        connection.execute(update(campaign).values(send_at=stamp(datetime.now(UTC) - timedelta(hours=3))))
    database.close()

    late = run(folder, "run", "--once")

    assert late.returncode == 1
    assert "is held: it was to start at" in late.stderr
    assert (found(folder)["state"], found(folder)["audience"]) == ("paused", 0)
    assert run(folder, "resume", "hello").returncode == 0
    assert run(folder, "run", "--once").returncode == 0
    assert found(folder)["deliveries"] == deliveries(accepted=2)
