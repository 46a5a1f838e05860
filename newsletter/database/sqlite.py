"""SQLite: how its file is opened, kept private and watched, and what its errors mean.

Knows no table. `connection.py` chooses between this and `postgresql.py`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from newsletter.database.errors import PICK, LockedError
from newsletter.errors import ConfigError, NewsletterError
from newsletter.private_files import make_private, open_private

logger = logging.getLogger(__name__)

_COMPANIONS = ("-wal", "-shm", "-journal")
CACHE_KIB = 16 * 1024
"""The size of SQLite's page cache, per connection."""
CHECKPOINT_PAGES = 8 * 1024
"""Pages (4 KiB) of write-ahead log before they are copied: a page that many transactions change is copied once."""

KEPT_CONNECTIONS = 10
"""Connections that stay open: as many as a server's threads use while it answers requests of every kind."""
MOST_CONNECTIONS = 15
"""Connections at once; those beyond the ones that are kept are opened and prepared for each transaction."""


def inode(name: str) -> int:
    """Return a file's inode number, or -1 when there is no file."""
    try:
        return Path(name).stat().st_ino
    except OSError:
        return -1


def usable(path: Path) -> Path:
    """Return the path of a file that can be a database. Raises ConfigError when its folder is missing."""
    if not path.parent.is_dir():
        raise ConfigError(
            "the database's folder does not exist", place=str(path.parent), hint=f"Create the folder. {PICK}"
        )
    if path.is_dir():
        raise ConfigError("the database is a folder, not a file", place=str(path), hint=PICK)
    return path


def sqlite_engine(url: URL, patience: float) -> Engine:
    """Return an engine whose connections wait `patience` seconds for a lock."""
    engine = create_engine(
        url,
        connect_args={"timeout": patience},
        hide_parameters=True,  # errors reach logs
        pool_size=KEPT_CONNECTIONS,
        max_overflow=MOST_CONNECTIONS - KEPT_CONNECTIONS,
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    # Python's sqlite3 would begin by itself, late and without the write lock.
    connection.isolation_level = None
    settings = {"synchronous": "FULL", "foreign_keys": "ON", "temp_store": "MEMORY", "cache_size": -CACHE_KIB}
    # secure_delete: a reader who asks to be forgotten is overwritten in the file's free pages, too.
    for name, value in (settings | {"wal_autocheckpoint": CHECKPOINT_PAGES, "secure_delete": "ON"}).items():
        connection.execute(f"PRAGMA {name} = {value}")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then writes may find the database changed, and fail; IMMEDIATE only waits.
    if begin := connection.get_execution_options().get("newsletter_begin", "BEGIN"):
        connection.exec_driver_sql(begin)


def keep_private(path: Path) -> None:
    """Let only the owner read the database: create it so, and take away what others may do to one that is there.

    SQLite gives the files that it makes beside it the same permissions.
    """
    with suppress(OSError):  # SQLite says why the file cannot be made
        os.close(open_private(path, os.O_RDWR | os.O_EXCL))
    were_open = [make_private(Path(f"{path}{end}")) for end in ("", *_COMPANIONS)]
    if any(were_open):
        logger.warning("%s could be read by others; now only its owner reads it", path)


def use_wal(engine: Engine, name: str, patience: float) -> None:
    """Switch to write-ahead logging, which the file remembers.

    Retried here: SQLite refuses a switch during another one with "locked" at once, whatever the timeout.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return _switch(engine, name)
        except LockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _switch(engine: Engine, name: str) -> None:
    try:
        with closing(engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise explain(str(error), name) from error


def explain(message: str, name: str) -> NewsletterError:
    """Return the error for a message of the driver, with the database's name."""
    if "locked" in message:
        hint = "Wait for it to end, then run this again."
        return LockedError("the database is locked by another program", place=name, hint=hint)
    if "not a database" in message or "malformed" in message:
        return ConfigError("not a SQLite database, or a broken one", place=name, hint=PICK)
    if "unable to open" in message or "readonly" in message:
        hint = "Check the permissions of the file and its folder."
        return ConfigError("the database cannot be written", place=name, hint=hint)
    if "full" in message:
        hint = "Free some space, then run this again; what was committed is kept."
        return NewsletterError("the disk is full", place=name, hint=hint)
    return NewsletterError(f"the database failed: {' '.join(message.split())}", place=name)
