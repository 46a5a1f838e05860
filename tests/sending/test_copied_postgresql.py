"""A PostgreSQL database that was restored elsewhere sends nothing until somebody says so."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from newsletter.config import load_publication
from newsletter.database.connection import open_database
from newsletter.errors import NewsletterError
from newsletter.sending import database_guard
from newsletter.times import utc_now
from tests.support import databases
from tests.support.sending import settings

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("postgresql")]


def test_a_database_that_was_restored_under_another_name_sends_after_adopt(tmp_path: Path) -> None:
    original = settings(tmp_path / "news")
    with closing(open_database(original)) as database, database.begin() as connection:
        database_guard.settle(connection, database_guard.here(database), utc_now())
        database_guard.settle(connection, database_guard.here(database), utc_now())
    name = databases.new_database(str(make_url(original.config.database.url).database))
    toml = original.path.read_text()
    original.path.write_text(toml.replace(original.config.database.url, databases.url_of(name)))
    restored = load_publication(original.path)

    with closing(open_database(restored)) as database, database.begin() as connection:
        here = database_guard.here(database)
        with pytest.raises(NewsletterError, match="this database is a copy"):
            database_guard.require_home(connection, here)
        database_guard.adopt(connection, here, utc_now())
        database_guard.require_home(connection, here)
    databases.drop(name)


def test_a_user_with_no_rights_on_the_server_may_ask_which_database_it_is(tmp_path: Path) -> None:
    news = settings(tmp_path / "news")
    name = str(make_url(news.config.database.url).database)
    databases.let_in("locked", name)
    news.path.write_text(news.path.read_text().replace("postgres@", "locked:correct%20horse@"))

    with closing(open_database(load_publication(news.path))) as database:
        assert database_guard.here(database).startswith("postgresql.")
