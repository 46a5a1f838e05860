"""Opens and clicks are judged together, written in groups, and not lost by a server that stops in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from newsletter.campaigns import engagement, events
from newsletter.campaigns.engagement import EngagementEvent, EngagementRecorder, judged
from newsletter.campaigns.events import EventKind
from newsletter.database.connection import Database, open_database
from newsletter.database.tables import batch, delivery, event
from newsletter.times import Duration, stamp
from tests.support.sending import NOW, add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

LATER = NOW + timedelta(hours=1, minutes=20)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(settings(tmp_path))
    add_readers(found, 3)
    with found.begin() as connection:
        start_campaign(connection)
    yield found
    found.close()


def click(link: int, seconds: float = 0, reader: int | None = 1) -> EngagementEvent:
    at = LATER + timedelta(seconds=seconds)
    return EngagementEvent(
        kind=EventKind.CLICKED,
        campaign_id=1,
        subscriber_id=reader,
        at=at,
        link=link,
        of_links=9,
        who=reader or "8.8.8.8",
    )


def machines(found: list[EngagementEvent]) -> list[str]:
    return [one.machine for one in found]


def test_who_follows_three_links_at_once_is_a_program_with_all_of_them() -> None:
    assert machines(judged([click(0), click(1, 1), click(2, 2)])) == ["burst"] * 3


def test_a_person_reads_between_two_links() -> None:
    assert machines(judged([click(0), click(1, 20), click(2, 45), click(0, 46)])) == [""] * 4


def test_a_flood_of_clicks_is_judged_in_time_that_grows_with_it_and_no_faster() -> None:
    flood = [click(0, number / 10_000) for number in range(50_000)]

    began = time.process_time()
    found = judged(flood)

    assert time.process_time() - began < 2
    assert machines(found) == [""] * 50_000, "one link, however often, is no burst"


def test_what_one_reader_does_says_nothing_of_another() -> None:
    assert machines(judged([click(0), click(1, reader=2), click(2, reader=3)])) == [""] * 3


def test_what_is_of_nobody_is_written_by_the_hour(database: Database) -> None:
    with database.begin() as connection:
        engagement.write(connection, [click(0, reader=None), click(0, 900, reader=None), click(0, 3600, reader=None)])

    with database.read() as connection:
        rows = connection.execute(select(event.c.at, event.c.times, event.c.subscriber_id, event.c.reader)).all()
    assert [tuple(row) for row in rows] == [
        ("2025-01-17T13:00:00.000Z", 2, None, None),
        ("2025-01-17T14:00:00.000Z", 1, None, None),
    ]


def test_a_click_right_after_the_hand_over_is_a_programs(database: Database) -> None:
    with database.begin() as connection:
        enqueue(connection)
        connection.execute(update(batch).values(state="settled", handed_at=stamp(LATER - timedelta(seconds=2))))
        engagement.write(connection, [click(0), click(1, 60)])

    with database.read() as connection:
        assert events.figures(connection, 1)[0].machines == 1
        assert [one.machine for one in events.of_reader(connection, 1, 1)] == ["immediate", ""]


def enqueue(connection: object) -> None:

    assert isinstance(connection, Connection)
    connection.execute(insert(batch).values(campaign_id=1, no=1, size=1, state="queued"))
    connection.execute(insert(delivery).values(campaign_id=1, subscriber_id=1, batch_no=1))


@pytest.mark.parametrize(
    ("reader_key", "campaign_key", "times"),
    [(None, "", 1), ("own", "", 1), ("own", "CAMPAIGN", 1), ("other", "CAMPAIGN", 0), ("", "", 0), ("own", "other", 0)],
)
def test_links_of_a_reader_or_campaign_that_had_the_number_before_count_for_nobody(
    database: Database, reader_key: str | None, campaign_key: str, times: int
) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE subscriber SET link_key = 'own' WHERE id = 1")
        own = connection.exec_driver_sql("SELECT substr(key, 1, 8) FROM campaign").scalar_one()
        asked = campaign_key.replace("CAMPAIGN", own)

        engagement.write(connection, [replace(click(0), reader_key=reader_key, campaign_key=asked)])

        assert sum(figure.times for figure in events.figures(connection, 1)) == times


def test_a_server_that_stops_writes_what_it_holds(database: Database) -> None:
    with EngagementRecorder(database, Duration("off"), clock=lambda: LATER) as seen:
        for number in range(300):
            seen.note(click(number % 2, number * 10, reader=number % 3 + 1))

    with database.read() as connection:
        assert events.figures(connection, 1)[0].times == 300


def test_a_server_takes_readers_off_what_it_kept_long_enough(database: Database) -> None:
    with database.begin() as connection:
        engagement.write(connection, [click(0)])

    with EngagementRecorder(database, Duration("1d"), clock=lambda: LATER + timedelta(days=2)):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and known(database):
            time.sleep(0.05)

    assert known(database) == []
    with database.read() as connection:
        assert events.figures(connection, 1)[0].readers == 1


def known(database: Database) -> list[int]:
    """The readers that events are of."""
    with database.read() as connection:
        wanted = select(event.c.subscriber_id).where(event.c.subscriber_id.is_not(None))
        return [*connection.execute(wanted).scalars()]


def test_the_end_is_heard_even_when_it_comes_while_there_is_nothing_to_do(database: Database) -> None:
    asked, ended = threading.Event(), threading.Event()
    times = [LATER]

    def clock() -> datetime:
        times.append(LATER)
        if len(times) == 3:  # in the middle of its round
            asked.set()
            ended.wait(60)
        return LATER

    seen = EngagementRecorder(database, Duration("off"), clock=clock)
    seen.__enter__()
    assert asked.wait(60)
    leaving = threading.Thread(target=seen.__exit__, daemon=True)
    leaving.start()
    assert seen._some.wait(60)
    ended.set()
    leaving.join(60)

    assert not leaving.is_alive()
