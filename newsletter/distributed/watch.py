"""Watch over a worker process: heartbeat, leases, the database's clock and tables, and campaigns that stopped."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from newsletter.campaigns import claims
from newsletter.database import schema
from newsletter.database.connection import Database
from newsletter.database.errors import SchemaChangedError
from newsletter.distributed import presence
from newsletter.distributed.batch_sender import BatchSender
from newsletter.distributed.database_clock import DatabaseClock
from newsletter.distributed.presence import Identity
from newsletter.errors import NewsletterError
from newsletter.sending.job import SendState

logger = logging.getLogger(__name__)

LOOK = 0.5
"""Seconds between two looks at which campaigns are still sending."""
FRESH = timedelta(seconds=10)
"""Time after the last look when the worker does not count as healthy any more."""


class Watch:
    """A thread that looks after a worker; a context manager."""

    def __init__(
        self,
        database: Database,
        identity: Identity,
        sender: BatchSender,
        send_state: SendState,
        clock: DatabaseClock,
    ) -> None:
        self._database = database
        self._identity = identity
        self._sender = sender
        self._send_state = send_state
        self._clock = clock
        self._ended = threading.Event()
        self._next_beat = self._next_renewal = 0.0
        self.seen_at = time.monotonic()
        """When the database was last reached, by `time.monotonic`."""
        self.schema_changed: SchemaChangedError | None = None
        """Why the worker was asked to stop, when the tables became those of a newer newsletter."""

    def __enter__(self) -> Watch:
        self._look()
        threading.Thread(target=self._run, name="watch", daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        try:
            with self._send_state.writer() as connection:
                presence.leave(connection, self._identity)
        except (NewsletterError, DBAPIError) as error:  # it is forgotten by its silence
            logger.info("the worker could not sign off", exc_info=error)

    @property
    def is_healthy(self) -> bool:
        """Tell whether the database was reached lately."""
        return time.monotonic() - self.seen_at < FRESH.total_seconds()

    def _run(self) -> None:
        while not self._ended.wait(LOOK):
            try:
                self._look()
            except SchemaChangedError as error:
                self.schema_changed = error
                self._send_state.stop_asked.set()
            except (NewsletterError, DBAPIError) as error:
                logger.info("the worker cannot reach the database", exc_info=error)

    def _look(self) -> None:
        began = time.monotonic()
        self._sender.end_stopped()
        if began >= self._next_renewal:
            self._clock.read()
            with self._send_state.writer() as connection:
                owner, lease = self._identity.name, self._send_state.lease
                claims.renew(connection, None, owner=owner, now=self._clock(), lease=lease)
            self._next_renewal = began + self._send_state.lease.total_seconds() / 4
        if began >= self._next_beat:
            with self._database.read() as connection:
                schema.require_unchanged(connection, self._database.name)
            with self._send_state.writer() as connection:
                presence.beat(connection, self._identity, self._clock())
            self._next_beat = began + presence.BEAT.total_seconds()
        self.seen_at = time.monotonic()
