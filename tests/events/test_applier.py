"""The server's thread that applies kept calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from newsletter.database.connection import Database, open_database
from newsletter.events.applier import PAUSE, EventApplier
from tests.support.sending import settings


class Queue:
    """A write queue that notes when it is used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.used_at: list[float] = []

    def call(self, write: Callable[[Connection, Sequence[Any]], Sequence[Any]], item: object) -> Any:
        self.used_at.append(time.monotonic())
        with self._database.begin() as connection:
            [result] = write(connection, [item])
        return result


def test_calls_are_collected_for_a_moment_so_that_a_sender_gets_its_turns(tmp_path: Path) -> None:
    publication = settings(tmp_path / "news")
    database = open_database(publication)
    queue = Queue(database)
    with EventApplier(publication, queue) as applier:
        began_at = time.monotonic()
        for _ in range(100):
            applier.wake()
            time.sleep(0.01)
        seconds = time.monotonic() - began_at

    database.close()
    assert 1 <= len(queue.used_at) <= seconds / PAUSE + 3


def test_a_server_that_ends_does_not_wait_for_more_calls(tmp_path: Path) -> None:
    publication = settings(tmp_path / "news")
    database = open_database(publication)
    with EventApplier(publication, Queue(database)) as applier:
        applier.wake()

    database.close()
