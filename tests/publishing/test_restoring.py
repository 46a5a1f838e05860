"""A database that is restored from a backup mails nobody twice, and nothing that was there is lost."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.campaigns.audience import enqueue
from newsletter.campaigns.campaign import CampaignState, get_campaign
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import load_publication
from newsletter.database.connection import open_database
from newsletter.database.tables import transactional_message
from newsletter.publishing.plan import make_plan, start_plan
from newsletter.subscribers.transactional_queue import TransactionalState
from tests.conftest import Run
from tests.sending.test_restored_copies import ask_to_join
from tests.support.sending import NOW, add_readers, settings

READERS = 10


def backed_up(folder: Path, newsletter: Run, enqueued: int = 4) -> Path:
    """Back up a publication whose campaign 1 has begun: some readers are enqueued, nobody is mailed."""
    publication = settings(folder, issue=True)
    with closing(open_database(publication)) as database:
        add_readers(database, READERS)
        campaign = start_plan(
            publication, database, make_plan(publication, database, "hello", list_name=None, segment=None), NOW
        )
        with database.begin() as connection:
            enqueue(connection, publication, campaign.id, 2, now=NOW, page=enqueued)
    file = folder.parent / "news.backup"
    assert newsletter("backup", str(file), cwd=folder).returncode == 0
    return file


def mailed(folder: Path) -> int:
    return len([*(folder / "outbox").rglob("*.eml")])


@pytest.mark.parametrize("where", ["the same folder", "another machine"])
def test_what_was_sent_after_the_backup_is_not_sent_again(newsletter: Run, tmp_path: Path, where: str) -> None:
    news = tmp_path / "news"
    file = backed_up(news, newsletter)
    assert newsletter("send", "hello", "--yes", cwd=news).returncode == 0
    assert mailed(news) == READERS
    if where == "another machine":
        shutil.copytree(news / "issues", tmp_path / "new" / "issues")
        shutil.copy(news / "newsletter.toml", tmp_path / "new")
        news = tmp_path / "new"
    else:
        shutil.rmtree(news / "outbox")

    restored = newsletter("restore", str(file), "--yes", cwd=news)
    refused = newsletter("send", "hello", "--yes", cwd=news)
    adopted = newsletter("adopt", cwd=news)
    resumed = newsletter("resume", "1", cwd=news)
    again = newsletter("send", "hello", "--yes", "--json", cwd=news)

    assert [restored.returncode, refused.returncode, adopted.returncode, resumed.returncode] == [0, 1, 0, 0]
    assert "newsletter adopt" in restored.stderr
    assert "newsletter reconcile 1" in restored.stderr
    assert again.returncode == 3
    assert json.loads(again.stdout)["deliveries"]["unknown"] == READERS
    assert mailed(news) == 0


def test_a_campaign_goes_on_when_the_marker_proves_that_nothing_left_since(newsletter: Run, tmp_path: Path) -> None:
    news = tmp_path / "news"
    publication = settings(news, issue=True)
    with closing(open_database(publication)) as database:
        add_readers(database, READERS)
    newsletter("send", "hello", "--yes", cwd=news)
    (news / "issues" / "2025-01-18-next.md").write_text("---\nsubject: Next\n---\nIt snowed.\n", encoding="utf-8")
    newsletter("schedule", "next", "--at", "2099-01-01 07:00", "--yes", cwd=news)
    newsletter("backup", "../news.backup", cwd=news)

    restored = newsletter("restore", "../news.backup", "--yes", cwd=news)
    newsletter("adopt", cwd=news)
    again, following = newsletter("send", "hello", "--yes", cwd=news), newsletter("send", "next", "--yes", cwd=news)

    assert "reconcile" not in restored.stderr
    assert "Nobody was mailed" in again.stderr
    assert following.returncode == 0, following.stderr
    assert mailed(news) == 2 * READERS


def test_a_scheduled_campaign_of_a_backup_waits_for_a_person(newsletter: Run, tmp_path: Path) -> None:
    news = tmp_path / "news"
    settings(news, issue=True)
    newsletter("subscribers", "add", "ada@example.com", cwd=news)
    newsletter("schedule", "hello", "--at", "2099-01-01 07:00", "--yes", cwd=news)
    newsletter("backup", "../news.backup", cwd=news)

    newsletter("restore", "../news.backup", "--yes", cwd=news)

    with closing(open_database(load_publication(news / "newsletter.toml"))) as database, database.read() as connection:
        campaign = get_campaign(connection, 1)
        assert campaign.state is CampaignState.PAUSED
        assert campaign.reason.startswith("restored from a backup of ")
        assert not any(delivery_counts(connection, 1).values())


def test_a_confirmation_that_may_have_been_sent_is_not_sent_again(newsletter: Run, tmp_path: Path) -> None:
    publication = settings(tmp_path / "news")
    ask_to_join(publication, tmp_path / "copied")
    newsletter("backup", "../news.backup", cwd=tmp_path / "news")

    newsletter("restore", "../news.backup", "--yes", cwd=tmp_path / "news")

    with closing(open_database(publication)) as database, database.read() as connection:
        states = connection.execute(select(transactional_message.c.state)).scalars().all()
    assert states == [TransactionalState.UNKNOWN]


def test_restore_asks_first_and_keeps_what_was_there(newsletter: Run, tmp_path: Path) -> None:
    news = tmp_path / "news"
    file = backed_up(news, newsletter)
    (news / ".newsletter").mkdir(exist_ok=True)
    (news / ".newsletter" / "secret").write_text("another secret of sufficient length" * 2)
    before = (news / ".newsletter" / "secret").read_text()
    newsletter("subscribers", "add", "new@example.com", cwd=news)

    asked = newsletter("restore", str(file), cwd=news)
    listed = newsletter("subscribers", "list", cwd=news)
    done = newsletter("restore", str(file), "--yes", cwd=news)
    after = newsletter("subscribers", "list", cwd=news)

    assert asked.returncode == 2
    assert "new@example.com" in listed.stdout
    assert done.returncode == 0, done.stderr
    assert "new@example.com" not in after.stdout
    (kept,) = news.glob("newsletter.db.before-restore-*")
    assert kept.name in done.stderr
    kept.rename(news / "newsletter.db")
    assert "new@example.com" in newsletter("subscribers", "list", cwd=news).stdout
    assert before == (news / ".newsletter" / "secret").read_text()  # the backup was made before there was one


def test_the_secret_comes_back_and_the_other_one_is_kept(newsletter: Run, tmp_path: Path) -> None:
    news = tmp_path / "news"
    settings(news, issue=True)
    newsletter("subscribers", "add", "ada@example.com", cwd=news)
    newsletter("send", "hello", "--yes", cwd=news)  # makes the secret
    secret = news / ".newsletter" / "secret"
    original = secret.read_bytes()
    newsletter("backup", "../news.backup", cwd=news)
    secret.write_bytes(b"another secret of sufficient length")

    done = newsletter("restore", "../news.backup", "--yes", cwd=news)

    assert secret.read_bytes() == original
    assert secret.stat().st_mode & 0o777 == 0o600
    (kept,) = (news / ".newsletter").glob("secret.before-restore-*")
    assert kept.read_bytes() == b"another secret of sufficient length"
    assert kept.name in done.stderr


def test_a_database_on_a_server_is_sent_to_its_own_program(newsletter: Run, tmp_path: Path, each_database: str) -> None:
    settings(tmp_path / "news")
    (tmp_path / "some.backup").write_bytes(b"")

    made = newsletter("backup", "../news.backup", cwd=tmp_path / "news")
    restored = newsletter("restore", "../some.backup", cwd=tmp_path / "news")

    is_file = each_database == "sqlite"
    assert (made.returncode, restored.returncode) == ((0, 1) if is_file else (2, 2))
    assert ("pg_dump" in made.stderr, "pg_restore" in restored.stderr) == (not is_file, not is_file)
