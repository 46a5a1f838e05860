"""The tables of the job engine are made by `newsletter migrate`, and a newer engine's steps are taken by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect

from newsletter.database import job_schema
from newsletter.database.connection import address, migrate_database
from newsletter.distributed.worker import SendingWorker
from newsletter.errors import ConfigError
from tests.support.sending import settings
from tests.support.workers import opened

pytestmark = pytest.mark.usefixtures("postgresql")


def test_the_installed_engine_has_nothing_to_do_after_migrate(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database, database.begin() as connection:
        assert job_schema.missing_steps(connection) == []
        assert job_schema.upgrade(connection) == []


def test_a_newer_engine_s_step_is_taken_once_and_a_worker_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = settings(tmp_path / "news")
    newer = tmp_path / "steps"
    newer.mkdir()
    for path in job_schema._folder().glob("*.sql"):
        (newer / path.name).write_text("SELECT 'taken twice' / 0", encoding="utf-8")
    (newer / "99.00.00_01_pre_more.sql").write_text(
        "CREATE TABLE more (word text DEFAULT '100 %'); INSERT INTO more DEFAULT VALUES", encoding="utf-8"
    )
    monkeypatch.setattr(job_schema, "_folder", lambda: newer)

    with opened(publication) as database:
        with pytest.raises(ConfigError, match="job engine") as caught:
            SendingWorker(publication, database, print)
        assert caught.value.hint == "newsletter migrate"
        migrate_database(address(publication), publication)
        migrate_database(address(publication), publication)
        with database.read() as connection:
            assert "more" in inspect(connection).get_table_names()
        SendingWorker(publication, database, print)
