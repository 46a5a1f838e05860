"""PostgreSQL's addresses and errors: each is one sentence with what to do, and no password is repeated."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert, inspect, make_url, select, text
from sqlalchemy.exc import OperationalError

from newsletter.database import postgresql as postgresql_module
from newsletter.database.clock import database_now
from newsletter.database.connection import open_database
from newsletter.database.postgresql import explain, name_of, secrets_of
from newsletter.database.tables import campaign, event, metadata, subscriber, suppression
from newsletter.errors import ConfigError, NewsletterError
from tests.conftest import Run
from tests.database.test_connection import publication
from tests.support import databases

pytestmark = pytest.mark.postgresql
WRONG = "tr0ub4dor&3"
Url = Callable[..., str]


@pytest.fixture
def url(tmp_path: Path, postgresql: str) -> Url:
    name = make_url(databases.database_url(tmp_path)).database

    def made(user: str = "postgres", password: str = "", options: str = "", database: str = "", host: str = "") -> str:
        login = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql://{login}@{host or postgresql}/{database or name}{options}"

    return made


def test_migrations_make_exactly_the_tables_that_the_program_uses(url: Url, tmp_path: Path, postgresql: str) -> None:
    wanted = databases.new_database("template1")
    made, expected = (
        create_engine(f"postgresql+psycopg://postgres@{postgresql}/{name}")
        for name in (make_url(url()).database, wanted)
    )
    metadata.create_all(expected)

    columns = [_columns(engine) for engine in (made, expected)]

    for engine in (made, expected):
        engine.dispose()
    databases.drop(wanted)
    assert columns[0] == columns[1]


def _columns(engine: Any) -> dict[str, Any]:
    looked = inspect(engine)
    return {
        table: (
            {column["name"]: (str(column["type"]), column["nullable"]) for column in looked.get_columns(table)},
            sorted(map(str, looked.get_indexes(table))),
            looked.get_pk_constraint(table)["constrained_columns"],
        )
        for table in looked.get_table_names()
        if table != "alembic_version" and not table.startswith("procrastinate")
    }


def test_ids_are_bigint_fields_jsonb_and_messages_bytea(url: Url) -> None:
    engine = create_engine(url().replace("postgresql:", "postgresql+psycopg:"))
    looked = inspect(engine)

    types = {
        f"{table.name}.{column['name']}": str(column["type"])
        for table in (subscriber, event, campaign)
        for column in looked.get_columns(table.name)
    }

    engine.dispose()
    assert types["subscriber.id"] == types["event.id"] == types["event.subscriber_id"] == "BIGINT"
    assert types["subscriber.fields"] == types["subscriber.tags"] == "JSONB"
    assert types["campaign.message"] == "BYTEA"


def test_ids_beyond_32_bits_are_stored(url: Url, tmp_path: Path) -> None:
    far = 2**40
    row = {
        "id": far,
        "email": "a@example.com",
        "email_key": "a@example.com",
        "created_at": "2026",
        "updated_at": "2026",
    }
    with closing(open_database(publication(tmp_path, url()))) as database, database.begin() as connection:
        connection.execute(insert(subscriber).values(row))
        assert connection.execute(select(subscriber.c.id, subscriber.c.fields)).one() == (far, "{}")


@pytest.mark.parametrize(
    ("wrong", "said", "hint"),
    [
        (
            {"user": "locked", "password": WRONG},
            'password authentication failed for user "locked"',
            "user and password",
        ),
        ({"user": "locked"}, "no password supplied", "user and password"),
        ({"user": "nobody_here"}, 'role "nobody_here" does not exist', "user and password"),
        ({"database": "nothing_here"}, 'database "nothing_here" does not exist', "createdb"),
        ({"options": "?sslmode=perhaps"}, 'invalid sslmode value: "perhaps"', "options of libpq"),
        ({"options": "?sslmod=require"}, 'invalid connection option "sslmod"', "options of libpq"),
        ({"options": "?sslmode=require"}, "server does not support SSL", "options of libpq"),
        ({"host": "127.0.0.1:1"}, "Connection refused", "Is the server running"),
        ({"host": "no-such-host.invalid"}, "no-such-host.invalid", "Is the server running"),
        ({"options": f"?password={WRONG}", "user": "locked"}, "password authentication failed", "user and password"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_sentence_without_the_password(
    url: Url, tmp_path: Path, wrong: dict[str, str], said: str, hint: str, newsletter: Run
) -> None:
    publication(tmp_path, url(**wrong))

    refused = newsletter("campaigns")

    assert refused.returncode in (1, 2)
    assert said in refused.stderr
    assert hint in refused.stderr
    assert len(refused.stderr.splitlines()) == 2
    assert WRONG not in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_right_password_is_let_in_and_stays_out_of_the_name(url: Url, tmp_path: Path) -> None:
    address = url(user="locked", password="correct horse")
    with pytest.raises(ConfigError, match="permission denied") as refused:
        open_database(publication(tmp_path, address))

    assert "horse" not in str(refused.value)
    assert "Let it own the database" in refused.value.hint


def test_a_database_is_named_by_a_variable(url: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    news = publication(tmp_path, "env:DATABASE_URL")
    with pytest.raises(ConfigError, match="DATABASE_URL is not set"):
        open_database(news)

    monkeypatch.setenv("DATABASE_URL", url())

    with closing(open_database(news)) as database:
        assert database.name == url()


@pytest.mark.parametrize(
    "written", ["mysql://root:pw@127.0.0.1/news", "news:pw@host", "postgresql://a:pw@h:port/x", ""]
)
def test_a_variable_without_an_address_is_one_error_that_does_not_repeat_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", written)

    with pytest.raises(ConfigError) as refused:
        open_database(publication(tmp_path, "env:DATABASE_URL"))

    assert "pw" not in str(refused.value)
    assert refused.value.hint


@given(password=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cs"]), min_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_spelling_of_a_password_is_in_the_name_of_a_database(password: str) -> None:
    for address in (
        f"postgresql://u:{quote(password, safe='')}@db.example.com/news?sslmode=require",
        f"postgresql://u@db.example.com/news?password={quote(password, safe='')}",
    ):
        url = make_url(address)
        assert password in secrets_of(url)
        assert name_of(url) in (
            "postgresql://u:***@db.example.com/news",
            "postgresql://u@db.example.com/news",
        )


def test_a_connection_that_the_server_ends_is_said_in_words_and_the_next_one_works(url: Url, tmp_path: Path) -> None:
    with closing(open_database(publication(tmp_path, url()))) as database:
        with pytest.raises(NewsletterError, match="the database failed: ") as lost, database.begin() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid(), 5000)"))
        assert "run this again" in lost.value.hint

        with database.read() as connection:
            assert connection.scalar(text("SELECT 1")) == 1


def test_a_connection_that_died_while_it_was_idle_is_replaced_unnoticed(
    url: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_module, "IDLE", 0.0)
    ending = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = :pid")
    mine = text("SELECT pg_backend_pid()")
    with closing(open_database(publication(tmp_path, url()))) as database:
        with database.read() as first, database.read() as second:
            dead, other = (connection.execute(mine).scalar_one() for connection in (first, second))
        with closing(open_database(publication(tmp_path, url()))) as another, another.read() as connection:
            for pid in (dead, other):
                assert connection.execute(ending, {"pid": pid}).scalar_one()

        with database.begin() as connection:
            assert connection.execute(mine).scalar_one() not in (dead, other)


def test_a_connection_in_use_is_not_asked_for_a_sign_of_life(
    url: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_module, "IDLE", 1000.0)
    with closing(open_database(publication(tmp_path, url()))) as database:
        asked: list[object] = []
        monkeypatch.setattr(database.engine.dialect, "do_ping", asked.append)
        for _ in range(3):
            with database.read() as connection:
                connection.execute(text("SELECT 1"))

    assert not asked


@pytest.mark.parametrize("what", ["shutting down", "starting up", "in recovery mode"])
def test_a_server_that_is_restarting_is_not_called_a_wrong_address(what: str) -> None:
    said = psycopg.OperationalError(
        f'connection to server at "127.0.0.1" failed: FATAL:  the database system is {what}'
    )

    error = explain(OperationalError("", {}, said), "postgresql://news@db.example.com/news", ())

    assert not isinstance(error, ConfigError)
    assert f"the database failed: the database system is {what}\n  Is the server running" in str(error)


def test_a_row_that_somebody_else_locks_for_too_long_is_said_in_words(url: Url, tmp_path: Path) -> None:
    with closing(open_database(publication(tmp_path, url()))) as database, database.begin() as first:
        first.execute(insert(suppression).values(email_key="a@example.com", reason="bounced", at="2026"))
        first.execute(text("LOCK TABLE suppression IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(NewsletterError, match="locked by another program"), database.begin() as second:
            second.execute(text("SET LOCAL lock_timeout = '50ms'; TABLE suppression"))


def test_leases_are_counted_by_the_clock_of_the_server_even_late_in_a_transaction(url: Url, tmp_path: Path) -> None:
    with closing(open_database(publication(tmp_path, url()))) as database, database.begin() as connection:
        began = connection.scalar(text("SELECT now()"))
        connection.execute(text("SELECT pg_sleep(0.01)"))

        moment = database_now(connection, lambda: pytest.fail("asked the process"))

        assert moment > began
        assert moment.utcoffset() is not None


def test_who_does_not_write_alone_waits_for_nobody(url: Url, tmp_path: Path) -> None:
    with closing(open_database(publication(tmp_path, url()))) as database, database.begin() as first:
        first.execute(insert(suppression).values(email_key="a@example.com", reason="bounced", at="2026"))
        with database.begin(alone=False) as second:
            second.execute(insert(suppression).values(email_key="b@example.com", reason="bounced", at="2026"))
