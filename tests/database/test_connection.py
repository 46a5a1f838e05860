"""The database: open it, migrate it, share it between processes, refuse what cannot be used."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, event, text

from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import open_database
from newsletter.database.migrations import _config, scripts
from newsletter.database.schema import newest_revision
from newsletter.database.sqlite import KEPT_CONNECTIONS
from newsletter.database.tables import metadata
from newsletter.errors import ConfigError, NewsletterError
from newsletter.subscribers.consent import record_source
from newsletter.subscribers.writes import SubscriberEntry, enter

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
TOML = """
[publication]
name = "Daily"
url = "https://news.example.com"
from = "Daily <daily@news.example.com>"
[lists.daily]
title = "Daily"
[database]
url = "{url}"
"""
OPEN = "import sys; from newsletter.config import *; from newsletter.database.connection import *\n"
OPEN += "open_database(load_publication(find_config(sys.argv[1]))).close(); print(*sorted(sys.modules))"


def publication(folder: Path, url: str = "sqlite:///news.db") -> PublicationSettings:
    path = folder / "newsletter.toml"
    path.write_text(TOML.format(url=url))
    return load_publication(path)


def schema(path: Path | str) -> list[str]:
    with sqlite3.connect(path) as connection:
        kept = "sql IS NOT NULL AND name NOT IN ('alembic_version', 'sqlite_stat1')"
        rows = connection.execute(f"SELECT sql FROM sqlite_master WHERE {kept}")
        statements = sorted(_in_order(" ".join(sql.split())) for (sql,) in rows)
    connection.close()
    return statements


def _in_order(sql: str) -> str:
    """Sort the parts of a statement: a column that was added later comes after the table's constraints."""
    head, _, rest = sql.partition("(")
    body, _, tail = rest.rpartition(")")
    parts = re.split(r",(?![^(]*\))", body)
    return f"{head}({', '.join(sorted(part.strip() for part in parts))}){tail}"


def test_migrations_make_exactly_the_tables_that_the_program_uses(tmp_path: Path) -> None:
    open_database(publication(tmp_path)).close()
    engine = create_engine(f"sqlite:///{tmp_path}/wanted.db")
    metadata.create_all(engine)
    engine.dispose()

    assert schema(tmp_path / "news.db") == schema(tmp_path / "wanted.db")


def first_release(file: Path) -> None:
    """Make a database as the first release made it."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()


def test_readers_of_the_first_release_keep_their_links_and_new_readers_get_keys(tmp_path: Path) -> None:
    path = publication(tmp_path)
    first_release(tmp_path / "news.db")
    with sqlite3.connect(tmp_path / "news.db") as old:
        row = "INSERT INTO subscriber (email, email_key, created_at, updated_at) VALUES (?, ?, '2026', '2026')"
        old.execute(row, ["old@example.com", "old@example.com"])
    old.close()

    database = open_database(path)
    with database.begin() as connection:
        entries = [SubscriberEntry(f"{name}@example.com", (("daily", "active"),)) for name in ("one", "two")]
        enter(connection, entries, record_source(connection, "test", {}, NOW), NOW)
        keys = connection.execute(text("SELECT link_key FROM subscriber ORDER BY id")).scalars().all()
    database.close()

    assert [len(key) for key in keys] == [0, 8, 8]
    assert len(set(keys)) == 3


def test_alembic_sees_no_difference_between_migrations_and_tables(tmp_path: Path) -> None:
    database = open_database(publication(tmp_path))
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_the_head_revision_in_the_program_is_that_of_the_scripts() -> None:
    assert scripts().get_heads() == [newest_revision()]


def test_a_relative_database_stands_beside_newsletter_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    open_database(publication(tmp_path)).close()

    assert (tmp_path / "news.db").is_file()


def test_a_database_is_durable_checks_its_foreign_keys_and_overwrites_what_is_deleted(tmp_path: Path) -> None:
    database = open_database(publication(tmp_path))
    with database.read() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    database.close()

    assert values == ["wal", 2, 1, 1]


def test_the_connections_of_a_busy_server_are_kept_and_not_opened_again(tmp_path: Path) -> None:
    database = open_database(publication(tmp_path))
    opened: list[object] = []
    event.listen(database.engine, "connect", lambda connection, _record: opened.append(connection))

    for _ in range(3):
        with ExitStack() as stack:
            for _ in range(KEPT_CONNECTIONS):
                stack.enter_context(database.read())

    assert len(opened) <= KEPT_CONNECTIONS
    database.close()


def test_alembic_is_loaded_once_and_never_again(tmp_path: Path) -> None:
    path = publication(tmp_path).path
    command = [sys.executable, "-c", OPEN, str(path)]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in "12")

    assert "alembic" in first
    assert "alembic" not in second


def test_processes_that_open_a_new_database_at_once_all_succeed(tmp_path: Path) -> None:
    path = publication(tmp_path).path
    command = [sys.executable, "-c", OPEN, str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(4)]

    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 4


def test_a_writer_waits_for_another_instead_of_failing(tmp_path: Path) -> None:
    database = open_database(publication(tmp_path))
    entered, release = threading.Event(), threading.Event()

    def hold() -> None:
        with database.begin() as connection:
            connection.execute(text("INSERT INTO rate_bucket (key, tat) VALUES ('a', '1')"))
            entered.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(60)
    threading.Timer(0.2, release.set).start()
    with database.begin() as connection:
        connection.execute(text("UPDATE rate_bucket SET tat = '2'"))
    thread.join()
    with database.read() as connection:
        assert connection.execute(text("SELECT tat FROM rate_bucket")).scalar() == "2"
    database.close()


def test_a_lock_that_is_never_released_is_said_in_words(tmp_path: Path) -> None:
    database = open_database(publication(tmp_path), patience=0.1)
    writer = sqlite3.connect(tmp_path / "news.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    with pytest.raises(NewsletterError, match="locked by another program"), database.begin():
        pass
    writer.close()
    database.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_written_into_a_database_that_was_taken_away(tmp_path: Path, replaced: bool) -> None:
    database = open_database(publication(tmp_path))
    moved = (tmp_path / "news.db").rename(tmp_path / "moved.db")
    if replaced:
        (tmp_path / "news.db").touch()

    with pytest.raises(NewsletterError, match="taken away or replaced"), database.begin():
        pytest.fail("it began")

    moved.rename(tmp_path / "news.db")
    with database.begin() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    database.close()


def test_an_exception_undoes_the_whole_transaction(tmp_path: Path) -> None:
    database = open_database(publication(tmp_path))

    def fail() -> None:
        with database.begin() as connection:
            connection.execute(text("INSERT INTO rate_bucket (key, tat) VALUES ('a', '1')"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM rate_bucket")).scalar() == 0
    database.close()


def test_a_change_is_one_statement_that_is_kept_at_once(tmp_path: Path) -> None:
    database = open_database(publication(tmp_path))
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    with database.change() as connection:
        connection.execute(text("INSERT INTO rate_bucket (key, tat) VALUES ('a', '1')"))
        with database.read() as reading:
            seen = reading.execute(text("SELECT count(*) FROM rate_bucket")).scalar()

    assert seen == 1
    assert [statement.split()[0] for statement in statements] == ["INSERT", "BEGIN", "SELECT"]
    database.close()


def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    open_database(publication(tmp_path)).close()
    with sqlite3.connect(tmp_path / "news.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(ConfigError, match=r"newer newsletter \(schema 9999\)"):
        open_database(publication(tmp_path))


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "news.db").write_bytes(b"Dear diary, " * 100)

    with pytest.raises(ConfigError, match="not a SQLite database"):
        open_database(publication(tmp_path))
    assert (tmp_path / "news.db").read_bytes() == b"Dear diary, " * 100


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "news.db") as connection:
        connection.execute("CREATE TABLE bookmarks (id)")
    connection.close()

    with pytest.raises(ConfigError, match="belongs to another program"):
        open_database(publication(tmp_path))
    assert schema(tmp_path / "news.db") == ["CREATE TABLE bookmarks (id)"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///missing/news.db", "folder does not exist"),
        ("sqlite:///.", "is a folder"),
        ("sqlite:////proc/news.db", "cannot be written"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("mysql://root@127.0.0.1/news", "mysql"),
        ("news.db", "not a database's address"),
        ("postgresql://news@127.0.0.1:port/news", "not a database's address"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_clear_error(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        open_database(publication(tmp_path, url))
    assert caught.value.hint


def test_postgresql_without_its_driver_names_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['psycopg'] = None\n" + OPEN
    path = publication(tmp_path, "postgresql://news:pw@127.0.0.1:1/news").path
    opened = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)

    assert "pip install '.[distributed]'" in opened.stderr
    assert "pw@" not in opened.stderr
