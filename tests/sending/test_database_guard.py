"""A database knows the machine and the file it sends from; a copy of it does not send."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.database.connection import Database, open_database
from newsletter.errors import NewsletterError
from newsletter.sending import database_guard
from tests.support.sending import NOW, settings


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(settings(tmp_path / "news"))
    yield found
    found.close()


def test_a_renamed_file_is_the_same_a_copy_and_another_machine_are_not(tmp_path: Path) -> None:
    file = tmp_path / "news.db"
    file.write_bytes(b"readers")
    before = database_guard.identity(file, "machine")
    shutil.copy(file, tmp_path / "copy.db")

    moved = file.rename(tmp_path / "moved.db")

    assert database_guard.identity(moved, "machine") == before
    assert database_guard.identity(tmp_path / "copy.db", "machine") != before
    assert database_guard.identity(moved, "another machine") != before


def test_the_machine_s_own_id_is_kept_to_itself(tmp_path: Path) -> None:
    assert "0123abcd" not in database_guard.identity(tmp_path, "0123abcd4567ef890123abcd4567ef89")


def test_a_new_database_settles_where_it_first_sends(database: Database) -> None:
    with database.begin() as connection:
        database_guard.require_home(connection, "here")
        database_guard.settle(connection, "here", NOW)

        database_guard.require_home(connection, "here")
        with pytest.raises(NewsletterError, match="this database is a copy") as refused:
            database_guard.settle(connection, "elsewhere", NOW)

    assert "newsletter adopt" in refused.value.hint


def test_an_adopted_database_sends_from_its_new_place_and_not_from_the_old(database: Database) -> None:
    with database.begin() as connection:
        database_guard.settle(connection, "here", NOW)

        assert database_guard.adopt(connection, "elsewhere", NOW)
        assert not database_guard.adopt(connection, "elsewhere", NOW)

        database_guard.require_home(connection, "elsewhere")
        with pytest.raises(NewsletterError):
            database_guard.require_home(connection, "here")


def test_where_there_is_no_machine_id_the_file_alone_decides(tmp_path: Path) -> None:
    assert database_guard.identity(tmp_path, "") == f"any.{tmp_path.stat().st_ino}"
