"""The ledger has one writer, and its batches move only along the arrows that are drawn."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.campaigns import audience, claims, ledger
from newsletter.campaigns.batch_states import ARROWS, BatchState, TransitionError
from newsletter.campaigns.ledger import BatchScope
from newsletter.database.connection import Database, open_database
from tests import ROOT
from tests.support.sending import NOW, add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

TABLES = {"batch", "delivery", "delivery_exception"}
WRITER = "newsletter/campaigns/ledger.py"
THIS_BATCH = {"the_campaign": 1, "the_batch": 1}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    publication = settings(tmp_path)
    opened = open_database(publication)
    add_readers(opened, 3)
    with opened.begin() as connection:
        start_campaign(connection)
        audience.enqueue(connection, publication, 1, 3, now=NOW)
    yield opened
    opened.close()


def writes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and table of each `insert(table)`, and so on; of `table.insert()` the table with a dot."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        verbs = {"insert", "update", "delete", "insert_many"}
        if isinstance(node.func, ast.Name) and node.func.id in verbs:
            for argument in node.args[:2]:
                if isinstance(argument, ast.Name):
                    yield node.lineno, argument.id
        if isinstance(node.func, ast.Attribute) and node.func.attr in verbs and isinstance(node.func.value, ast.Name):
            yield node.lineno, f"{node.func.value.id}."


def names_of_tables(tree: ast.Module) -> set[str]:
    """Return the names under which a module imports the ledger's tables."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [name for node in imports if node.module == "newsletter.database.tables" for name in node.names]
    return {name.asname or name.name for name in names if name.name in TABLES}


def test_one_module_writes_batches_deliveries_and_exceptions() -> None:
    writers = set()
    for path in (ROOT / "newsletter").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        ours = names_of_tables(tree)
        if any(table.rstrip(".") in ours for _, table in writes(tree)):
            writers.add(str(path.relative_to(ROOT)))

    assert writers == {WRITER}


def test_only_erasure_writes_through_a_table_it_does_not_name() -> None:
    """A module that writes `table`, or any variable, might mean one of the ledger's: those that import them may not."""
    suspects = set()
    for path in (ROOT / "newsletter").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if names_of_tables(tree) and any(not table.endswith(".") for _, table in writes(tree)):
            suspects.add(str(path.relative_to(ROOT)))

    # Erasure blanks an address in what was said.
    assert suspects == {WRITER, "newsletter/subscribers/erasure.py"}


def test_a_state_of_a_batch_is_written_in_two_places_both_of_which_ask_for_the_arrow() -> None:
    source = (ROOT / WRITER).read_text(encoding="utf-8")
    functions = {
        node.name: ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)
    }

    assert [name for name, text in functions.items() if "'state': after" in text] == ["transition"]
    assert [name for name, text in functions.items() if "'state': BatchState.CLAIMED" in text] == ["_claiming"]
    assert all("require_arrow(" in functions[name] for name in ("transition", "claim_next"))


@pytest.mark.parametrize("verb", [*ARROWS, "no such verb"])
@pytest.mark.parametrize("before", BatchState)
def test_what_is_no_arrow_is_refused_before_anything_is_written(
    database: Database, verb: str, before: BatchState
) -> None:
    for after in set(BatchState) - set(ARROWS.get(verb, {}).get(before, ())):
        with database.begin() as connection, pytest.raises(TransitionError, match=f"from {before} to {after}"):
            ledger.transition(connection, verb, before, after, BatchScope.BATCH, THIS_BATCH)


def test_a_batch_in_another_state_stays_where_it_is(database: Database) -> None:
    with database.begin() as connection:
        moved = ledger.transition(
            connection, "resolve", BatchState.UNKNOWN, BatchState.SETTLED, BatchScope.BATCH, THIS_BATCH
        )

        assert moved == 0
        assert claims.claim(connection, 1, owner="test", now=NOW)


def test_whoever_lets_a_batch_go_loses_owner_and_lease(database: Database) -> None:
    with database.begin() as connection:
        claim = claims.claim(connection, 1, owner="test", now=NOW)
        assert claim
        claims.release(connection, claim)

        row = connection.exec_driver_sql("SELECT state, owner, lease_until FROM batch").one()

    assert tuple(row) == ("queued", "", None)
