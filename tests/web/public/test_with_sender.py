"""`newsletter serve --with-sender`: pages, transactional mail and campaigns in one process, which loses nothing."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import requests

from tests.conftest import Run
from tests.web.public.serving import Mail, make_publication, path_in, serve, token_of

QUICK = '[signup]\nmin_time = "0s"\nper_network = "off"'
ISSUE = '---\nsubject: "Hello"\ndate: 2025-01-17\n---\nGood morning. [A link](https://example.com/a).\n'


def test_one_process_signs_readers_up_and_sends_them_issues(tmp_path: Path, newsletter: Run) -> None:
    folder = make_publication(tmp_path / "news", QUICK)
    (folder / "issues").mkdir()
    (folder / "issues" / "2025-01-17-hello.md").write_text(ISSUE, encoding="utf-8")
    with serve(folder, "--with-sender") as running:
        token = token_of(requests.get(f"{running.url}/subscribe", timeout=60).text)
        requests.post(f"{running.url}/subscribe", data={"email": "ada@example.com", "token": token}, timeout=60)
        requests.post(running.url + path_in(Mail(folder).to("ada@example.com")[0], "confirm"), timeout=60)

        sent = newsletter("send", "hello", "--yes", cwd=folder)
        code = running.stop()

    assert sent.returncode == 0, sent.stderr
    assert len(list(folder.glob("outbox/1-hello/*.eml"))) == 1
    assert code == 0


def test_a_second_sender_ends_and_names_the_first(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news")
    with serve(folder, "--with-sender"), serve(folder, "--with-sender") as second:
        code = second.process.wait(timeout=60)

    assert code == 1
    assert "is sending from this database" in "".join(second.lines)


def test_answered_sign_ups_survive_a_kill(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news", QUICK)
    answered: list[str] = []
    with serve(folder) as running, ThreadPoolExecutor(16) as pool:
        token = token_of(requests.get(f"{running.url}/subscribe", timeout=60).text)

        def ask(number: int) -> None:
            email = f"reader{number}@example.com"
            try:
                done = requests.post(f"{running.url}/subscribe", data={"email": email, "token": token}, timeout=60)
            except requests.RequestException:
                return
            if done.ok:
                answered.append(email)

        jobs = [pool.submit(ask, number) for number in range(2_000)]
        while len(answered) < 100:
            time.sleep(0.01)
        running.kill()
        for job in jobs:
            job.cancel()

    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        kept = {email for (email,) in database.execute("SELECT email FROM subscriber")}
        mailed = {number for (number,) in database.execute("SELECT subscriber_id FROM transactional_message")}
    assert set(answered) <= kept
    assert len(mailed) == len(kept)


def test_a_stop_finishes_the_batch_and_the_requests_in_progress(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news", QUICK)
    statuses: list[int] = []
    with serve(folder) as running, ThreadPoolExecutor(8) as pool:
        token = token_of(requests.get(f"{running.url}/subscribe", timeout=60).text)

        def ask(number: int) -> None:
            data = {"email": f"reader{number}@example.com", "token": token}
            try:
                statuses.append(requests.post(f"{running.url}/subscribe", data=data, timeout=60).status_code)
            except requests.ConnectionError:  # nobody listens any more
                return

        jobs = [pool.submit(ask, number) for number in range(500)]
        while len(statuses) < 20:
            time.sleep(0.01)
        began = time.monotonic()
        code = running.stop()
        took = time.monotonic() - began
        for job in jobs:
            job.cancel()

    assert (code, set(statuses)) == (0, {200})
    assert took < 50
