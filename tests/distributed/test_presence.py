"""Workers are known by their heartbeats, and no two of them by one name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.distributed import presence
from tests.support.sending import NOW, settings
from tests.support.workers import opened

pytestmark = pytest.mark.usefixtures("each_database")


def test_a_process_that_has_the_number_of_a_dead_one_has_another_name() -> None:
    assert len({presence.this_process().name for _ in range(20)}) == 20


def test_a_worker_lives_as_long_as_it_is_heard_of(tmp_path: Path) -> None:
    identity = presence.this_process()
    with opened(settings(tmp_path)) as database, database.begin() as connection:
        presence.beat(connection, identity, NOW)
        presence.beat(connection, identity, NOW + presence.BEAT)

        later = NOW + presence.BEAT + presence.SILENCE
        (worker,) = presence.living(connection, later)
        assert (worker.name, worker.host, worker.pid, worker.sending) == (
            identity.name,
            identity.host,
            identity.pid,
            [],
        )
        assert worker.since < worker.seen
        assert not presence.is_any_alive(connection, later + timedelta(seconds=1))
        assert presence.living(connection, later + timedelta(seconds=1)) == []


def test_a_worker_that_is_long_gone_is_forgotten_when_another_comes(tmp_path: Path) -> None:
    old, new = presence.this_process(), presence.this_process()
    with opened(settings(tmp_path)) as database, database.begin() as connection:
        presence.beat(connection, old, NOW)
        later = NOW + presence.FORGOTTEN + timedelta(seconds=1)
        presence.beat(connection, new, later)

        assert [worker.name for worker in presence.living(connection, NOW)] == [new.name]
        presence.leave(connection, new)
        assert not presence.is_any_alive(connection, later)
