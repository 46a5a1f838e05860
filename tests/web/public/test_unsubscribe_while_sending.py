"""Unsubscribing while a campaign is being sent, and before the server is killed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr
from pathlib import Path

import requests

from newsletter.database.tables import subscription
from tests.web.public.leaving import People
from tests.web.public.serving import Served, make_publication, serve

ISSUE = "---\nsubject: Hello\n---\n\nHello {{ first_name }}.\n"
READERS = 300


def filled(folder: Path, readers: int) -> People:
    """Make a publication with an issue and readers `r1@example.com` and so on, whose ids are their numbers."""
    made = make_publication(folder, '[send]\nrate = "50/s"')
    (made / "issues").mkdir()
    (made / "issues" / "2025-01-17-hello.md").write_text(ISSUE)
    (made / "readers.csv").write_text("email\n" + "".join(f"r{n}@example.com\n" for n in range(1, readers + 1)))
    command = [sys.executable, "-m", "newsletter", "subscribers", "import", "readers.csv"]
    subprocess.run(command, cwd=made, check=True, capture_output=True)
    return People(made)


def test_a_reader_who_leaves_during_a_campaign_is_skipped_and_one_who_has_it_leaves_by_its_header(
    tmp_path: Path,
) -> None:
    people = filled(tmp_path / "news", READERS)
    newsletter = [sys.executable, "-m", "newsletter"]

    with serve(people.folder) as served:
        command = [*newsletter, "send", "hello", "--yes"]
        sending = subprocess.Popen(command, cwd=people.folder, stderr=subprocess.DEVNULL)
        while not list(people.folder.glob("outbox/*/*.eml")):
            time.sleep(0.05)
        one_click(served, f"/unsubscribe/{people.token(READERS)}")
        assert sending.wait(60) == 0
        mail = [message_from_bytes(file.read_bytes()) for file in people.folder.glob("outbox/*/*.eml")]
        one_click(served, header_path(mail[0]))

    command = [*newsletter, "why", f"r{READERS}@example.com", "hello", "--json"]
    story = json.loads(subprocess.run(command, cwd=people.folder, capture_output=True, check=True).stdout)
    assert story["delivery"]["state"] == "skipped"
    assert story["history"][-1]["what"] == "skipped: unsubscribed"
    assert len(mail) == READERS - 1
    assert people.find(parseaddr(mail[0]["To"])[1]).lists["daily"] == "unsubscribed"
    people.database.close()


def one_click(served: Served, path: str) -> None:
    answer = requests.post(served.url + path, "List-Unsubscribe=One-Click", timeout=60, allow_redirects=False)
    assert answer.status_code == 200


def header_path(message: Message) -> str:
    """Return the path of a message's one-click header (RFC 8058)."""
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(
        r"<https://news\.example\.com(/unsubscribe/\S+)>", "".join(message["List-Unsubscribe"].split())
    )
    assert found
    return found[1]


def test_no_answered_unsubscribe_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    people = filled(tmp_path / "news", 2_000)
    paths = {id: f"/unsubscribe/{people.token(id)}" for id in range(1, 2_001)}
    answered: list[int] = []

    with serve(people.folder) as served, ThreadPoolExecutor(8) as pool:

        def leave(id: int) -> None:
            with suppress(requests.RequestException):
                if requests.post(served.url + paths[id], "List-Unsubscribe=One-Click", timeout=60).status_code == 200:
                    answered.append(id)

        for id in paths:
            pool.submit(leave, id)
        while len(answered) < 200:
            time.sleep(0.01)
        served.kill()
        pool.shutdown(cancel_futures=True)

    with people.database.read() as connection:
        gone = {row.subscriber_id for row in connection.execute(subscription.select()) if row.status == "unsubscribed"}
    people.database.close()
    assert 200 <= len(answered) < 2_000
    assert set(answered) <= gone
