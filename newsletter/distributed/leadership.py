"""Lead: of several `newsletter run` at one database, one is the scheduler, by a session lock of PostgreSQL.

The lock is on a connection of its own, and ends with it: at once when its process dies, and within IDLE when the
process is stopped, its machine is gone or its network is cut, because the server ends a session that has been silent
for so long. What two leaders do for a moment is harmless: every step of a campaign locks its row.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from newsletter.database.connection import Database
from newsletter.database.postgresql import KEEPALIVE
from newsletter.errors import NewsletterError

IDLE = 8
"""Seconds of silence after which the server takes the lock from its holder; it asks once a second."""
CONNECT = 5
"""Seconds in which the server answers a new connection, or does not."""
KEY = "newsletter.leader"


class Leadership:
    """The right to lead at one database; a context manager that gives it back."""

    def __init__(self, database: Database) -> None:
        self._url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: Any = None
        self._is_held = False

    def __enter__(self) -> Leadership:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._close()

    def leads(self) -> bool:
        """Try to lead, or make sure that it still does; call it more often than every IDLE seconds.

        Raises NewsletterError when the database cannot be reached.
        """
        import psycopg

        try:
            self._connection = self._connection or self._connect()
            self._connection.execute("SELECT 1")
            if not self._is_held:
                row = self._connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [KEY]).fetchone()
                self._is_held = bool(row and row[0])
        except psycopg.Error as error:
            self._close()
            raise NewsletterError(f"the database cannot be reached: {type(error).__name__}") from error
        return self._is_held

    def _connect(self) -> Any:
        import psycopg

        connection = psycopg.connect(
            self._url, autocommit=True, prepare_threshold=None, connect_timeout=CONNECT, **KEEPALIVE
        )
        with suppress(psycopg.errors.UndefinedObject):  # before PostgreSQL 14 only keepalives find out
            connection.execute(f"SET idle_session_timeout = '{IDLE}s'")
        return connection

    def _close(self) -> None:
        self._is_held = False
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        self._connection = None
