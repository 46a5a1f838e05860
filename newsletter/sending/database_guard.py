"""Refuse to send from a copy of a database, and from a backup that was put in its place.

A copy: only this module writes the `host` table, which names the machine (by its machine-id(5)) and the file (by its
number in the file system) that a database sends from.

A backup has an older ledger, and would mail readers again who were mailed since. LastSendMarker keeps, beside the
database, when a batch was last handed over. It is written after the commit of `handed` and before the first byte
leaves, so that it is never ahead of its own ledger, whenever its writer is killed. It is not forced to disk: after a
power cut it may be behind, which refuses nothing.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select

from newsletter.database.connection import Database
from newsletter.database.tables import batch
from newsletter.database.tables import host as table
from newsletter.errors import NewsletterError
from newsletter.times import stamp

MACHINE_ID = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def machine_id() -> str:
    """Return this machine's id; empty where there is none (a container), so that the file alone decides."""
    for path in MACHINE_ID:
        try:
            return path.read_text(encoding="ascii").strip()
        except OSError:
            continue
    return ""


def identity(file: Path, machine: str) -> str:
    """Name this file on this machine: a renamed file keeps its name, a copy has another.

    The machine's id is hashed, as machine-id(5) asks for.
    """
    named = hashlib.sha256(f"newsletter {machine}".encode()).hexdigest()[:16] if machine else "any"
    return f"{named}.{file.stat().st_ino}"


def here(database: Database) -> str:
    """Return the identity of this database on this machine; empty for a database server, which is in one place."""
    if database.engine.dialect.name != "sqlite":
        return ""
    return identity(Path(database.name), machine_id())


def require_home(connection: Connection, identity: str) -> None:
    """Raise NewsletterError when the database has sent from elsewhere: it may exist twice."""
    home = _home(connection)
    if home and identity and home != identity:
        hint = "If it is to send from here, and the other one never again: newsletter adopt"
        raise NewsletterError("this database is a copy: it was sending from another place", hint=hint)


def settle(connection: Connection, identity: str, now: datetime) -> None:
    """Make this place the database's home if it has none yet. Raises NewsletterError as `require_home` does."""
    require_home(connection, identity)
    if identity and not _home(connection):
        adopt(connection, identity, now)


def adopt(connection: Connection, identity: str, now: datetime) -> bool:
    """Make this place the database's home, whatever it was; False when it was already."""
    if _home(connection) == identity:
        return False
    connection.execute(delete(table))
    connection.execute(insert(table).values(id=1, host_id=identity, since=stamp(now)))
    return True


def _home(connection: Connection) -> str:
    return connection.execute(select(table.c.host_id)).scalar() or ""


class LastSendMarker:
    """The file `<database>.handed`: the moment of the last hand-over, as `times.stamp` writes it."""

    def __init__(self, database: Database) -> None:
        self._path = Path(f"{database.name}.handed") if database.engine.dialect.name == "sqlite" else None

    def rise(self, at: str) -> None:
        """Write a hand-over, as the sender. A folder that takes no file keeps nobody from sending."""
        if self._path:
            with suppress(OSError):
                _write(self._path, at.encode("ascii"))

    def require_newest(self, connection: Connection) -> None:
        """Raise NewsletterError when the ledger does not know the last hand-over."""
        if self.is_above(connection):
            raise NewsletterError(
                f"this database is older than what was sent from here: a batch was handed over at {self.mark} (UTC), "
                "and it does not know",
                hint="Put the newer database back. If there is none, whoever was mailed since may be mailed again: "
                "newsletter adopt",
            )

    def is_above(self, connection: Connection) -> bool:
        """Tell whether a batch was handed over later than any that the ledger knows."""
        return self.mark > (connection.execute(select(func.max(batch.c.handed_at))).scalar() or "")

    @property
    def mark(self) -> str:
        """Return the last hand-over, empty when none is known."""
        try:
            moment = self._path.read_text(encoding="ascii") if self._path else ""
            datetime.fromisoformat(moment)
        except (OSError, ValueError):
            return ""
        return moment

    def forget(self) -> None:
        """Delete the marker: from now on the ledger is taken as it is."""
        if self._path:
            self._path.unlink(missing_ok=True)


def _write(path: Path, text: bytes) -> None:
    """Write the text in place, in one call: all texts have one length."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(file, text, 0)
    finally:
        os.close(file)
