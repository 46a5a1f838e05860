"""All processes go by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.database.clock import database_now
from newsletter.distributed.database_clock import DatabaseClock
from tests.support.sending import settings
from tests.support.workers import opened

pytestmark = pytest.mark.usefixtures("postgresql")


def test_the_clock_shows_the_database_s_time_and_never_goes_back(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database:
        clock = DatabaseClock(database)
        shown = [clock() for _ in range(100)]
        with database.read() as connection:
            after = database_now(connection)

    assert shown == sorted(shown)
    assert shown[-1] <= after + timedelta(seconds=1)


def test_a_machine_whose_clock_is_wrong_goes_by_the_database_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(settings(tmp_path)) as database:
        with database.read() as connection:
            moment = database_now(connection) - timedelta(days=1)
        monkeypatch.setattr("newsletter.distributed.database_clock.database_now", lambda _: moment)
        clock = DatabaseClock(database)

        assert moment <= clock() < moment + timedelta(minutes=1)
