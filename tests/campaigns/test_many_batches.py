"""Very many batches, of this campaign and of all those before it: no step of a sender reads them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from newsletter.campaigns import abandoned_batches, claims, counts
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import campaign
from tests.support.sending import NOW, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

Values = tuple[object, ...] | Mapping[str, object]
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
    asked: list[tuple[str, Values]] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda _c, _cursor, words, values, *_: asked.append((words, values))
    )

    _fill(database)
    asked.clear()
    with database.begin() as connection:
        STEPS[step](connection)
        plan = _sqlite_plan if connection.dialect.name == "sqlite" else _postgresql_plan
        questions = [question for question in asked if question[0] != "BEGIN IMMEDIATE"]
        plans = [line for question in questions for line in plan(connection, *question)]

    of_batches = [line for line in plans if re.search(r"\bbatch\b", line)]
    assert of_batches
    good = (
        "batch_by_state (campaign_id=? AND state=?)",
        "batch_by_state (campaign_id=? AND state=? AND no=?)",
        "batch_leased",
        "(campaign_id=? AND no=?)",
    )
    assert [line for line in of_batches if not line.rstrip().endswith(good)] == []


def _fill(database: Database) -> None:
    """Write 200 campaigns, nearly all of their batches settled; PostgreSQL plans by what is there."""
    with database.begin() as connection:
        start_campaign(connection)
        copied = [column.name for column in campaign.c if column.name not in ("id", "issue")]
        numbers = "WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 200)"
        columns = ", ".join(f'"{name}"' for name in copied)
        connection.exec_driver_sql(
            f"INSERT INTO campaign (issue, {columns}) {numbers} SELECT 'issue ' || n, {columns} FROM campaign, n"
        )
        connection.exec_driver_sql(
            f"INSERT INTO batch (campaign_id, no, size, state) {numbers.replace('200', '101')}"
            " SELECT id, n, 100, CASE WHEN n > 98 AND id = 1 THEN 'queued' ELSE 'settled' END FROM campaign, n"
        )
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE batch")


def _sqlite_plan(connection: Connection, statement: str, values: Values) -> list[str]:
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]


def _postgresql_plan(connection: Connection, statement: str, values: Values) -> list[str]:
    """Return a line for each table that is searched, with the columns of the index condition, as SQLite says it."""
    ((plan,),) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values)
    return [line for node in plan for line in _searches(node["Plan"])]


def _searches(node: dict[str, Any]) -> Iterator[str]:
    if "Relation Name" in node and "Scan" in node["Node Type"]:
        columns = re.findall(r"\(?(\w+) = ", node.get("Index Cond", ""))
        searched = f" ({' AND '.join(f'{name}=?' for name in columns)})" if columns else ""
        name = node.get("Index Name", "").replace("batch_pkey", "")
        yield f"{node['Node Type']} on {node['Relation Name']} {name}{searched}"
    for child in node.get("Plans", ()):
        yield from _searches(child)
