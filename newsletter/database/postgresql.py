"""PostgreSQL: how it is connected to, and what its errors mean.

Knows no table. `connection.py` chooses between this and `sqlite.py`. The password is in no message: libpq repeats
parts of an address that it cannot read, so that every message is searched for it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import Dialect, Engine, create_engine, event, text
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from newsletter.database.errors import LockedError
from newsletter.errors import ConfigError, NewsletterError

WRITE_LOCK = text(
    "SELECT set_config('lock_timeout', :patience, true), pg_advisory_xact_lock(hashtext('newsletter.writers'))"
)
"""Makes writers take turns, as SQLite does, to the end of the transaction; waits for `patience`, as for any lock."""
DRIVER_HINT = "Install it from newsletter's folder: pip install '.[distributed]'"
KEEPALIVE: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Options of a connection that notices within seconds that nobody is at the other end."""
KEPT = 10
"""Connections that are kept open for the next use."""
IDLE = 0.5
"""Seconds without use after which a connection is asked whether it lives."""
_DEFAULTS: dict[str, Any] = {"connect_timeout": 10, "application_name": "newsletter", **KEEPALIVE}
"""Options of libpq (https://www.postgresql.org/docs/current/libpq-connect.html) where the address names no other."""
_ADDRESS = "Check [database] url in newsletter.toml"
_OPTIONS = f"{_ADDRESS}: after ? stand options of libpq, as in ?sslmode=verify-full&sslrootcert=/etc/ssl/certs/db.pem."
_WRONG = {
    "28": f"{_ADDRESS}: user and password.",
    "3D": f"{_ADDRESS}, or make the database: createdb NAME.",
    "42501": "The user of [database] url may not do this. Let it own the database.",
    "25006": "The server only reads, as a standby does. Name the one that writes in [database] url.",
}
"""What to do, by SQLSTATE or the class of it (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
_SAID = {
    "password authentication failed": _WRONG["28"],
    "no password supplied": _WRONG["28"],
    "role ": _WRONG["28"],
    "no pg_hba.conf entry": f"{_ADDRESS}; the server's pg_hba.conf lets nobody in who comes like this.",
    'database "': _WRONG["3D"],  # not "the database system is starting up"
    "invalid ": _OPTIONS,
    "certificate": _OPTIONS,
    "SSL": _OPTIONS,
    "missing ": _OPTIONS,
}
"""What to do, by words of libpq when there is no connection yet, which has no SQLSTATE then."""
_LOCKED = ("55P03", "40001", "40P01", "57014")
_FULL = ("53100",)


def postgresql_engine(url: URL) -> Engine:
    """Return an engine whose statements are not prepared: pgbouncer hands each transaction to another connection.

    It has as many connections as threads ask for at once. Raises ConfigError where the driver is not installed.
    """
    defaults = {name: value for name, value in _DEFAULTS.items() if name not in url.query}
    try:
        engine = create_engine(
            url,
            connect_args={"prepare_threshold": None, **defaults},
            hide_parameters=True,
            pool_size=KEPT,
            max_overflow=-1,
        )
    except ModuleNotFoundError as error:
        raise ConfigError(f"PostgreSQL needs {error.name}, which is not installed", hint=DRIVER_HINT) from error
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "handle_error", _forget_values)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_require_living, engine.dialect))
    return engine


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used"] = time.monotonic()


def _require_living(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Ask the server for a sign of life where a connection was idle; SQLAlchemy makes new ones for those that are dead.

    Asking every time (`pool_pre_ping`) was a fifth of what a busy worker and its database say to each other.
    """
    if time.monotonic() - record.info.get("used", math.inf) < IDLE:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        if not dialect.is_disconnect(error, connection, None):
            raise
        raise InvalidatePoolError("the server ended the connection") from error


def _forget_values(context: ExceptionContext) -> None:
    """Take the values of rows out of an error, which reaches logs: `Key (email_key)=(ada@example.com) exists`."""
    error, known = context.original_exception, context.sqlalchemy_exception
    detail = getattr(getattr(error, "diag", None), "message_detail", None)
    if detail and known:
        error.args = tuple(_cut(each, detail) for each in error.args)
        known.args = tuple(_cut(each, detail) for each in known.args)


def _cut(said: object, detail: str) -> object:
    return said.replace(f"\nDETAIL:  {detail}", "") if isinstance(said, str) else said


def _prepare(connection: Any, _record: object) -> None:
    from psycopg.types.string import TextLoader

    connection.adapters.register_loader("jsonb", TextLoader)  # JSON columns are read as text, as on SQLite


def name_of(url: URL) -> str:
    """Return the address for messages: without password, and without options, which may hold one, too."""
    return url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)


def secrets_of(url: URL) -> Collection[str]:
    """Return every spelling in which the address holds a secret."""
    values = (value if isinstance(value, str) else "" for name, value in url.query.items() if "password" in name)
    known = [value for value in (url.password, *values) if value]
    return {spelling for value in known for spelling in (value, quote(value), quote_plus(value), quote(value, safe=""))}


def explain(error: DBAPIError, name: str, secrets: Collection[str]) -> NewsletterError | None:
    """Return the error in words, with what to do; None for a mistake in a statement of ours."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    words = _without(_words(error), secrets)
    if state.startswith(("23", "22", "42", "26", "0A")) and state != "42501":
        return None
    if not state and not error.connection_invalidated and _is_ours(error):
        return None
    if state in _LOCKED:
        hint = "Wait for it to end, then run this again."
        return LockedError(f"the database is locked by another program: {words}", place=name, hint=hint)
    if state in _FULL:
        hint = "Free some space on the server, then run this again; what was committed is kept."
        return NewsletterError(f"the database's disk is full: {words}", place=name, hint=hint)
    hint = _WRONG.get(state) or _WRONG.get(state[:2], "") if state else _hint_for(words)
    if hint:
        return ConfigError(words, place=name, hint=hint)
    lost = "Is the server running, and reached from here? What was committed is kept: run this again."
    return NewsletterError(f"the database failed: {words}", place=name, hint=lost)


def _is_ours(error: DBAPIError) -> bool:
    """Tell whether the driver itself refused a statement, such as a text with a NUL; not an option of the address."""
    return type(error).__name__ in ("DataError", "NotSupportedError", "IntegrityError")


def _words(error: DBAPIError) -> str:
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    said = " ".join(str(primary or error.orig).split())
    return said.rpartition("FATAL: ")[2].strip() or said


def _without(words: str, secrets: Collection[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        words = words.replace(secret, "***")
    return words


def _hint_for(words: str) -> str:
    start = words.rpartition("failed: ")[2]
    return next((hint for said, hint in _SAID.items() if start.startswith(said) or f" {said}" in start), "")
