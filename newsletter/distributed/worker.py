"""Be a sending worker until asked to stop: `newsletter worker`."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping

from newsletter.campaigns.campaign import Campaign
from newsletter.config import PublicationSettings
from newsletter.database import job_schema
from newsletter.database.connection import Database
from newsletter.distributed.batch_sender import BatchSender
from newsletter.distributed.database_clock import DatabaseClock
from newsletter.distributed.lanes import Lanes
from newsletter.distributed.metrics import MetricsServer
from newsletter.distributed.presence import this_process
from newsletter.distributed.shared_state import is_shared, shared_state
from newsletter.distributed.watch import Watch
from newsletter.errors import ConfigError
from newsletter.providers import PROVIDERS, find_provider, read_settings
from newsletter.sending.job import THREADS
from newsletter.signals import Interrupts
from newsletter.signed_links import link_secret

STOPPING = "Stopping: what is in the air is finished first, within 10 seconds. Once more stops at once."
DRAIN = 7.5
"""Seconds that calls may take once it is to stop; then they are ended, where the provider can."""
ABORT = 1.5
"""Seconds in which the answers of ended calls are written."""


class SendingWorker:
    """Run one worker process."""

    def __init__(
        self,
        publication: PublicationSettings,
        database: Database,
        say: Callable[[str], None],
        concurrency: int = THREADS,
    ) -> None:
        """Raises ConfigError on SQLite, and when the provider that campaigns begin with is set wrong."""
        if not is_shared(database):
            raise ConfigError(
                "workers need PostgreSQL: one process sends from a SQLite database",
                hint="Send with `newsletter run`, or move: newsletter database copy --to postgresql://...",
            )
        with database.read() as connection:
            if job_schema.missing_steps(connection):
                raise ConfigError("the tables of the job engine are older than the engine", hint="newsletter migrate")
        read_settings(publication, find_provider(publication))
        link_secret(publication)  # every message needs it
        self._publication = publication
        self._database = database
        self._say = say
        self._identity = this_process()
        self._clock = DatabaseClock(database)
        self._send_state = shared_state(publication, database, self._identity.name)
        self._sender = BatchSender(publication, self._send_state, Narrator(say), self._clock)
        providers, stop_asked = _providers(publication), self._send_state.stop_asked
        self._lanes = Lanes(database, providers, concurrency, self._sender.send, stop_asked, DRAIN)
        self._concurrency, self._names = concurrency, providers

    def run(self, listen: tuple[str, int] | None = None) -> None:
        """Send what jobs ask for until a signal; with `listen`, serve metrics there.

        Raises ConfigError when the tables were migrated by a newer newsletter, once the calls are finished.
        """
        watch = Watch(self._database, self._identity, self._sender, self._send_state, self._clock)
        server = MetricsServer(*listen, self._sender.tally, lambda: watch.is_healthy) if listen else None
        with Interrupts(STOPPING, self._send_state.stop_asked), watch, server or contextlib.nullcontext():
            self._greet(server)
            drain = threading.Thread(target=self._abort_late, daemon=True)
            drain.start()
            self._lanes.run()
        if watch.schema_changed:
            raise watch.schema_changed

    def stop(self) -> None:
        """Ask the worker to stop, as a signal does; returns at once."""
        self._send_state.stop_asked.set()

    def _greet(self, server: MetricsServer | None) -> None:
        where = f" Metrics on {server.address}/metrics." if server else ""
        calls = f"{self._concurrency} calls at once through {', '.join(self._names)}"
        self._say(f"Worker {self._identity.name}: {calls}; stop with Ctrl-C.{where}")

    def _abort_late(self) -> None:
        """End the calls that take longer than DRAIN once it is to stop."""
        self._send_state.stop_asked.wait()
        time.sleep(DRAIN - ABORT)
        self._sender.abort()


def _providers(publication: PublicationSettings) -> list[str]:
    """Return the providers that have a lane: those of `[send] provider`, and others with a table of settings."""
    named = (*publication.config.send.providers, *publication.config.providers)
    return [name for name in dict.fromkeys(named) if name in PROVIDERS]


class Narrator:
    """A `ProgressListener` that tells sentences, each once in a row."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last = ""

    def say(self, sentence: str) -> None:
        """Tell a sentence, unless it was the last one."""
        if sentence != self._last:
            self._last = sentence
            self._say(sentence)

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """Show no counts: `status` does."""
