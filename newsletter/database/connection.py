"""Open the database, and read and write in transactions.

SQLite by default (`sqlite.py`), PostgreSQL by its URL (`postgresql.py`). This module knows no table. The tables are
brought up to date by `schema.py`: those of SQLite whenever it is opened, those of PostgreSQL by `newsletter migrate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError

from newsletter.config.provider_settings import Fail
from newsletter.config.publication import DATABASE_HINT, PublicationSettings, check_database_url, secret
from newsletter.database import postgresql, schema, sqlite
from newsletter.database.errors import LockedError
from newsletter.errors import ConfigError, NewsletterError
from newsletter.signed_links import link_secret

__all__ = ["Database", "LockedError", "existing_database", "migrate_database", "open_database"]

PATIENCE = 30.0
"""Seconds to wait for a lock."""
Explain = Callable[[DBAPIError], NewsletterError | None]


class Database:
    """An open database; several threads may use it at once, each with its own connections."""

    def __init__(self, engine: Engine, name: str, explain: Explain) -> None:
        self.engine = engine
        self.name = name
        """The file, or the URL without its password, for messages."""
        self._explain = explain
        self._writing = engine.execution_options(newsletter_begin="BEGIN IMMEDIATE")
        self._changing = engine.execution_options(newsletter_begin="")
        self._file = 0
        """The file's inode number; 0 when it is not watched."""

    @contextmanager
    def begin(self, *, alone: bool = True) -> Iterator[Connection]:
        """Open a transaction that writes: committed at the end, rolled back on an exception.

        It takes the write lock at once and waits for it up to PATIENCE, so that what it reads is still so when it
        writes. With `alone` false, on PostgreSQL, it takes no such lock: each of its statements must be right whatever
        others commit before it. Raises NewsletterError when the database refuses (locked, full, read-only, broken,
        removed).
        """
        self.require_file()
        with self._explained(), self._writing.begin() as connection:
            if alone and connection.dialect.name == "postgresql":
                connection.execute(postgresql.WRITE_LOCK, {"patience": f"{PATIENCE:.0f}s"})
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
        self._file = sqlite.inode(self.name)

    def require_file(self) -> None:
        """Raise NewsletterError when the file was removed or replaced: writes to the open one would be lost."""
        if self._file and sqlite.inode(self.name) != self._file:
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
            if explained := self._explain(error):
                raise explained from error
            raise


class Migration(NamedTuple):
    """Tell what `migrate_database` did: the revision of the tables before and after, empty where there were none."""

    name: str
    before: str
    after: str


def open_database(publication: PublicationSettings, *, patience: float = PATIENCE) -> Database:
    """Open the publication's database; create a file that is absent, and bring its tables up to date.

    Raises ConfigError when the URL, the file or the tables cannot be used: those of PostgreSQL must be up to date.
    """
    return open_address(address(publication), publication, patience=patience)


def open_address(url: URL, publication: PublicationSettings, *, patience: float = PATIENCE) -> Database:
    """Open a database by its address, as `open_database` does."""
    database = _connected(url, publication, patience)
    try:
        if _is_sqlite(url):
            _upgrade(database)
        else:
            with database.read() as connection:
                schema.require_newest(connection, database.name)
    except BaseException:
        database.close()
        raise
    return database


def database_file(publication: PublicationSettings) -> Path:
    """Return the path of a publication's SQLite database, whether it exists or not. Raises ConfigError."""
    url = address(publication)
    if not _is_sqlite(url):
        hint = "Put a database on a server back with its own program: pg_restore."
        raise ConfigError("this publication's database is on a server, and no file", hint=hint)
    return Path(str(url.database))


def migrate_database(url: URL, publication: PublicationSettings) -> Migration:
    """Bring the tables up to date, on either database; safe to run twice, and by two at once."""
    database = _connected(url, publication, PATIENCE)
    try:
        before = _upgrade(database)
        if not _is_sqlite(url):
            from newsletter.database import job_schema  # needs what SQLite has no use for

            with database.begin() as connection:
                job_schema.upgrade(connection)
    finally:
        database.close()
    return Migration(database.name, before, schema.newest_revision())


def existing_database(publication: PublicationSettings) -> Database | None:
    """Open the publication's database, or return None when there is none yet, for commands that only read."""
    url = address(publication)
    if _is_sqlite(url) and not Path(str(url.database)).exists():
        return None
    return open_database(publication)


def address(publication: PublicationSettings) -> URL:
    """Return `[database] url`, or what `env:NAME` there names, with an absolute path and our driver."""

    def fail(_keys: Sequence[str], message: str, hint: str) -> ConfigError:
        return publication.error(("database", "url"), message, hint)

    return _parsed(publication.config.database.url, "[database] url", publication, fail)


def named_address(text: str, option: str, publication: PublicationSettings) -> URL:
    """Return the address that an option of a command names, or its variable."""

    def fail(_keys: Sequence[str], message: str, hint: str) -> ConfigError:
        return ConfigError(message.replace("[database] url", option), hint=hint)

    return _parsed(text, option, publication, fail)


def _parsed(text: str, key: str, publication: PublicationSettings, fail: Fail) -> URL:
    """Parse a database's address. Raises the error of `fail`, in which the address is not repeated."""
    written = secret(text, key=key) if text.startswith("env:") else text
    check_database_url(written, fail)
    try:
        url = make_url(written)
    except (ArgumentError, ValueError) as error:
        raise fail((), "[database] url is not a database's address", DATABASE_HINT) from error
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    return url.set(database=str(sqlite.usable(publication.root / str(url.database))))


def _connected(url: URL, publication: PublicationSettings, patience: float) -> Database:
    """Return the database without a look at its tables."""
    if not _is_sqlite(url):
        name, secrets = postgresql.name_of(url), postgresql.secrets_of(url)
        engine = _knowing(publication, postgresql.postgresql_engine(url))
        return Database(engine, name, lambda error: postgresql.explain(error, name, secrets))
    name = url.database or ""
    engine = _knowing(publication, sqlite.sqlite_engine(url, patience))
    database = Database(engine, name, lambda error: _explained_sqlite(error, name))
    try:
        sqlite.keep_private(Path(name))
        sqlite.use_wal(engine, name, patience)
    except BaseException:
        database.close()
        raise
    database.watch_file()
    return database


def _knowing(publication: PublicationSettings, engine: Engine) -> Engine:
    """Let statements ask for the publication's secret, when they first need it."""
    engine.update_execution_options(newsletter_secret=lambda: link_secret(publication))
    engine.update_execution_options(newsletter_webhooks=publication.config.webhooks)
    return engine


def _explained_sqlite(error: DBAPIError, name: str) -> NewsletterError | None:
    if type(error) in (OperationalError, DatabaseError, InterfaceError):
        return sqlite.explain(str(error.orig), name)
    return None


def _upgrade(database: Database) -> str:
    """Run the migrations that are missing; return the revision before."""
    with database.read() as connection:
        if schema.is_newest(connection, database.name):
            return schema.newest_revision()
    with database.begin(alone=False) as connection:  # it may take longer than anybody waits for a lock
        return schema.upgrade(database.engine, connection, database.name)


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"
