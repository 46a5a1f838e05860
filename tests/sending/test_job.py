"""A thread that waits for something new is woken by it, and misses nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.database.connection import Database, open_database
from newsletter.sending.job import SendState
from tests.support.sending import settings

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(settings(tmp_path))
    yield found
    found.close()


def test_who_waits_goes_on_as_soon_as_there_is_something_new(database: Database) -> None:
    send_state = SendState(database)
    before = send_state.changes
    waiting = threading.Thread(target=send_state.wait, args=(before, 60.0))
    waiting.start()

    send_state.tell_change()

    waiting.join(10)
    assert not waiting.is_alive()


def test_what_came_between_looking_and_waiting_is_not_missed(database: Database) -> None:
    send_state = SendState(database)
    before = send_state.changes
    send_state.tell_change()

    began = time.monotonic()
    send_state.wait(before, 60.0)

    assert time.monotonic() - began < 10


def test_nobody_waits_for_ever(database: Database) -> None:
    send_state = SendState(database)

    send_state.wait(send_state.changes, 0.01)

    assert not send_state.stop_asked.is_set()
