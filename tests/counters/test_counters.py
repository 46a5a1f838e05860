"""Counters that are kept while rows are written equal what counting the rows gives."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from newsletter.campaigns import events
from newsletter.config import PublicationSettings
from newsletter.counters import table
from newsletter.counters.readers import ACTIVE
from newsletter.counters.recount import count_all, is_counted, rebuild
from newsletter.counters.table import Key
from newsletter.database.connection import Database, open_database
from tests.support.busy_newsletter import ACTIONS, HOUR, BusyNewsletter
from tests.support.sending import NOW, settings

pytestmark = pytest.mark.usefixtures("each_database")
GROWTH = (table.JOINED, table.LEFT, table.UNCOUNTED, table.INACTIVE)


@contextmanager
def empty_newsletter(folder: Path) -> Iterator[tuple[PublicationSettings, Database]]:
    shutil.rmtree(folder, ignore_errors=True)
    publication = settings(folder)
    database = open_database(publication)
    yield publication, database
    database.close()


def kept_and_counted(database: Database) -> tuple[dict[Key, int], dict[Key, int]]:
    with database.read() as connection:
        kept = table.all_counters(connection)
        return {key: number for key, number in kept.items() if key[0] not in GROWTH}, dict(count_all(connection))


LIVELY = ["enter", "enter", "start", "send", "send", "report", "engage", "report", "prefer", "resolve"]


@hypothesis_settings(max_examples=20)
@given(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=30), st.integers(0, 10_000))
@example([*LIVELY, "erase"] * 4, 3)
@example(LIVELY * 3 + ["erase", "suppress", "lift", "erase", "recover", "cancel"] * 2, 1)
@example(LIVELY * 8, 2)
def test_counters_say_what_counting_the_rows_says_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, actions: Sequence[str], seed: int
) -> None:
    with empty_newsletter(tmp_path_factory.mktemp("busy")) as (publication, database):
        busy = BusyNewsletter(publication, database, random.Random(seed))
        for action in ["enter", "start", *actions]:
            busy.act(action)

        kept, counted = kept_and_counted(database)
        with database.read() as connection:
            joined, left = (sum(table.parts(connection, kind).values()) for kind in (table.JOINED, table.LEFT))
            active = table.parts(connection, table.READERS).get(ACTIVE, 0)

    assert kept == counted
    assert joined - left == active


def test_a_recount_changes_nothing_that_was_right_and_mends_what_was_wrong(tmp_path: Path) -> None:
    with empty_newsletter(tmp_path / "busy") as (publication, database):
        busy = BusyNewsletter(publication, database, random.Random(3))
        for action in LIVELY * 4:
            busy.act(action)
        with database.begin() as connection:
            assert rebuild(connection) == 0
            table.add(connection, {(table.ACCEPTED, 1, ""): 7, (table.JOINED, 0, "2025-01-17"): 1})
        with database.begin() as connection:
            before = table.all_counters(connection)
            assert rebuild(connection) == 1
            after = table.all_counters(connection)

    assert after[table.JOINED, 0, "2025-01-17"] == before[table.JOINED, 0, "2025-01-17"]
    assert after.get((table.ACCEPTED, 1, ""), 0) == before[table.ACCEPTED, 1, ""] - 7


def test_a_database_without_counters_is_counted_once_with_how_it_grew(tmp_path: Path) -> None:
    with empty_newsletter(tmp_path / "busy") as (publication, database):
        busy = BusyNewsletter(publication, database, random.Random(4))
        for action in ["enter", "prefer", "suppress", "start", "send", "engage"] * 5:
            busy.act(action)
        with database.begin() as connection:
            kept = table.all_counters(connection)
            table.replace_all(connection, {(table.UNCOUNTED, 0, ""): 1})
            assert not is_counted(connection)
            rebuild(connection)
            counted = table.all_counters(connection)

    assert counted == kept


def test_figures_stay_when_the_readers_behind_them_are_forgotten(tmp_path: Path) -> None:
    with empty_newsletter(tmp_path / "busy") as (publication, database):
        busy = BusyNewsletter(publication, database, random.Random(5))
        for action in ["enter", "start", "send", *["engage"] * 20]:
            busy.act(action)
        with database.begin() as connection:
            before = table.all_counters(connection)
            # In the middle: a reader who clicked twice is forgotten for the first click alone.
            while events.forget_readers(connection, NOW + busy.hours / 2 * HOUR):
                pass
            after = table.all_counters(connection)
            changed = rebuild(connection)

    assert before[table.times("clicked"), 1, ""] > 1
    assert after == before
    assert changed == 0
