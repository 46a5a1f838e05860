"""Open the database, bring its schema up to date, and read and write in transactions.

SQLite by default, PostgreSQL by its URL. This module knows no table. Migrations are in `migrations/`; Alembic is
loaded only when a migration has to run.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

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

from newsletter.config.publication import DATABASE_HINT, Publication
from newsletter.errors import ConfigError, NewsletterError
from newsletter.private_files import make_private, open_private
from newsletter.signed_links import link_secret

logger = logging.getLogger(__name__)

_COMPANIONS = ("-wal", "-shm", "-journal")
_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"
PATIENCE = 30.0
"""Seconds to wait for a lock."""
CACHE_KIB = 16 * 1024
"""The size of SQLite's page cache, per connection."""
CHECKPOINT_PAGES = 8 * 1024
"""Pages (4 KiB) of write-ahead log before they are copied: a page that many transactions change is copied once."""
DRIVER_HINT = "Install it from newsletter's folder: pip install '.[distributed]'"
_PICK = "Take another with [database] url in newsletter.toml."


class LockedError(NewsletterError):
    """Raised when another process locks the database for longer than PATIENCE."""


class Database:
    """An open database; several threads may use it at once, each with its own connections."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name
        """The file, or the URL without its password, for messages."""
        self._writing = engine.execution_options(newsletter_begin="BEGIN IMMEDIATE")
        self._changing = engine.execution_options(newsletter_begin="")
        self._file = 0
        """The file's inode number; 0 when it is not watched."""

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction that writes: committed at the end, rolled back on an exception.

        On SQLite it takes the write lock at once and waits for it up to PATIENCE. Raises
        NewsletterError when the database refuses (locked, full, read-only, broken, removed).
        """
        self.require_file()
        with self._explained(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Open a connection for one statement that writes, which SQLite begins and commits by itself.

        It is one call to SQLite instead of three. A thread releases the interpreter's lock at each call, and waits
        for it while another thread computes. Raises NewsletterError like `begin`.
        """
        self.require_file()
        with self._explained(), self._changing.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads; it waits for no writer, and on SQLite sees the state of one moment."""
        with self._explained(), self.engine.connect() as connection:
            yield connection

    def watch_file(self) -> None:
        """Make later writes fail when the path leads to another file, or to none."""
        self._file = _inode(self.name)

    def require_file(self) -> None:
        """Raise NewsletterError when the file was removed or replaced: writes to the open one would be lost."""
        if self._file and _inode(self.name) != self._file:
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
    """Open the publication's database; create it when absent, and bring its schema up to date.

    Raises ConfigError when the URL, the file or the schema cannot be used.
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
            _keep_private(Path(name))
            _use_wal(database, patience)
            database.watch_file()
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def database_file(publication: Publication) -> Path:
    """Return the path of a publication's SQLite database, whether it exists or not. Raises ConfigError."""
    url = _address(publication)
    if not _is_sqlite(url):
        hint = "Put a database on a server back with its own program: pg_restore."
        raise ConfigError("this publication's database is on a server, and no file", hint=hint)
    return Path(str(url.database))


def existing_database(publication: Publication) -> Database | None:
    """Open the publication's database, or return None when there is none yet, for commands that only read."""
    url = _address(publication)
    if _is_sqlite(url) and not Path(str(url.database)).exists():
        return None
    return open_database(publication)


def _inode(name: str) -> int:
    """Return a file's inode number, or -1 when there is no file."""
    try:
        return Path(name).stat().st_ino
    except OSError:
        return -1


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _address(publication: Publication) -> URL:
    """Return `[database] url` with an absolute path and our driver; the settings' check has refused other kinds."""
    try:
        url = make_url(publication.config.database.url)
    except (ArgumentError, ValueError) as error:
        raise publication.error(
            ("database", "url"), "[database] url is not a database's address", DATABASE_HINT
        ) from error
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    return url.set(database=str(_usable(publication.root / str(url.database))))


def _usable(path: Path) -> Path:
    if not path.parent.is_dir():
        raise ConfigError("the database's folder does not exist", place=str(path.parent), hint=f"Make it. {_PICK}")
    if path.is_dir():
        raise ConfigError("the database is a folder, not a file", place=str(path), hint=_PICK)
    return path


def _engine(url: URL, patience: float) -> Engine:
    if not _is_sqlite(url):
        return _postgresql_engine(url)
    engine = create_engine(url, connect_args={"timeout": patience}, hide_parameters=True)  # errors reach logs
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql_engine(url: URL) -> Engine:
    """Return an engine whose statements are not prepared: pgbouncer hands each transaction to another connection."""
    arguments = {"prepare_threshold": None, "connect_timeout": 10, "application_name": "newsletter"} | url.query
    try:
        engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise ConfigError(f"PostgreSQL needs {error.name}, which is not installed", hint=DRIVER_HINT) from error
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    from psycopg.types.string import TextLoader

    connection.adapters.register_loader("jsonb", TextLoader)  # JSON columns are read as text, as on SQLite


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Python's sqlite3 would begin by itself, late and without the write lock.
    connection.isolation_level = None
    settings = {"synchronous": "FULL", "foreign_keys": "ON", "temp_store": "MEMORY", "cache_size": -CACHE_KIB}
    # secure_delete: a reader who asks to be forgotten is overwritten in the file's free pages, too.
    for name, value in (settings | {"wal_autocheckpoint": CHECKPOINT_PAGES, "secure_delete": "ON"}).items():
        connection.execute(f"PRAGMA {name} = {value}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes may find the database changed, and fail; IMMEDIATE only waits.
    if begin := connection.get_execution_options().get("newsletter_begin", "BEGIN"):
        connection.exec_driver_sql(begin)


def _keep_private(path: Path) -> None:
    """Let only the owner read the database: create it so, and take away what others may do to one that is there.

    SQLite gives the files that it makes beside it the same permissions.
    """
    with suppress(OSError):  # SQLite says why the file cannot be made
        os.close(open_private(path, os.O_RDWR | os.O_EXCL))
    were_open = [make_private(Path(f"{path}{end}")) for end in ("", *_COMPANIONS)]
    if any(were_open):
        logger.warning("%s could be read by others; now only its owner reads it", path)


def _use_wal(database: Database, patience: float) -> None:
    """Switch to write-ahead logging, which the file remembers.

    Retried here: SQLite refuses a switch during another one with "locked" at once, whatever the timeout.
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


def _explain(message: str, name: str) -> NewsletterError:
    """Return the error for a message of the driver, with the database's name."""
    if "locked" in message:
        hint = "Wait for it to end, then run this again."
        return LockedError("the database is locked by another program", place=name, hint=hint)
    if "not a database" in message or "malformed" in message:
        return ConfigError("not a SQLite database, or a broken one", place=name, hint=_PICK)
    if "unable to open" in message or "readonly" in message:
        hint = "Check the permissions of the file and its folder."
        return ConfigError("the database cannot be written", place=name, hint=hint)
    if "full" in message:
        hint = "Free some space, then run this again; what was committed is kept."
        return NewsletterError("the disk is full", place=name, hint=hint)
    return NewsletterError(f"the database failed: {' '.join(message.split())}", place=name)


def newest_revision() -> str:
    """Return the revision of the newest migration: the number that its file name begins with."""
    # Not from Alembic: every command that opens the database would load it, and it takes 0.1 s.
    return max(path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*_*.py"))


def _migrate(database: Database) -> None:
    """Run the migrations that are missing; if several processes try, one runs them and the others wait."""
    with database.read() as connection:
        if _revision(connection, database.name) == newest_revision():
            return
    from newsletter.database.migrations import upgrade

    with database.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('newsletter.migrations'))"))
        revision = _revision(connection, database.name)
        if not upgrade(connection, revision):
            message = f"made by a newer newsletter (schema {revision}), or by one before the first release"
            hint = "Upgrade newsletter, or open another database with [database] url in newsletter.toml."
            raise ConfigError(message, place=database.name, hint=hint)


def _revision(connection: Connection, name: str) -> str:
    """Return the schema's revision, empty for a new database. Raises ConfigError for another program's database."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
    if tables and connection.dialect.name == "sqlite":
        raise ConfigError("the database belongs to another program", place=name, hint=_PICK)
    return ""
