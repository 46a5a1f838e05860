"""A database that was copied, or put back from a backup, mails nobody again: campaigns, confirmations, welcomes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import open_database
from newsletter.database.tables import transactional_message
from newsletter.sending.job import job_of
from newsletter.sending.sender import Sender
from newsletter.subscribers.rate_limits import SignupLimits
from newsletter.subscribers.signups import SignupRequest, Signups
from newsletter.times import utc_now
from tests.conftest import Run
from tests.subscribers.test_signups import SHOWN
from tests.support.sending import ISSUE, Quiet, add_readers, settings, start_campaign
from tests.web.public.serving import Served, make_publication, serve

COMPANIONS = ("", "-wal", "-shm")


def back_up(folder: Path, to: Path) -> None:
    """Copy the database with its companions, as somebody does who copies files."""
    to.mkdir()
    for end in COMPANIONS:
        if (file := folder / f"newsletter.db{end}").exists():
            shutil.copy(file, to)


def put_back(backup: Path, folder: Path) -> None:
    """Write the backup into the files that are there, so that each keeps its number in the file system."""
    for end in COMPANIONS:
        (folder / f"newsletter.db{end}").unlink(missing_ok=True) if end else None
        if (file := backup / f"newsletter.db{end}").exists():
            (folder / file.name).write_bytes(file.read_bytes())


def ask_to_join(publication: PublicationSettings, backup: Path) -> None:
    """Queue a confirmation, and back the database up while its log is open."""
    database = open_database(publication)
    now = utc_now()
    request = SignupRequest(
        email="ada@example.com", name="", lists=("daily",), shown=SHOWN, page="", network="192.0.2.1", at=now
    )
    with database.begin() as connection:
        Signups(publication, SignupLimits(b"key")).accept(connection, [request])
    back_up(publication.root, backup)
    database.close()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so() and time.monotonic() < end:
        time.sleep(0.1)
    assert is_so()


def letters(folder: Path) -> list[Path]:
    return sorted(folder.glob("outbox/other/letter-*.eml"))


def mailed_of(folder: Path) -> int:
    return len([*folder.glob("outbox/2-second/*.eml")])


def says(served: Served, words: str) -> Callable[[], bool]:
    return lambda: any(words in line for line in served.lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_publication(tmp_path / "news")


@pytest.fixture
def mailed(folder: Path, tmp_path: Path) -> Path:
    """A publication whose confirmation has gone out since the backup was made."""
    ask_to_join(load_publication(folder / "newsletter.toml"), tmp_path / "backup")
    with serve(folder):
        until(lambda: bool(letters(folder)))
    for letter in letters(folder):
        letter.unlink()
    return folder


def test_a_restored_backup_confirms_nobody_again_until_it_is_adopted(
    mailed: Path, tmp_path: Path, newsletter: Run
) -> None:
    put_back(tmp_path / "backup", mailed)
    with serve(mailed) as served:
        until(says(served, "a confirmation or a welcome was handed over at"))
        assert letters(mailed) == []

    assert newsletter("adopt", cwd=mailed).returncode == 0

    with serve(mailed):
        until(lambda: len(letters(mailed)) == 1)


def test_a_copy_on_the_same_machine_confirms_nobody(mailed: Path, tmp_path: Path) -> None:
    with (
        closing(open_database(load_publication(mailed / "newsletter.toml"))) as database,
        database.begin() as connection,
    ):
        connection.execute(update(transactional_message).values(state="queued"))
    copy = tmp_path / "copy"
    shutil.copytree(mailed, copy)

    with serve(copy) as served:
        until(says(served, "this database is a copy: it was sending from another place"))

    assert letters(copy) == []


@pytest.mark.parametrize("command", [("send", "second", "--yes"), ("run", "--once")])
def test_a_restored_backup_mails_no_campaign_again_also_where_the_clock_was_set_back(
    tmp_path: Path, newsletter: Run, command: tuple[str, ...]
) -> None:
    publication = settings(tmp_path / "news", issue=True)
    folder = publication.root
    with closing(open_database(publication)) as database:
        add_readers(database, 3)
        with database.begin() as connection:
            campaign = start_campaign(connection)
        Sender(job_of(publication, database, campaign, clock=lambda: utc_now() + timedelta(hours=5)), Quiet()).run()
    (folder / "issues" / "2025-01-18-second.md").write_text(ISSUE, encoding="utf-8")
    soon = (utc_now() + timedelta(seconds=2)).strftime("%Y-%m-%d %H:%M:%SZ")
    scheduled = newsletter("schedule", "second", "--at", soon, "--yes", "--allow", "NL201", cwd=folder)
    assert scheduled.returncode == 0, scheduled.stderr
    back_up(folder, tmp_path / "backup")
    until(lambda: utc_now().strftime("%Y-%m-%d %H:%M:%SZ") > soon)
    sent = newsletter(*command, cwd=folder)
    assert (sent.returncode, mailed_of(folder)) == (0, 3), sent.stderr
    put_back(tmp_path / "backup", folder)

    refused = newsletter(*command, cwd=folder)

    assert refused.returncode == 1, refused.stderr
    assert "this database is older than what was sent from here" in refused.stderr
    assert "newsletter adopt" in refused.stderr
