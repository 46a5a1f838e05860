"""The database's clock, for processes on several machines: leases, rates and schedules need one time.

It is read now and then; between two readings the machine's own clock of elapsed seconds goes on, which nobody sets.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from newsletter.database.clock import database_now
from newsletter.database.connection import Database


class DatabaseClock:
    """A `times.Clock` that shows the database's time."""

    def __init__(self, database: Database) -> None:
        """Read the clock once. Raises NewsletterError when the database cannot be asked."""
        self._database = database
        self._read: tuple[datetime, float]
        self.read()

    def __call__(self) -> datetime:
        """Return the database's time, aware."""
        moment, at = self._read
        return moment + timedelta(seconds=time.monotonic() - at)

    def read(self) -> None:
        """Read the clock again."""
        with self._database.read() as connection:
            began = time.monotonic()
            moment = database_now(connection)
        # Half of the way there and back: a slow network makes it late, never by more than that.
        self._read = moment, (began + time.monotonic()) / 2
