"""A database that is older than what was sent from its folder says so before it mails anybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.database.process_tables import hand_over
from newsletter.errors import NewsletterError
from newsletter.sending.database_guard import HandOver, LastSendMarker, MailQueue, markers
from newsletter.times import stamp
from tests.conftest import without_rights
from tests.support.sending import NOW, settings


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path / "news")


@pytest.fixture
def database(publication: PublicationSettings) -> Iterator[Database]:
    found = open_database(publication)
    yield found
    found.close()


def count(database: Database, queue: MailQueue = MailQueue.CAMPAIGNS, now: datetime = NOW) -> HandOver:
    """A hand-over that is committed, before its mark has risen."""
    with database.begin() as connection:
        return LastSendMarker(database, queue).count(connection, now)


def require_newest(database: Database) -> None:
    with database.read() as connection:
        LastSendMarker(database).require_newest(connection)


def test_a_ledger_that_knows_the_last_hand_over_is_the_newest(
    database: Database, publication: PublicationSettings
) -> None:
    require_newest(database)
    first = count(database)
    require_newest(database)  # killed before the mark rose

    LastSendMarker(database).rise(first)

    require_newest(database)
    assert LastSendMarker(database).mark == HandOver(1, stamp(NOW))


def test_one_that_does_not_is_old_until_the_mark_is_forgotten(database: Database) -> None:
    count(database)
    LastSendMarker(database).rise(HandOver(2, stamp(NOW)))

    with pytest.raises(NewsletterError, match="this database is older") as refused:
        require_newest(database)

    assert "newsletter adopt" in refused.value.hint
    LastSendMarker(database).forget()
    require_newest(database)


def test_a_backup_is_older_also_where_the_clock_was_set_back_since(database: Database) -> None:
    count(database)
    LastSendMarker(database).rise(HandOver(2, stamp(NOW - timedelta(hours=5))))

    with pytest.raises(NewsletterError, match="handed over at 2025-01-17T07"):
        require_newest(database)


def test_a_backup_put_in_the_place_of_a_database_in_use_sends_no_further_batch(database: Database) -> None:
    marker = LastSendMarker(database)
    marker.rise(HandOver(3, stamp(NOW)))

    with pytest.raises(NewsletterError, match="this database is older"), database.begin() as connection:
        marker.count(connection, NOW)

    with database.read() as connection:
        assert connection.execute(select(hand_over)).all() == []


def test_confirmations_and_campaigns_count_apart(database: Database) -> None:
    count(database)
    letter = count(database, MailQueue.LETTERS)
    LastSendMarker(database, MailQueue.LETTERS).rise(letter._replace(number=2))

    require_newest(database)
    assert [marker.mark.number for marker in markers(database)] == [0, 2]


def test_the_mark_stays_at_the_last_call_whichever_thread_writes_first(database: Database) -> None:
    marker = LastSendMarker(database)
    earlier, later = count(database), count(database)

    marker.rise(later)
    marker.rise(earlier)

    assert marker.mark == later


@pytest.mark.parametrize("text", ["", "2025-01-", "\0" * 24, f"{7:020}", f"{7:020} 2025-01-1"])
def test_a_mark_that_a_crash_left_half_written_refuses_nobody(database: Database, text: str) -> None:
    Path(f"{database.name}.handed").write_text(text)

    require_newest(database)


def test_a_folder_that_takes_no_file_keeps_nobody_from_sending(database: Database, tmp_path: Path) -> None:
    folder = Path(database.name).parent
    folder.chmod(0o555)
    with without_rights(tmp_path):
        LastSendMarker(database).rise(HandOver(1, stamp(NOW)))
    folder.chmod(0o755)

    assert LastSendMarker(database).mark.number == 0
