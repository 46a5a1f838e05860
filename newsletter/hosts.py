"""Host: the machine and the file that a database sends from, so that a copy of it does not.

Alone writes the `host` table. What decides is `docs/sending.md`'s to explain: the machine by its
`machine-id` (machine-id(5)), the file by its number in the file system.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from newsletter.database.connection import Database
from newsletter.database.tables import host as table
from newsletter.errors import NewsletterError
from newsletter.times import stamp

MACHINE_ID = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def machine_id() -> str:
    """This machine's, empty where there is none (a container): then the file alone decides."""
    for path in MACHINE_ID:
        try:
            return path.read_text(encoding="ascii").strip()
        except OSError:
            continue
    return ""


def identity(file: Path, machine: str) -> str:
    """Names this file on this machine: the same when it is renamed, another when it is copied.

    Hashed, as machine-id(5) asks for.
    """
    named = hashlib.sha256(f"newsletter {machine}".encode()).hexdigest()[:16] if machine else "any"
    return f"{named}.{file.stat().st_ino}"


def here(database: Database) -> str:
    """The identity of this database on this machine; empty for a server's, which is in one place."""
    if database.engine.dialect.name != "sqlite":
        return ""
    return identity(Path(database.name), machine_id())


def require_home(connection: Connection, identity: str) -> None:
    """Raise NewsletterError when the database has sent from elsewhere: there may be two of it."""
    home = _home(connection)
    if home and identity and home != identity:
        hint = "If it is to send from here, and the other one never again: newsletter adopt"
        raise NewsletterError("this database is a copy: it was sending from another place", hint=hint)


def settle(connection: Connection, identity: str, now: datetime) -> None:
    """Make this its home if it has none yet. Raises NewsletterError as `require_home` does."""
    require_home(connection, identity)
    if identity and not _home(connection):
        adopt(connection, identity, now)


def adopt(connection: Connection, identity: str, now: datetime) -> bool:
    """Make this its home, whatever it was; False when it is already."""
    if _home(connection) == identity:
        return False
    connection.execute(delete(table))
    connection.execute(insert(table).values(id=1, host_id=identity, since=stamp(now)))
    return True


def _home(connection: Connection) -> str:
    return connection.execute(select(table.c.host_id)).scalar() or ""
