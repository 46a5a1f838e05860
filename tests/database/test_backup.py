"""A backup is of one moment, whatever is written meanwhile, and only its owner reads it."""

from __future__ import annotations

import sqlite3
import threading
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert

from newsletter.database import backup
from newsletter.database.backup import back_up, put_in_place, require_unused, unpacked
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import subscriber, subscription
from newsletter.errors import NewsletterError
from newsletter.times import stamp
from tests.support.sending import NOW, add_readers, settings


def make(database: Database, file: Path, secret: Path | None = None) -> None:
    back_up(database, file, publication="News", secret=secret, made_at=stamp(NOW), progress=lambda _done, _total: None)


def count(file: Path, table: str) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_backup_is_of_one_moment_while_others_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "PAGES", 1)
    with closing(open_database(settings(tmp_path))) as database:
        add_readers(database, 500)
        has_ended, numbers = threading.Event(), iter(range(501, 100_000))

        def write() -> None:
            while not has_ended.is_set():
                number = next(numbers)
                row = {"id": number, "email": f"n{number}@example.com", "email_key": f"n{number}@example.com"}
                with database.begin() as connection:
                    times = {"created_at": stamp(NOW), "updated_at": stamp(NOW)}
                    connection.execute(insert(subscriber), [{**row, **times}])
                    active = {"list": "daily", "status": "active", "changed_at": stamp(NOW)}
                    connection.execute(insert(subscription), [{**active, "subscriber_id": number}])

        writer = threading.Thread(target=write)
        writer.start()
        files = [tmp_path / f"{number}.backup" for number in range(3)]
        for file in files:
            make(database, file)
        has_ended.set()
        writer.join()
        written = next(numbers) - 1

    assert written > 500
    for file in files:
        with unpacked(file, tmp_path) as taken:
            assert 500 <= count(taken.database, "subscriber") == count(taken.database, "subscription") <= written


def test_only_the_owner_reads_a_backup_which_holds_the_secret_and_is_never_overwritten(tmp_path: Path) -> None:
    secret, file = tmp_path / "secret", tmp_path / "news.backup"
    secret.write_bytes(b"0123456789abcdef")
    with closing(open_database(settings(tmp_path))) as database:
        make(database, file, secret)

        assert file.stat().st_mode & 0o777 == 0o600
        with unpacked(file, tmp_path) as taken:
            assert (taken.secret, taken.about.has_secret) == (b"0123456789abcdef", True)
            assert taken.database.stat().st_mode & 0o777 == 0o600
        assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".news")]
        with pytest.raises(NewsletterError, match="left as it is"):
            make(database, file)


def test_a_backup_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with closing(open_database(settings(tmp_path))) as database, pytest.raises(NewsletterError, match="cannot be"):
        make(database, tmp_path / "absent" / "news.backup")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut off"])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "some.zip").write_bytes(content)

    with pytest.raises(NewsletterError, match="this is no backup"), unpacked(tmp_path / "some.zip", tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["some.zip"]


@pytest.mark.parametrize(
    ("database", "schema", "message"), [(b"nonsense" * 500, "0001", "no backup"), (b"", "9999", "newer newsletter")]
)
def test_a_backup_with_a_broken_or_newer_database_is_refused(
    tmp_path: Path, database: bytes, schema: str, message: str
) -> None:
    about = f'{{"made_at": "2025-01-17T12:00:00.000Z", "publication": "x", "schema": "{schema}", "has_secret": false}}'
    with zipfile.ZipFile(tmp_path / "some.backup", "w") as packed:
        packed.writestr("backup.json", about)
        packed.writestr("newsletter.db", database)

    with pytest.raises(NewsletterError, match=message), unpacked(tmp_path / "some.backup", tmp_path):
        pass


def test_a_database_in_use_is_not_replaced_and_a_broken_one_may_be(tmp_path: Path) -> None:
    file = tmp_path / "newsletter.db"
    with closing(open_database(settings(tmp_path))) as database, database.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM subscriber")
        with pytest.raises(NewsletterError, match="another program has the database open"):
            require_unused(file)
    require_unused(file)

    file.write_bytes(b"broken" * 1000)
    require_unused(file)


def test_a_log_without_a_database_is_not_read_into_the_restored_one(tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"restored")
    (tmp_path / "newsletter.db-wal").write_bytes(b"of another")

    put_in_place(tmp_path / "copy", tmp_path / "newsletter.db", None)

    assert [path.name for path in tmp_path.iterdir()] == ["newsletter.db"]
