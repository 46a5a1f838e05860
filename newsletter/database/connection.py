"""The database: open it, bring its schema up to date, read and write in transactions.

SQLite by default, PostgreSQL by its address. No table and no rule of a noun is here; migrations
are in `migrations/`, and Alembic is loaded only when one has to run.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)

from newsletter.config import Publication
from newsletter.errors import ConfigError, NewsletterError
from newsletter.signed_links import link_secret

HEAD = "0001"
"""The newest migration's revision."""
PATIENCE = 30.0
"""Seconds that a lock is waited for."""
CACHE_KIB = 16 * 1024
"""SQLite's page cache, per connection."""
CHECKPOINT_PAGES = 8 * 1024
"""Pages (4 KiB) of write-ahead log before they are copied: what many transactions change is copied once."""
_SCHEMES = "Write sqlite:///newsletter.db, or postgresql://user:password@host/name."
_PICK = "Take another with [database] url in newsletter.toml."


class LockedError(NewsletterError):
    """Another process holds the database for longer than PATIENCE."""


class Database:
    """An open database; several threads may use it at once, each with its own connections."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name
        """The file, or the address without its password: for messages."""
        self._writing = engine.execution_options(newsletter_begin="BEGIN IMMEDIATE")
        self._changing = engine.execution_options(newsletter_begin="")
        self._file = 0
        """Its number in the file system; 0: not watched."""

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, rolled back on an exception.

        On SQLite it takes the write lock at once and waits for it up to PATIENCE. Raises
        NewsletterError when the database refuses (locked, full, read-only, broken, taken away).
        """
        self.require_file()
        with self._explained(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """The same for one statement that writes: SQLite begins and commits it by itself, in one call instead of three.

        At each call a thread lets go of the interpreter, and gets it back when another one has computed enough.
        """
        self.require_file()
        with self._explained(), self._changing.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, of one moment on SQLite; it waits for no writer."""
        with self._explained(), self.engine.connect() as connection:
            yield connection

    def watch_file(self) -> None:
        """From now on, refuse to write when the name leads to another file, or to none."""
        self._file = _number(self.name)

    def require_file(self) -> None:
        """Raises NewsletterError when the file was taken away: what is written into it, nobody would find again."""
        if self._file and _number(self.name) != self._file:
            hint = "Put it back, or start the program again to use what is there now."
            raise NewsletterError("the database was taken away or replaced", place=self.name, hint=hint)

    def close(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if type(error) in (OperationalError, DatabaseError, InterfaceError):
                raise _explain(str(error.orig), self.name) from error
            raise


def open_database(publication: Publication, *, patience: float = PATIENCE) -> Database:
    """The publication's database, made when absent, its schema up to date.

    Raises ConfigError when the address, the file or the schema cannot be used.
    """
    url = _address(publication)
    name = (
        url.database or "" if _is_sqlite(url) else url.set(drivername="postgresql").render_as_string(hide_password=True)
    )
    engine = _engine(url, patience)
    engine.update_execution_options(newsletter_secret=lambda: link_secret(publication))  # asked for when first needed
    database = Database(engine, name)
    try:
        if _is_sqlite(url):
            _use_wal(database, patience)
            database.watch_file()
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def existing_database(publication: Publication) -> Database | None:
    """The same, but None where there is none yet: whoever only looks makes no database."""
    url = _address(publication)
    if _is_sqlite(url) and not Path(str(url.database)).exists():
        return None
    return open_database(publication)


def _number(name: str) -> int:
    """A file's number in the file system; -1: there is none."""
    try:
        return Path(name).stat().st_ino
    except OSError:
        return -1


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _address(publication: Publication) -> URL:
    """`[database] url`, its path absolute, its driver the one we ship with."""
    try:
        url = make_url(publication.config.database.url)
    except ArgumentError as error:
        raise ConfigError("[database] url is not a database's address", hint=_SCHEMES) from error
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise ConfigError(f'[database] url: no database is named "{url.drivername}"', hint=_SCHEMES)
    if url.database in (None, "", ":memory:"):
        raise ConfigError("[database] url: a database in memory would forget every reader", hint=_SCHEMES)
    return url.set(database=str(_usable(publication.root / str(url.database))))


def _usable(path: Path) -> Path:
    if not path.parent.is_dir():
        raise ConfigError("the database's folder does not exist", place=str(path.parent), hint=f"Make it. {_PICK}")
    if path.is_dir():
        raise ConfigError("the database is a folder, not a file", place=str(path), hint=_PICK)
    return path


def _engine(url: URL, patience: float) -> Engine:
    if not _is_sqlite(url):
        try:
            return create_engine(url, pool_pre_ping=True, hide_parameters=True)
        except ModuleNotFoundError as error:
            hint = "Install it beside newsletter: pip install 'psycopg[binary]'"
            raise ConfigError(f"PostgreSQL needs {error.name}, which is not installed", hint=hint) from error
    engine = create_engine(url, connect_args={"timeout": patience}, hide_parameters=True)  # errors reach logs
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Python's sqlite3 would begin by itself, late and without the write lock.
    connection.isolation_level = None
    settings = {"synchronous": "FULL", "foreign_keys": "ON", "temp_store": "MEMORY", "cache_size": -CACHE_KIB}
    # Who asks to be forgotten is gone from the file's free pages, too, whatever this SQLite was built to do.
    for name, value in (settings | {"wal_autocheckpoint": CHECKPOINT_PAGES, "secure_delete": "ON"}).items():
        connection.execute(f"PRAGMA {name} = {value}")


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns writer may find the database changed; a writer that begins as one only waits.
    if begin := connection.get_execution_options().get("newsletter_begin", "BEGIN"):
        connection.exec_driver_sql(begin)


def _use_wal(database: Database, patience: float) -> None:
    """Switch to write-ahead logging, once for the file's life.

    SQLite answers a switch during another's with "locked" at once, whatever the timeout.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return _switch(database)
        except LockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _switch(database: Database) -> None:
    try:
        with closing(database.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise _explain(str(error), database.name) from error


def _explain(said: str, name: str) -> NewsletterError:
    """The driver's complaint, in words and with the database's name."""
    if "locked" in said:
        hint = "Wait for it to end, then run this again."
        return LockedError("the database is locked by another program", place=name, hint=hint)
    if "not a database" in said or "malformed" in said:
        return ConfigError("not a SQLite database, or a broken one", place=name, hint=_PICK)
    if "unable to open" in said or "readonly" in said:
        hint = "Check the permissions of the file and its folder."
        return ConfigError("the database cannot be written", place=name, hint=hint)
    if "full" in said:
        hint = "Free some space, then run this again; what was committed is kept."
        return NewsletterError("the disk is full", place=name, hint=hint)
    return NewsletterError(f"the database failed: {' '.join(said.split())}", place=name)


def _migrate(database: Database) -> None:
    """Run the migrations that are missing; of several processes at once, one does and the others wait."""
    with database.read() as connection:
        if _revision(connection, database.name) == HEAD:
            return
    from newsletter.database.migrations import upgrade

    with database.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('newsletter.migrations'))"))
        found = _revision(connection, database.name)
        if not upgrade(connection, found):
            message = f"made by a newer newsletter (schema {found}), or by one before the first release"
            hint = "Upgrade newsletter, or open another database with [database] url in newsletter.toml."
            raise ConfigError(message, place=database.name, hint=hint)


def _revision(connection: Connection, name: str) -> str:
    """The schema's revision, empty for a new database. Raises ConfigError when it is somebody else's."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
    if tables and connection.dialect.name == "sqlite":
        raise ConfigError("the database belongs to another program", place=name, hint=_PICK)
    return ""
