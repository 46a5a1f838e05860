"""Refuse to send from a copy of a database, and from a backup that was put in its place.

Only this module writes the tables `host` and `hand_over`.

A copy: `host` names the machine (by its machine-id(5)) and the file (by its number in the file system) that a database
sends from; for PostgreSQL the server and the database, by their numbers.

A backup has an older ledger, and would mail readers again who were mailed since. Hand-overs are counted in the table
`hand_over`, in the transaction that commits `handed`, and LastSendMarker keeps the last number beside the database. A
number, since a clock may be set back. The file is written after the commit and before the first byte leaves, so that
it is never ahead of its own ledger, whenever its writer is killed. It is not forced to disk: after a power cut it may
be behind, which refuses nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, text, update

from newsletter.database.connection import Database
from newsletter.database.copy import LEFT_FOR, UNFINISHED
from newsletter.database.process_tables import hand_over
from newsletter.database.process_tables import host as table
from newsletter.errors import NewsletterError
from newsletter.private_files import open_private
from newsletter.times import stamp

_ON_SERVER = text(
    "SELECT 'postgresql.' || system_identifier || '.' || oid"
    " FROM pg_control_system(), pg_database WHERE datname = current_database()"
)
MACHINE_ID = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('newsletter.host'))")


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
    """Return the identity of this database: of its file on this machine, or of the database on its server.

    A server's number and a database's outlive restarts, backups of the whole server and a standby that takes over; a
    dump that is restored into another database or server has others.
    """
    if database.engine.dialect.name != "sqlite":
        with database.read() as connection:
            return str(connection.scalar(_ON_SERVER))
    return identity(Path(database.name), machine_id())


def require_home(connection: Connection, identity: str) -> None:
    """Raise NewsletterError when the database has sent from elsewhere: it may exist twice."""
    home = _home(connection)
    _require_not_copied(home)
    if home and identity and home != identity:
        hint = "If it is to send from here, and the other one never again: newsletter adopt"
        raise NewsletterError("this database is a copy: it was sending from another place", hint=hint)


def _require_not_copied(home: str) -> None:
    """Raise NewsletterError for the source of `newsletter database copy`, and for a target that is not complete."""
    if home.startswith(LEFT_FOR):
        hint = "If it is to send from here again, and the other one never again: newsletter adopt"
        raise NewsletterError(f"this database was {home}: only that one sends", hint=hint)
    if home.startswith(UNFINISHED):
        hint = "Run `newsletter database copy` on its source again: it goes on where it stopped."
        raise NewsletterError(f"this database is an {home}", hint=hint)


def settle(connection: Connection, identity: str, now: datetime) -> None:
    """Make this place the database's home if it has none yet. Raises NewsletterError as `require_home` does."""
    require_home(connection, identity)
    if identity and not _home(connection):
        if connection.dialect.name == "postgresql":  # several processes may start at once
            connection.execute(_LOCK)
            require_home(connection, identity)
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


class MailQueue(StrEnum):
    """The two queues of mail to readers; each has one sender at a time, and counts its own hand-overs."""

    CAMPAIGNS = "campaigns"
    """The batches of campaigns."""
    LETTERS = "letters"
    """Confirmations, answers and welcomes: `transactional_message`."""


_HAND_OVERS = select(hand_over.c.number).where(hand_over.c.queue == bindparam("name"))
_HOME_AND_COUNTED = select(select(table.c.host_id).scalar_subquery(), _HAND_OVERS.scalar_subquery())
_COUNTING = update(hand_over).where(hand_over.c.queue == bindparam("name")).values(number=bindparam("counted"))
_FILES = {MailQueue.CAMPAIGNS: "handed", MailQueue.LETTERS: "letters.handed"}
_WHAT = {MailQueue.CAMPAIGNS: "a batch", MailQueue.LETTERS: "a confirmation or a welcome"}


class HandOver(NamedTuple):
    """A hand-over to the provider: its number in its queue, from 1, and its moment as `times.stamp` writes it."""

    number: int
    at: str


_NONE = HandOver(0, "")


class LastSendMarker:
    """The file `<database>.handed`, or `<database>.letters.handed`: the last hand-over of a queue."""

    def __init__(self, database: Database, queue: MailQueue = MailQueue.CAMPAIGNS, place: Path | None = None) -> None:
        """`place` is the file that the marker belongs to, where that is not the database's own."""
        is_file = database.engine.dialect.name == "sqlite"
        self._path = Path(f"{place or database.name}.{_FILES[queue]}") if is_file else None
        self._queue = queue
        self._highest = 0
        self._writing = threading.Lock()

    def count(self, connection: Connection, now: datetime) -> HandOver:
        """Count a hand-over, in the transaction that writes `handed`. Raises NewsletterError as `require_newest`.

        So a backup that is put in the place of a database in use is noticed at the next call, too.
        """
        home, counted = connection.execute(_HOME_AND_COUNTED, {"name": str(self._queue)}).one()
        _require_not_copied(home or "")
        if not self._path:
            return _NONE
        self._require_known(counted or 0)
        number = (counted or 0) + 1
        if not connection.execute(_COUNTING, {"name": str(self._queue), "counted": number}).rowcount:
            connection.execute(insert(hand_over).values(queue=str(self._queue), number=number))
        return HandOver(number, stamp(now))

    def rise(self, last: HandOver) -> None:
        """Write a hand-over that is committed, as the sender. A folder that takes no file keeps nobody from sending."""
        with self._writing:  # of several threads, the one that committed first may come here last
            if self._path and last.number > self._highest:
                self._highest = last.number
                with suppress(OSError):
                    _write(self._path, f"{last.number:020} {last.at}\n".encode("ascii"))

    def require_newest(self, connection: Connection) -> None:
        """Raise NewsletterError when the ledger does not know the last hand-over."""
        self._require_known(self._counted(connection))

    def _require_known(self, counted: int) -> None:
        if self.mark.number > counted:
            raise NewsletterError(
                f"this database is older than what was sent from here: {_WHAT[self._queue]} was handed over at "
                f"{self.mark.at} (UTC), and it does not know",
                hint="Put the newer database back. If there is none, whoever was mailed since may be mailed again: "
                "newsletter adopt",
            )

    def is_above(self, connection: Connection) -> bool:
        """Tell whether there was a later hand-over than the ledger knows."""
        return self.mark.number > self._counted(connection)

    def is_equal(self, connection: Connection) -> bool:
        """Tell whether the last hand-over is one that the ledger knows: nothing was handed over since."""
        return 0 < self.mark.number == self._counted(connection)

    def _counted(self, connection: Connection) -> int:
        return connection.execute(_HAND_OVERS, {"name": str(self._queue)}).scalar() or 0

    @property
    def mark(self) -> HandOver:
        """Return the last hand-over, number 0 when none is known."""
        try:
            number, at = (self._path.read_text(encoding="ascii") if self._path else "").split()
            datetime.fromisoformat(at)
            return HandOver(int(number), at)
        except (OSError, ValueError):
            return _NONE

    def forget(self) -> None:
        """Delete the marker: from now on the ledger is taken as it is."""
        if self._path:
            self._path.unlink(missing_ok=True)


def markers(database: Database) -> list[LastSendMarker]:
    """Return the markers of all queues."""
    return [LastSendMarker(database, queue) for queue in MailQueue]


def _write(path: Path, text: bytes) -> None:
    """Write the text in place, in one call: all texts have one length."""
    file = open_private(path, os.O_WRONLY)
    try:
        os.pwrite(file, text, 0)
    finally:
        os.close(file)
