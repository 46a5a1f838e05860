"""Everything is copied from one database into another, whatever interrupts it, and the source sends nothing more."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    Table,
    delete,
    event,
    insert,
    make_url,
    select,
    text,
    update,
)

from newsletter.config import PublicationSettings
from newsletter.database import copy as copying
from newsletter.database.connection import Database, named_address, open_address
from newsletter.database.copy import copy_database, table_sum, tables
from newsletter.database.process_tables import host
from newsletter.database.tables import subscriber, suppression
from newsletter.database.types import JsonText
from newsletter.errors import NewsletterError
from newsletter.sending import database_guard
from newsletter.sending.lock import SenderLock
from newsletter.times import utc_now
from tests import ROOT
from tests.conftest import Run
from tests.database.test_connection import publication
from tests.support import databases

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("postgresql")]
AT = "2026-11-29T12:00:00.000Z"
DIRECTIONS = pytest.mark.parametrize("pair", ["to postgresql", "to sqlite", "from file to file"], indirect=True)
KILLED = """
import os, signal, sys
from newsletter.config import load_publication
from newsletter.database import copy
from newsletter.database.connection import named_address, open_address
news = load_publication(__import__("pathlib").Path(sys.argv[1]))
source, target = (open_address(named_address(url, "url", news), news) for url in sys.argv[2:4])
copy.PAGE, calls = 7, []
def tell(done, total):
    calls.append(done)
    if len(calls) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
copy.copy_database(source, target, "2026", tell=tell)
"""


@pytest.fixture
def news(tmp_path: Path) -> PublicationSettings:
    return publication(tmp_path)


@pytest.fixture
def pair(request: pytest.FixtureRequest, news: PublicationSettings) -> Iterator[tuple[Database, Database]]:
    """Open a source and an empty target."""
    urls = ["sqlite:///news.db", databases.database_url(news.root)]
    direction = getattr(request, "param", "to postgresql")
    if direction == "to sqlite":
        urls.reverse()
    elif direction == "from file to file":
        urls[1] = "sqlite:///other.db"
    with ExitStack() as stack:
        first, second = (stack.enter_context(closing(opened(url, news))) for url in urls)
        yield first, second


def opened(url: str, news: PublicationSettings) -> Database:
    return open_address(named_address(url, "--to", news), news)


def fill(database: Database, number: int = 20) -> None:
    """Write rows into every table there is, with values of every type."""
    with database.begin() as connection:
        for table in tables():
            connection.execute(insert(table), [row(table, n) for n in range(1, number + 1)])
            if database.engine.dialect.name == "postgresql" and table.dialect_options["sqlite"]["autoincrement"]:
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {number})"))


def row(table: Table, n: int) -> dict[str, Any]:
    return {column.name: value(column, n) for column in table.columns}


def value(column: Column[Any], n: int) -> Any:
    key = bool(column.primary_key or column.foreign_keys or column.unique)
    if column.nullable and n % 3 == 0:
        return None
    match column.type:
        case JsonText():
            return f'{{"a":{n},"plan":"päid","zz":1.5}}' if column.name == "fields" else f'["t{n}"]'
        case Boolean():
            return n % 2 == 0
        case Integer():
            return n if key else n * 7
        case Float():
            return n / 3
        case LargeBinary():
            return bytes([0, n, 255])
    # By bytes these sort otherwise than by the rules of a language.
    return f"{'aBÄ_-'[n % 5]}{n}" if key else f"{column.name} {n}\n\t\\N 'ä' \"✓\""


def sums(database: Database) -> list[copying.TableSum]:
    return [table_sum(database, table) for table in tables()]


@DIRECTIONS
def test_every_table_is_copied_and_equal(pair: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "PAGE", 7)
    source, target = pair
    fill(source)
    told: list[tuple[int, int]] = []

    copied = copy_database(source, target, AT, tell=lambda done, total: told.append((done, total)))

    assert copied == sums(source) == sums(target)
    assert [each.rows for each in copied] == [20] * len(tables())
    assert told[-1] == (20 * len(tables()),) * 2


@DIRECTIONS
def test_ids_go_on_behind_those_of_readers_who_are_gone(pair: tuple[Database, Database]) -> None:
    source, target = pair
    fill(source)
    with source.begin() as connection:
        connection.execute(delete(subscriber).where(subscriber.c.id > 5))

    copy_database(source, target, AT)

    with target.begin() as connection:
        new = {name: value for name, value in row(subscriber, 1).items() if name != "id"} | {"email_key": "new"}
        assert connection.execute(insert(subscriber).values(new)).inserted_primary_key == (21,)


@pytest.mark.parametrize("moment", [1, 9, 23, 40])
def test_a_copy_that_is_killed_goes_on_where_it_was(
    pair: tuple[Database, Database], news: PublicationSettings, moment: int
) -> None:
    source, target = pair
    fill(source)
    urls = ["sqlite:///news.db", databases.database_url(news.root)]
    command = [sys.executable, "-c", KILLED, str(news.path), *urls, str(moment)]

    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    with target.read() as connection:
        before = sum(copying._count(connection, table) for table in tables())
        first = connection.scalars(select(host.c.host_id)).all()
    written: list[str] = []
    event.listen(target.engine, "before_cursor_execute", lambda *given: written.append(given[2]))

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < before < 20 * len(tables())
    assert first == [f"unfinished copy of {source.name}"]
    assert copy_database(source, target, AT) == sums(source) == sums(target)
    assert not [statement for statement in written if statement.startswith("DELETE") and " host" not in statement]


@DIRECTIONS
def test_neither_side_sends_during_the_copy_and_the_source_not_after_it(
    pair: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = pair
    fill(source, 3)
    monkeypatch.setattr(copying, "_copy_table", lambda *_: pytest.fail("stopped"))
    with pytest.raises(pytest.fail.Exception, match="stopped"):
        copy_database(source, target, AT)
    for database, why in ((source, "was copied to "), (target, "is an unfinished copy of ")):
        with database.read() as connection, pytest.raises(NewsletterError, match=why):
            database_guard.require_home(connection, database_guard.here(database))
    monkeypatch.undo()

    copy_database(source, target, AT)

    with target.begin() as connection:
        database_guard.settle(connection, database_guard.here(target), utc_now())
    with source.begin() as connection:
        marker = database_guard.LastSendMarker(source)
        with pytest.raises(NewsletterError, match=r"was copied to .*: only that one sends") as refused:
            marker.count(connection, utc_now())
        assert "newsletter adopt" in refused.value.hint
        database_guard.adopt(connection, database_guard.here(source), utc_now())
        database_guard.require_home(connection, database_guard.here(source))


def test_a_target_that_holds_something_else_is_left_alone(pair: tuple[Database, Database]) -> None:
    source, target = pair
    fill(source, 3)
    with target.begin() as connection:
        connection.execute(insert(suppression).values(email_key="a@example.com", reason="bounced", at=AT))

    with pytest.raises(NewsletterError, match='the target holds something else: its table "suppression"'):
        copy_database(source, target, AT)

    with source.read() as connection:
        database_guard.require_home(connection, database_guard.here(source))


def test_a_table_that_is_changed_during_the_copy_is_said_and_copied_anew(
    pair: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = pair
    fill(source)
    kept = copying._equal

    def change_first(here: Database, there: Database, table: Table) -> copying.TableSum:
        if table is subscriber:
            with source.begin() as connection:
                connection.execute(update(subscriber).where(subscriber.c.id == 2).values(first_name="Changed"))
        return kept(here, there, table)

    monkeypatch.setattr(copying, "_equal", change_first)
    with pytest.raises(NewsletterError, match='the table "subscriber" was changed while it was copied') as changed:
        copy_database(source, target, AT)
    monkeypatch.undo()

    assert "Stop `newsletter serve`" in changed.value.hint
    assert copy_database(source, target, AT) == sums(target)


@pytest.mark.parametrize(
    ("column", "damage", "what"),
    [("fields", "{oops", "is damaged JSON"), ("first_name", "A\0da", "has a NUL character")],
)
def test_what_postgresql_cannot_store_is_named_by_row_and_column(
    pair: tuple[Database, Database], column: str, damage: str, what: str
) -> None:
    source, target = pair
    fill(source, 3)
    with source.begin() as connection:
        connection.execute(update(subscriber).where(subscriber.c.id == 2).values({column: damage}))

    with pytest.raises(NewsletterError, match=f'subscriber, id 2: the column "{column}" {what}'):
        copy_database(source, target, AT)

    with source.begin() as connection:
        connection.execute(update(subscriber).where(subscriber.c.id == 2).values({column: "{}"}))
    assert copy_database(source, target, AT) == sums(target)


def test_the_command_makes_the_tables_copies_and_prints_them(tmp_path: Path, newsletter: Run, postgresql: str) -> None:
    news = publication(tmp_path)
    with closing(opened("sqlite:///news.db", news)) as source:
        fill(source, 3)
    empty = databases.url_of(databases.new_database("template1"))

    with SenderLock(str(tmp_path / "news.db")) as lock:
        lock.acquire()
        busy = newsletter("database", "copy", "--to", empty)
    copied = newsletter("database", "copy", "--to", empty, "--json")
    again = newsletter("database", "copy", "--to", empty)
    after = newsletter("adopt")

    databases.drop(str(make_url(empty).database))
    assert "sends from this database" in busy.stderr
    assert copied.returncode == 0, copied.stderr
    assert '"table": "subscriber",\n    "rows": 3' in copied.stdout
    assert "equal on both sides" in copied.stderr
    assert (again.returncode, "the target holds something else" in again.stderr) == (1, True)
    assert "sends from here now" in after.stderr


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("env:NOT_SET", "NOT_SET is not set (--to names it)"),
        ("mysql://a@b/c", '--to: no database is named "mysql"'),
        ("sqlite:///news.db", "--to names the database that is in use"),
        ("postgresql://u:secret@127.0.0.1:1/x", "Connection refused"),
    ],
)
def test_a_target_that_cannot_be_used_is_one_error(tmp_path: Path, newsletter: Run, target: str, said: str) -> None:
    publication(tmp_path)

    refused = newsletter("database", "copy", "--to", target)

    assert refused.returncode in (1, 2)
    assert said in refused.stderr
    assert "secret" not in refused.stderr
    assert "Traceback" not in refused.stderr
