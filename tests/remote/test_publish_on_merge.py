"""Publish on merge: runners are killed, run twice, run old commits; each issue is sent once, as its last push was."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from email import message_from_bytes
from pathlib import Path

import pytest
import requests

from newsletter.api_keys import add_key, parse_scopes
from newsletter.campaigns.campaign import frozen_message
from newsletter.campaigns.campaign_queries import all_campaigns
from newsletter.config import load_publication
from newsletter.database.connection import Database, open_database
from newsletter.times import utc_now
from tests.remote.repository import ISSUE, SERVING, WRITING, png
from tests.support.programs import program
from tests.support.sending import add_readers
from tests.web.public.serving import serve

RUNS = int(os.environ.get("NEWSLETTER_MERGES", "6"))
ISSUES = max(2, RUNS // 8)
READERS = 5


class Repository:
    """The repository with its runners, each of which begins with a clone of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.origin = folder / "origin"
        (self.origin / "issues").mkdir(parents=True)
        (self.origin / "images").mkdir()
        remote = f'[remote]\nurl = "{url}"\nkey = "env:NEWSLETTER_KEY"\n'
        (self.origin / "newsletter.toml").write_text(WRITING + remote, encoding="utf-8")
        (self.origin / "images" / "a.png").write_bytes(png(200))
        self.clock = 1_736_000_000
        self.clones = 0
        self.git(self.origin, "init", "--quiet", "--initial-branch", "main")

    def git(self, folder: Path, *words: str) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "advice.detachedHead=false"]
        at = f"{self.clock} +0000"
        variables = {**os.environ, "GIT_COMMITTER_DATE": at, "GIT_AUTHOR_DATE": at}
        command = [program("git"), *identity, *words]
        return subprocess.run(
            command, cwd=folder, env=variables, check=True, capture_output=True, text=True
        ).stdout.strip()

    def merge(self, slug: str, words: str) -> str:
        """Commit a text of an issue; returns the commit."""
        self.clock += 60
        path = self.origin / "issues" / f"2025-01-17-{slug}.md"
        path.write_text(ISSUE.format(subject=slug, words=words, more=""), encoding="utf-8")
        self.git(self.origin, "add", ".")
        self.git(self.origin, "commit", "--quiet", "--allow-empty", "-m", f"{slug}: {words}")
        return self.git(self.origin, "rev-parse", "HEAD")

    def clone(self, commit: str) -> Path:
        self.clones += 1
        clone = self.folder / f"runner{self.clones}"
        self.git(self.folder, "clone", "--quiet", str(self.origin), str(clone))
        self.git(clone, "checkout", "--quiet", commit)
        return clone


def start(clone: Path, slug: str, key: str, mode: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "newsletter", "push", slug, mode]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    environment = {**inherited, "NEWSLETTER_KEY": key}
    return subprocess.Popen(command, cwd=clone, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.process
@pytest.mark.slow
def test_each_issue_is_sent_once_whatever_happens_to_the_runners(tmp_path: Path) -> None:
    chance = random.Random(2025)
    server = tmp_path / "server"
    (server / "issues").mkdir(parents=True)
    (server / "newsletter.toml").write_text(SERVING, encoding="utf-8")
    database = open_database(load_publication(server / "newsletter.toml"))
    add_readers(database, READERS)
    with database.begin() as connection:
        key = add_key(connection, "ci", parse_scopes(["publish"]), utc_now())[1]
    with serve(server, "--with-sender") as served:
        repository = Repository(tmp_path, served.url)
        simulate(repository, key, chance)
        wait_until_sent(database)
    check(server, database)
    for path in tmp_path.glob("runner*/**/*"):
        on_runner = path.read_bytes() if path.is_file() else b""
        assert b"@example.com" not in on_runner.replace(b"news@example.com", b"").replace(b"ada@example.com", b"")
    database.close()


def simulate(repository: Repository, key: str, chance: random.Random) -> None:
    """Run what runners do: clean runs, kills, two at once, old commits, rewritten history."""
    commits: dict[str, list[str]] = {}
    for number in range(RUNS):
        slug = f"issue{number % ISSUES}"
        commits.setdefault(slug, []).append(repository.merge(slug, f"Text number {number}."))
        commit = chance.choice(commits[slug]) if chance.random() < 0.3 else commits[slug][-1]
        mode = "--send" if number >= RUNS - ISSUES or chance.random() < 0.3 else "--draft"
        clones = [repository.clone(commit) for _ in range(2 if chance.random() < 0.3 else 1)]
        runners = [start(clone, slug, key, mode) for clone in clones]
        if chance.random() < 0.4:
            time.sleep(chance.random() * 2)
            runners[0].kill()
        for runner in runners:
            runner.wait(timeout=120)
        if chance.random() < 0.2:
            repository.git(repository.origin, "commit", "--quiet", "--amend", "--allow-empty", "-m", "Rewritten")
    for slug, known in commits.items():  # at last each issue's newest text is published by a run that ends
        assert start(repository.clone(known[-1]), slug, key, "--send").wait(timeout=120) in (0, 1)


def wait_until_sent(database: Database) -> None:
    deadline = time.monotonic() + 120
    while True:
        with database.read() as connection:
            states = [campaign.state for campaign in all_campaigns(connection)]
        if states and set(states) == {"sent"}:
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.1)


def check(server: Path, database: Database) -> None:
    """Every reader has each issue once, with the text that its campaign was approved with."""
    with database.read() as connection:
        campaigns = all_campaigns(connection)
        texts = {campaign.issue: frozen_message(connection, campaign.id) for campaign in campaigns}
    assert len(campaigns) == ISSUES
    assert all(texts[campaign.issue].digest == campaign.digest for campaign in campaigns)
    received: Counter[tuple[str, str]] = Counter()
    for file in (server / "outbox").rglob("*.eml"):
        mail = message_from_bytes(file.read_bytes())
        slug = str(mail["Subject"])
        received[(slug, str(mail["To"]))] += 1
        body = b"".join(part.get_payload(decode=True) or b"" for part in mail.walk() if not part.is_multipart())  # type: ignore[misc]
        words = texts[slug].text.split("Text number ")[1].split(".")[0]
        assert f"Text number {words}.".encode() in body
    assert set(received.values()) == {1}
    assert len(received) == ISSUES * READERS


def test_the_answer_of_a_server_names_no_reader(tmp_path: Path) -> None:
    server = tmp_path / "server"
    (server / "issues").mkdir(parents=True)
    (server / "newsletter.toml").write_text(SERVING, encoding="utf-8")
    database = open_database(load_publication(server / "newsletter.toml"))
    add_readers(database, READERS)
    with database.begin() as connection:
        key = add_key(connection, "ci", parse_scopes(["publish"]), utc_now())[1]
    database.close()
    with serve(server) as served:
        headers = {"Authorization": f"Bearer {key}"}
        for path in ("subscribers", "suppressions", "events", "campaigns"):
            assert requests.get(f"{served.url}/api/v1/{path}", headers=headers, timeout=60).status_code == 403
