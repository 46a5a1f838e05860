"""`newsletter send`, as a user runs it: real processes, a real server, killed and started again."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from newsletter.campaigns import counts
from newsletter.campaigns.campaign_queries import all_campaigns
from newsletter.campaigns.counts import delivery_counts
from newsletter.campaigns.events import EventKind
from newsletter.config import load_publication
from newsletter.database.connection import open_database
from tests.support.fork_server import run_command
from tests.support.provider_server import KEY, Postmark
from tests.support.sending import add_readers, settings

COMMAND = [sys.executable, "-m", "newsletter"]
POSTMARK = '[send]\nprovider = "postmark"\n[providers.postmark]\ntoken = "env:POSTMARK_TOKEN"\nbase_url = "{url}"\n'


@pytest.fixture
def server() -> Iterator[Postmark]:
    with Postmark() as found:
        yield found


def publication(folder: Path, more: str = "", readers: int = 1000) -> Path:
    """A folder with an issue `hello`, and readers."""
    database = open_database(settings(folder, more, issue=True))
    add_readers(database, readers)
    database.close()
    return folder


def start(folder: Path, *arguments: str, token: str = KEY) -> subprocess.Popen[str]:
    environment = {**os.environ, "POSTMARK_TOKEN": token}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def run(folder: Path, *arguments: str, token: str = KEY) -> subprocess.CompletedProcess[str]:
    done = run_command(arguments, folder, {**os.environ, "POSTMARK_TOKEN": token})
    assert "Traceback" not in done.stderr
    return done


def wait_for_words(process: subprocess.Popen[str], words: str) -> None:
    """Until it says so on stderr."""
    assert process.stderr
    while words not in (line := process.stderr.readline()):
        assert line, f"it ended and never said {words!r}"


def found(folder: Path) -> dict[str, Any]:
    """What `status --json` says of campaign 1, or nothing; without a process of its own."""
    database = open_database(load_publication(folder / "newsletter.toml"))
    with database.read() as connection:
        known = all_campaigns(connection)
        told = counts.status(known[0], delivery_counts(connection, known[0].id)) if known else {}
    database.close()
    return told


def wait_for_readers(folder: Path, number: int) -> None:
    """Until so many are written down: the first calls leave before all are."""
    while found(folder)["audience"] < number:
        time.sleep(0.02)


def status(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(run(folder, "status", "hello", "--json").stdout)
    return found


def deliveries(**counts: int) -> dict[str, int]:
    return {**dict.fromkeys(("queued", "handed", "accepted", "rejected", "unknown", "skipped"), 0), **counts}


def addresses(number: int) -> list[str]:
    return sorted(f"r{n}@example.com" for n in range(1, number + 1))


def test_a_thousand_readers_get_the_issue_in_two_calls_and_a_rejected_address_is_named(
    tmp_path: Path, server: Postmark
) -> None:
    server.refused["r7@example.com"] = (406, "Inactive recipient.")
    folder = publication(tmp_path, POSTMARK.format(url=server.url))

    sent = run(folder, "send", "hello", "--yes")

    assert (sent.returncode, sorted(server.calls)) == (0, [500, 500])
    assert sorted(server.addresses) == sorted(set(addresses(1000)) - {"r7@example.com"})
    assert sent.stdout.startswith("999 accepted   1 rejected")
    assert "rejected: r7@example.com: Inactive recipient. (code 406)" in sent.stderr
    assert "See it with: newsletter status 1" in sent.stderr


def test_sending_again_sends_to_nobody(tmp_path: Path, server: Postmark) -> None:
    folder = publication(tmp_path, POSTMARK.format(url=server.url))
    run(folder, "send", "hello", "--yes")

    again = run(folder, "send", "hello", "--yes", "--json")

    assert (again.returncode, len(server.messages)) == (0, 1000)
    assert "Nobody was mailed." in again.stderr
    sent = {
        "campaign": 1,
        "issue": "hello",
        "state": "sent",
        "audience": 1000,
        "deliveries": deliveries(accepted=1000),
    }
    assert json.loads(again.stdout) == sent
    assert status(folder) == {**sent, "events": {str(kind): 0 for kind in EventKind}}


def test_a_wrong_key_stops_at_once_and_says_that_nothing_was_sent(tmp_path: Path, server: Postmark) -> None:
    folder = publication(tmp_path, POSTMARK.format(url=server.url))

    stopped = run(folder, "send", "hello", "--yes", token="wrong")

    assert stopped.returncode == 4
    assert "Postmark refused the request: 401 (code 10)" in stopped.stderr
    assert "Nothing was sent. 0 of 1,000 deliveries changed." in stopped.stderr
    assert (status(folder)["state"], status(folder)["deliveries"]) == ("paused", deliveries(queued=1000))
    assert server.messages == []


def test_a_paused_campaign_refuses_until_it_is_resumed(tmp_path: Path, server: Postmark) -> None:
    folder = publication(tmp_path, POSTMARK.format(url=server.url))
    run(folder, "send", "hello", "--yes", token="wrong")

    refused = run(folder, "send", "hello", "--yes")
    assert refused.returncode == 1
    assert "newsletter resume 1" in refused.stderr
    assert run(folder, "resume", "hello").returncode == 0

    assert run(folder, "send", "hello", "--yes").returncode == 0
    assert sorted(server.addresses) == addresses(1000)


@pytest.mark.timeout(240)
def test_killed_in_the_middle_and_started_again_nobody_gets_it_twice(tmp_path: Path, server: Postmark) -> None:
    server.answers.clear()
    readers, kills = 12_000, 3
    folder = publication(tmp_path, POSTMARK.format(url=server.url), readers=readers)
    randomly = random.Random(2025)

    for _ in range(kills):
        process = start(folder, "send", "hello", "--yes")
        server.wait_for_calls(len(server.calls) + 1)
        time.sleep(randomly.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    server.answers.set()
    last = run(folder, "send", "hello", "--yes", "--json")

    found = json.loads(last.stdout)["deliveries"]
    assert max(Counter(server.addresses).values()) == 1
    assert sum(found.values()) == readers
    assert (found["queued"], found["handed"]) == (0, 0)
    assert found["accepted"] <= len(server.addresses) <= found["accepted"] + found["unknown"]
    assert found["unknown"] > 0
    assert last.returncode == 3
    assert "unknown: r" in last.stderr


def test_killed_while_the_outbox_is_written_everyone_is_in_it_once(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=3000)
    process = start(folder, "send", "hello", "--yes")
    outbox = folder / "outbox" / "1-hello"
    while not outbox.exists() or len(os.listdir(outbox)) < 200:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    again = run(folder, "send", "hello", "--yes", "--json")

    files = os.listdir(outbox)
    assert (again.returncode, len(files)) == (0, 3000)
    assert json.loads(again.stdout)["deliveries"] == deliveries(accepted=3000)
    assert all(name.endswith(".eml") and not name.startswith(".") for name in files)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_signal_leaves_nothing_unknown_and_says_how_to_go_on(
    tmp_path: Path, server: Postmark, number: signal.Signals
) -> None:
    server.answers.clear()
    folder = publication(tmp_path, POSTMARK.format(url=server.url), readers=6000)
    process = start(folder, "send", "hello", "--yes")
    server.wait_for_calls(1)
    wait_for_readers(folder, 6000)
    process.send_signal(number)
    wait_for_words(process, "Stopping")
    server.answers.set()

    _, err = process.communicate(timeout=100)

    assert process.returncode == 1
    assert "Go on with: newsletter send hello" in err
    found = status(folder)["deliveries"]
    assert found == deliveries(accepted=len(server.messages), queued=6000 - len(server.messages))


def test_two_sends_at_once_share_the_work_and_both_end_well(tmp_path: Path, server: Postmark) -> None:
    server.delay = 0.2
    folder = publication(tmp_path, POSTMARK.format(url=server.url), readers=4000)

    both = [start(folder, "send", "hello", "--yes", "--json") for _ in range(2)]
    ends = [process.communicate(timeout=100) for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert [json.loads(out)["deliveries"] for out, _ in ends] == [deliveries(accepted=4000)] * 2
    assert sorted(server.addresses) == addresses(4000)


def test_without_a_terminal_and_without_yes_nothing_happens(tmp_path: Path) -> None:
    folder = publication(tmp_path)

    asked = run(folder, "send", "hello")

    assert asked.returncode == 2
    assert 'Send "Hello" to 1,000 readers of daily through outbox?' in asked.stderr
    assert json.loads(run(folder, "campaigns", "--json").stdout) == []
    assert not (folder / "outbox").exists()


def on_a_terminal(folder: Path, answer: str) -> tuple[int, str]:
    """Run `send` on a terminal of its own, and give the answer; the exit code, and what was to be seen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execv(sys.executable, [*COMMAND, "send", "hello"])
    shown, is_answered = b"", False
    with suppress(OSError):  # Linux says so at the end
        while piece := os.read(terminal, 4096):
            shown += piece
            if b"[y/N]" in shown and not is_answered:
                os.write(terminal, answer.encode())
                is_answered = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.mark.parametrize(("answer", "code", "messages"), [("y\n", 0, 20), ("n\n", 1, 0), ("\n", 1, 0), ("\x04", 1, 0)])
def test_on_a_terminal_a_person_decides_with_the_count(tmp_path: Path, answer: str, code: int, messages: int) -> None:
    folder = publication(tmp_path, readers=20)

    ended, shown = on_a_terminal(folder, answer)

    assert 'Send "Hello" to 20 readers of daily through outbox? [y/N]' in shown
    assert ended == code
    assert len([*folder.glob("outbox/1-hello/*.eml")]) == messages
    assert (json.loads(run(folder, "campaigns", "--json").stdout) == []) == (messages == 0)


def test_a_second_signal_stops_at_once_and_what_was_in_the_air_is_unknown(tmp_path: Path, server: Postmark) -> None:
    server.answers.clear()
    folder = publication(tmp_path, POSTMARK.format(url=server.url), readers=100)
    process = start(folder, "send", "hello", "--yes")
    server.wait_for_calls(1)

    process.send_signal(signal.SIGINT)
    wait_for_words(process, "Stopping")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    server.answers.set()
    again = run(folder, "send", "hello", "--yes", "--json")
    assert (process.returncode, again.returncode) == (130, 3)
    assert json.loads(again.stdout)["deliveries"] == deliveries(unknown=100)
    assert len(server.messages) == 100


def test_a_dry_run_shows_the_count_and_changes_nothing(tmp_path: Path) -> None:
    folder = publication(tmp_path)

    dry = run(folder, "send", "hello", "--dry-run")

    assert dry.returncode == 0
    assert 'Would send "Hello" to 1,000 readers of daily through outbox.' in dry.stderr
    assert json.loads(run(folder, "campaigns", "--json").stdout) == []
    assert not (folder / "outbox").exists()


def test_a_dry_run_counts_nobody_whose_address_is_suppressed(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=3)
    for reader in json.loads(run(folder, "subscribers", "list", "--json").stdout)[:2]:
        run(folder, "suppressions", "add", reader["email"], "--reason", "bounced")

    dry = run(folder, "send", "hello", "--dry-run", "--json")

    assert 'Would send "Hello" to 1 reader of daily through outbox.' in dry.stderr
    assert "2 readers more are suppressed, and skipped" in dry.stderr
    assert json.loads(dry.stdout)["deliveries"] == deliveries(queued=1, skipped=2)


def test_an_issue_edited_after_approval_is_sent_as_it_was_approved(tmp_path: Path, server: Postmark) -> None:
    folder = publication(tmp_path, POSTMARK.format(url=server.url), readers=10)
    run(folder, "send", "hello", "--yes", token="wrong")
    issue = folder / "issues" / "2025-01-17-hello.md"
    issue.write_text(issue.read_text().replace("subject: Hello", "subject: Edited"))
    run(folder, "resume", "hello")

    sent = run(folder, "send", "hello", "--yes")

    assert {message["Subject"] for message in server.messages} == {"Hello"}
    assert "was edited since campaign 1 was approved; what was approved is sent." in sent.stderr


@pytest.mark.parametrize("change", ["broken", "gone"])
def test_a_campaign_goes_on_without_its_file(tmp_path: Path, server: Postmark, change: str) -> None:
    folder = publication(tmp_path, POSTMARK.format(url=server.url))
    assert run(folder, "send", "hello", "--yes", token="wrong").returncode == 4
    assert run(folder, "resume", "hello").returncode == 0
    (file,) = (folder / "issues").iterdir()
    if change == "broken":
        file.write_text("no front matter", encoding="utf-8")
    else:
        file.unlink()

    done = run(folder, "send", "hello", "--yes")

    assert (done.returncode, "what was approved as campaign 1 is sent" in done.stderr) == (0, True), done.stderr
    assert sorted(server.addresses) == addresses(1000)
    again = run(folder, "send", "hello", "--yes")
    assert (again.returncode, len(server.addresses)) == (0, 1000)


def test_a_broken_issue_is_refused_and_no_campaign_is_made(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=1)
    (folder / "issues" / "2025-01-17-hello.md").write_text("---\nsubject: Hello\n---\n:::qoute\n:::\n")

    refused = run(folder, "send", "hello", "--yes")

    assert refused.returncode == 1
    assert re.search(r"issues/2025-01-17-hello.md:4:\d+: ", refused.stderr)
    assert json.loads(run(folder, "campaigns", "--json").stdout) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["send", "helo", "--yes"], 1, 'Did you mean "hello"'),
        (["send", "hello", "--list", "dialy", "--yes"], 2, 'Did you mean "daily"'),
        (["send", "hello", "--segment", "vip", "--yes"], 2, 'no segment is named "vip"'),
        (["send", "hello", "--rate", "fast"], 2, "write 50/s"),
        (["send", "hello", "--list", "weekly", "--yes"], 1, "there is nobody to send it to: 0 readers of weekly"),
        (["status", "7"], 1, 'no campaign named "7"'),
        (["resume", "hello"], 1, 'no campaign named "hello"'),
        (["test", "hello", "--to", "nobody"], 2, "is not an email address"),
        (["test", "hello"], 2, "--to"),
    ],
)
def test_a_mistake_gets_one_sentence_and_mails_nobody(
    tmp_path: Path, arguments: Sequence[str], code: int, words: str
) -> None:
    folder = publication(tmp_path, readers=0) if "weekly" in arguments else settings(tmp_path, issue=True).root

    refused = run(folder, *arguments)

    assert refused.returncode == code
    assert words in refused.stderr
    assert not (folder / "outbox").exists()


def test_a_test_is_marked_and_nobody_counts_as_having_the_issue(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=3)

    tested = run(folder, "test", "hello", "--to", "R2@example.com", "new@example.com")

    assert tested.returncode == 0
    assert tested.stdout == "R2@example.com: accepted\nnew@example.com: accepted\n"
    messages = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted((folder / "outbox" / "other").iterdir())
    ]
    assert all(re.fullmatch(r"\[TEST\] Hello · \d\d:\d\d:\d\d", message["Subject"]) for message in messages)
    assert len({message["Message-ID"] for message in messages}) == 2
    bodies = [message.get_body(("plain",)) for message in messages]
    assert ["Hello Reader 2." in body.get_content() for body in bodies if body] == [True, False]
    assert json.loads(run(folder, "campaigns", "--json").stdout) == []


def test_a_test_that_the_provider_refuses_says_so(tmp_path: Path, server: Postmark) -> None:
    server.refused["bad@example.com"] = (300, "Invalid 'To' address.")
    folder = publication(tmp_path, POSTMARK.format(url=server.url), readers=0)

    tested = run(folder, "test", "hello", "--to", "me@example.com", "--to", "bad@example.com", "--json")

    assert tested.returncode == 1
    assert [entry["outcome"] for entry in json.loads(tested.stdout)] == ["accepted", "rejected"]
    assert "the test did not go to 1 of 2 addresses: Invalid 'To' address. (code 300)" in tested.stderr


def test_status_shows_people_the_same_numbers(tmp_path: Path) -> None:
    folder = publication(tmp_path, readers=1200)
    run(folder, "send", "hello", "--yes")

    shown = run(folder, "status", "hello").stdout

    assert shown.startswith('Campaign 1: hello, sent\n"Hello" to daily through outbox\n')
    assert "  accepted       1,200\n  audience       1,200" in shown
    assert "1  sent       hello  (daily)  1,200 accepted" in run(folder, "campaigns").stdout
