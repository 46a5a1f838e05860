"""Of several runners one leads, and another takes over when it ends, is stopped or is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from newsletter.database.connection import Database
from newsletter.distributed import leadership
from newsletter.distributed.leadership import Leadership
from newsletter.errors import NewsletterError
from tests.support.own_postgresql import DroppingProxy
from tests.support.sending import settings
from tests.support.workers import opened, until

END_LOCKS = """
    SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE locktype = 'advisory' AND datname = current_database()
"""
pytestmark = pytest.mark.usefixtures("postgresql")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(settings(tmp_path)) as database:
        yield database


def leads(leader: Leadership) -> bool:
    """Ask as a runner does, which asks again where a busy machine was too slow to stay in time."""
    try:
        return leader.leads()
    except NewsletterError:
        return False


def test_of_two_runners_one_leads_and_the_other_follows_at_once_when_it_ends(database: Database) -> None:
    with Leadership(database) as first, Leadership(database) as second:
        assert first.leads()
        assert not second.leads()
        first.__exit__()

        until(second.leads)
        assert not first.leads()


def test_a_leader_that_is_silent_loses_to_the_next(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leadership, "IDLE", 1)
    with Leadership(database) as stopped, Leadership(database) as next_one:
        until(lambda: leads(stopped))

        until(lambda: leads(next_one))

        with pytest.raises(NewsletterError):  # its session is over
            stopped.leads()


def test_a_leader_whose_network_drops_everything_loses_to_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leadership, "IDLE", 1)
    proxy = DroppingProxy(database.engine.url.port or 0)
    cut_off = Leadership(database)
    cut_off._url = cut_off._url.replace(f":{database.engine.url.port}", f":{proxy.port}")
    with Leadership(database) as next_one:
        until(lambda: leads(cut_off))
        proxy.cut()

        until(lambda: leads(next_one))

        proxy.close()
        cut_off.__exit__()


def test_a_leader_that_lost_the_database_says_so_and_leads_again_later(database: Database) -> None:
    with Leadership(database) as leader:
        assert leader.leads()
        url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as administrator:
            administrator.execute(END_LOCKS)
        with pytest.raises(NewsletterError, match="cannot be reached"):
            leader.leads()

        until(leader.leads)
