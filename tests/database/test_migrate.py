"""PostgreSQL's tables: made and brought up to date by `migrate`, and refused when they are not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from newsletter.config import PublicationSettings
from newsletter.database.connection import Migration, address, migrate_database, open_database
from newsletter.database.schema import newest_revision
from newsletter.errors import ConfigError
from tests.conftest import Run
from tests.database.test_connection import publication
from tests.support import databases

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("postgresql")]


@pytest.fixture
def empty(tmp_path: Path, postgresql: str) -> Iterator[PublicationSettings]:
    name = databases.new_database("template1")
    yield publication(tmp_path, databases.url_of(name))
    databases.drop(name)


def migrate(publication: PublicationSettings) -> Migration:
    return migrate_database(address(publication), publication)


def change(publication: PublicationSettings, statement: str) -> None:
    engine = create_engine(address(publication))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_commands_on_an_empty_database_name_migrate_and_exit_2(empty: PublicationSettings, newsletter: Run) -> None:
    refused = newsletter("campaigns")

    assert refused.returncode == 2
    assert refused.stderr.splitlines()[0].endswith("/" + str(address(empty).database) + ": the database has no tables")
    assert "Make them: newsletter migrate" in refused.stderr


def test_migrate_makes_the_tables_and_commands_work(empty: PublicationSettings, newsletter: Run) -> None:
    first, second, after = newsletter("migrate"), newsletter("migrate"), newsletter("campaigns")

    assert (first.returncode, first.stderr) == (0, f"Made the tables (schema {newest_revision()}).\n")
    assert (second.returncode, second.stderr) == (0, f"The tables are up to date (schema {newest_revision()}).\n")
    assert after.returncode == 0


def test_commands_on_an_older_schema_name_migrate(empty: PublicationSettings) -> None:
    migrate(empty)
    change(empty, "UPDATE alembic_version SET version_num = '0001'")

    with pytest.raises(ConfigError, match=r"the tables of an older newsletter \(schema 0001, not ") as refused:
        open_database(empty)

    assert refused.value.hint == "Bring it up to date: newsletter migrate"


def test_a_newer_schema_is_refused_by_commands_and_by_migrate(empty: PublicationSettings) -> None:
    migrate(empty)
    change(empty, "UPDATE alembic_version SET version_num = '9999'")

    for use in (open_database, migrate):
        with pytest.raises(ConfigError, match=r"made by a newer newsletter \(schema 9999\)"):
            use(empty)


def test_another_program_s_database_is_refused_and_left_alone(empty: PublicationSettings) -> None:
    change(empty, "CREATE TABLE bookmarks (id integer)")

    for use in (open_database, migrate):
        with pytest.raises(ConfigError, match="belongs to another program"):
            use(empty)


def test_of_several_who_migrate_at_once_one_makes_the_tables_and_the_others_wait(empty: PublicationSettings) -> None:
    done: list[Migration] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(empty))) for _ in range(3)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(migration.before for migration in done) == ["", newest_revision(), newest_revision()]


def test_a_migration_that_fails_leaves_nothing_behind(empty: PublicationSettings) -> None:
    change(
        empty, "CREATE SCHEMA other; CREATE TABLE other.bookmarks (id integer); CREATE TYPE campaign AS (id integer)"
    )

    with pytest.raises(Exception, match="campaign"):
        migrate(empty)

    change(empty, "DROP TYPE campaign")
    assert migrate(empty).before == ""
