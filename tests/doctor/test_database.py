"""The database: schema, host, clock and space, on both databases."""

from __future__ import annotations

from collections import namedtuple
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.config import PublicationSettings
from newsletter.database.connection import open_database
from newsletter.doctor import database
from newsletter.doctor.database import count_active, database_results
from newsletter.doctor.finding import CheckResult
from newsletter.doctor.run import examine
from newsletter.times import utc_now
from tests.support.sending import add_readers, settings

pytestmark = pytest.mark.usefixtures("each_database")
Usage = namedtuple("Usage", "total used free")


def with_readers(folder: Path, number: int) -> PublicationSettings:
    publication = settings(folder)
    with closing(open_database(publication)) as opened:
        add_readers(opened, number)
    return publication


def results(publication: PublicationSettings) -> dict[str, CheckResult]:
    return {result.check: result for result in database_results(publication)}


def test_a_database_that_is_well_passes(tmp_path: Path, each_database: str) -> None:
    publication = with_readers(tmp_path, 3)

    found = results(publication)

    assert {str(result.state) for result in found.values()} == {"pass"}
    assert "It has 3 readers" in found["database.schema"].message
    assert ("database.clock" in found) == (each_database == "postgresql")
    assert ("database.disk" in found) == (each_database == "sqlite")
    assert count_active(publication) == 3


def test_a_clock_that_is_not_the_database_s_fails(
    tmp_path: Path, each_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = with_readers(tmp_path, 0)
    monkeypatch.setattr(database, "utc_now", lambda: utc_now() + timedelta(minutes=10))

    found = results(publication)

    if each_database == "postgresql":
        assert found["database.clock"].state == "fail"
        assert "ahead of that of the database" in found["database.clock"].message


def test_offline_a_database_on_a_server_is_not_asked(tmp_path: Path, each_database: str) -> None:
    publication = with_readers(tmp_path, 0)

    found = {result.check: result for result in examine(publication, is_offline=True)}

    assert found["database.schema"].state == ("pass" if each_database == "sqlite" else "skip")


@pytest.mark.sqlite
@pytest.mark.parametrize(("free", "state"), [(50 << 20, "fail"), (500 << 20, "warn"), (5 << 30, "pass")])
def test_little_space_is_warned_of_and_hardly_any_fails(
    free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = with_readers(tmp_path, 0)
    monkeypatch.setattr("newsletter.doctor.database.shutil.disk_usage", lambda _path: Usage(1, 1, free))

    assert results(publication)["database.disk"].state == state


@pytest.mark.sqlite
def test_a_file_that_is_no_database_fails(tmp_path: Path) -> None:
    publication = settings(tmp_path)
    (tmp_path / "newsletter.db").write_bytes(b"nothing of the kind" * 100)

    found = results(publication)

    assert found["database.schema"].state == "fail"
    assert "not a SQLite database" in found["database.schema"].message


@pytest.mark.sqlite
def test_without_a_database_there_is_nothing_to_count(tmp_path: Path) -> None:
    publication = settings(tmp_path)

    assert results(publication)["database.schema"].state == "skip"
    assert count_active(publication) is None
    assert not (tmp_path / "newsletter.db").exists()
