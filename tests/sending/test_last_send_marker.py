"""A database that is older than what was sent from its folder says so before it mails anybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.campaigns import audience, claims
from newsletter.config import Publication
from newsletter.database.connection import Database, open_database
from newsletter.errors import NewsletterError
from newsletter.sending.database_guard import LastSendMarker
from newsletter.times import stamp
from tests.conftest import without_rights
from tests.support.sending import NOW, add_readers, settings, start_campaign


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    return settings(tmp_path / "news")


@pytest.fixture
def database(publication: Publication) -> Iterator[Database]:
    found = open_database(publication)
    yield found
    found.close()


def hand_over(database: Database, publication: Publication) -> None:
    """One batch, at NOW."""
    add_readers(database, 2)
    with database.begin() as connection:
        start_campaign(connection)
        audience.enqueue(connection, publication, 1, 500, now=NOW)
        claim = claims.claim(connection, 1, owner="test", now=NOW)
        assert claim
        claims.hand(connection, claim, provider="outbox", now=NOW)


def require_newest(database: Database) -> None:
    with database.read() as connection:
        LastSendMarker(database).require_newest(connection)


def test_a_ledger_that_knows_the_last_hand_over_is_the_newest(database: Database, publication: Publication) -> None:
    require_newest(database)
    hand_over(database, publication)
    require_newest(database)  # killed before the mark rose

    LastSendMarker(database).rise(stamp(NOW))

    require_newest(database)
    assert LastSendMarker(database).mark == stamp(NOW)


def test_one_that_does_not_is_old_until_the_mark_is_forgotten(database: Database, publication: Publication) -> None:
    hand_over(database, publication)
    LastSendMarker(database).rise(stamp(NOW + timedelta(milliseconds=1)))

    with pytest.raises(NewsletterError, match="this database is older") as refused:
        require_newest(database)

    assert "newsletter adopt" in refused.value.hint
    LastSendMarker(database).forget()
    require_newest(database)


@pytest.mark.parametrize("text", ["", "2025-01-", "\0" * 24])
def test_a_mark_that_a_crash_left_half_written_refuses_nobody(database: Database, text: str) -> None:
    Path(f"{database.name}.handed").write_text(text)

    require_newest(database)


def test_a_folder_that_takes_no_file_keeps_nobody_from_sending(database: Database, tmp_path: Path) -> None:
    folder = Path(database.name).parent
    folder.chmod(0o555)
    with without_rights(tmp_path):
        LastSendMarker(database).rise(stamp(NOW))
    folder.chmod(0o755)

    assert LastSendMarker(database).mark == ""
