"""Events are written once, counted, and made nobody's in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.campaigns import events
from newsletter.campaigns.events import Event, EventKind, Figure
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import event as table
from newsletter.subscribers.subscriber import remove_subscriber
from tests.support.sending import NOW, add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(settings(tmp_path))
    add_readers(found, 3)
    with found.begin() as connection:
        start_campaign(connection)
    yield found
    found.close()


def event(kind: EventKind, subscriber_id: int | None, key: str, *, link: int | None = None, machine: str = "") -> Event:
    return Event(kind=kind, campaign_id=1, subscriber_id=subscriber_id, at=NOW, key=key, link=link, machine=machine)


def tally(database: Database, *told: Event) -> None:
    with database.begin() as connection:
        events.tally(connection, told)


def figures(database: Database) -> Sequence[Figure]:
    with database.read() as connection:
        return events.figures(connection, 1)


def test_what_happens_again_is_one_more_time_of_the_same(database: Database) -> None:
    tally(database, event(EventKind.OPENED, 1, "a"), event(EventKind.OPENED, 1, "a"), event(EventKind.OPENED, 2, "b"))
    tally(database, event(EventKind.OPENED, 1, "a"))

    assert figures(database) == [Figure(kind=EventKind.OPENED, times=4, readers=2, machines=0)]


def test_an_hour_of_a_large_campaign_is_written_at_once(database: Database) -> None:
    many = [event(EventKind.CLICKED, 1, f"k{number}", link=number) for number in range(20_000)]

    tally(database, *many)
    with database.begin() as connection:
        new = events.record(connection, [event(EventKind.DELIVERED, 2, f"d{number}") for number in range(5_000)])

    assert new == 5_000
    assert [one.times for one in figures(database)] == [5_000, 20_000]


def test_a_report_that_comes_twice_changes_nothing(database: Database) -> None:
    with database.begin() as connection:
        assert events.record(connection, [event(EventKind.BOUNCED, 1, "p-1")]) == 1
        assert events.record(connection, [event(EventKind.BOUNCED, 1, "p-1")]) == 0

    assert figures(database)[0].times == 1


def test_programs_are_kept_out_of_the_figures(database: Database) -> None:
    tally(
        database,
        event(EventKind.CLICKED, 1, "a", link=0),
        event(EventKind.CLICKED, 1, "b", link=1),
        event(EventKind.CLICKED, 2, "c", link=0, machine="burst"),
    )

    assert figures(database) == [Figure(kind=EventKind.CLICKED, times=2, readers=1, machines=1)]


def test_what_is_of_nobody_is_counted_without_readers(database: Database) -> None:
    tally(database, event(EventKind.OPENED, None, "hour"), event(EventKind.OPENED, None, "hour"))

    assert figures(database) == [Figure(kind=EventKind.OPENED, times=2, readers=0, machines=0)]


def test_events_of_an_erased_reader_go_and_none_come_after(database: Database) -> None:
    tally(database, event(EventKind.OPENED, 1, "a"), event(EventKind.OPENED, 2, "b"))
    with database.begin() as connection:
        remove_subscriber(connection, "r1@example.com")
    tally(database, event(EventKind.OPENED, 1, "a"))

    with database.read() as connection:
        assert connection.execute(select(table.c.subscriber_id)).scalars().all() == [2]


def test_an_event_of_a_campaign_that_is_not_here_takes_no_other_along(database: Database) -> None:
    strange = replace(event(EventKind.OPENED, 1, "x"), campaign_id=99)

    tally(database, strange, event(EventKind.OPENED, 1, "a"))

    assert figures(database) == [Figure(kind=EventKind.OPENED, times=1, readers=1, machines=0)]


def test_after_their_time_events_are_nobodys_and_the_figures_stay(database: Database) -> None:
    told = [event(EventKind.OPENED, 1, "a"), event(EventKind.CLICKED, 1, "b", link=0), event(EventKind.OPENED, 2, "c")]
    tally(database, *told)
    before = figures(database)

    with database.begin() as connection:
        while events.forget_readers(connection, NOW + timedelta(days=1)):
            pass

    assert figures(database) == before
    with database.read() as connection:
        rows = connection.execute(select(table)).all()
    assert {row.subscriber_id for row in rows} == {None}
    assert all(row.reader < 0 and row.key.startswith("forgotten:") for row in rows)


def test_younger_events_keep_their_readers(database: Database) -> None:
    tally(database, event(EventKind.OPENED, 1, "a"))

    with database.begin() as connection:
        assert events.forget_readers(connection, NOW - timedelta(days=1)) == 0
