"""A campaign of very many batches, as a slow rate makes them: no step of a sender reads them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from newsletter.campaigns import abandoned_batches, claims, counts
from newsletter.database.connection import Database, open_database
from tests.support.sending import NOW, settings

STEPS: dict[str, Callable[[Connection], object]] = {
    "claim": lambda connection: claims.claim(connection, 1, owner="test", now=NOW, provider="outbox"),
    "is it done": lambda connection: counts.is_done(connection, 1),
    "when is the next due": lambda connection: counts.next_due(connection, 1),
    "is a call under way": lambda connection: counts.is_in_the_air(connection, 1, NOW),
    "leave behind": lambda connection: abandoned_batches.leave_behind(connection, 1, "outbox", NOW),
    "recover": lambda connection: abandoned_batches.recover(connection, lambda provider, at: False),
    "recover what is marked": lambda connection: abandoned_batches.recover_in_progress(connection, NOW),
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(settings(tmp_path))
    yield found
    found.close()


@pytest.mark.parametrize("step", STEPS)
def test_no_step_of_a_sender_reads_all_batches(database: Database, step: str) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda _c, _cursor, words, values, *_: asked.append((words, values))
    )

    with database.begin() as connection:
        STEPS[step](connection)
        questions = [(f"EXPLAIN QUERY PLAN {words}", values) for words, values in asked if words != "BEGIN IMMEDIATE"]
        plans = [row[3] for one in questions for row in connection.exec_driver_sql(*one)]

    of_batches = [plan for plan in plans if " batch " in plan]
    assert of_batches
    good = ("batch_by_state (campaign_id=? AND state=?)", "batch_leased", "(campaign_id=? AND no=?)")
    assert [plan for plan in of_batches if not plan.rstrip().endswith(good)] == []
