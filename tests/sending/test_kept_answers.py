"""A provider's answer outlives a database that is away for a moment, and the log says so in one line."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from newsletter.database.connection import open_database
from newsletter.distributed.shared_state import shared_state
from tests.support.sending import settings

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("postgresql")]
END = text("SELECT pg_terminate_backend(pg_backend_pid())")


def test_an_answer_is_written_once_the_database_is_back_and_one_line_says_that_it_was_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publication = settings(tmp_path / "news")
    attempts: list[int] = []

    def write(connection: Connection) -> str:
        attempts.append(1)
        if len(attempts) < 3:
            connection.execute(END)
        return "written"

    with closing(open_database(publication)) as database, caplog.at_level(logging.WARNING, "newsletter"):
        assert shared_state(publication, database, "sender").record(write) == "written"

    assert len(attempts) == 3
    (record,) = caplog.records
    assert record.getMessage().startswith("the database does not answer: a call's outcome is kept")
    assert record.exc_info is None
