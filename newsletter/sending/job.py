"""Describe a campaign to be sent, and hold what all senders of one process share. Nothing is sent here."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from newsletter.campaigns import schedule
from newsletter.campaigns.campaign import Campaign
from newsletter.campaigns.ledger import LEASE
from newsletter.campaigns.return_paths import return_path_of
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import ConfigError, NewsletterError
from newsletter.providers import find_provider, read_settings
from newsletter.providers.base import Provider, Settings
from newsletter.rates import Rate
from newsletter.sending.database_guard import LastSendMarker
from newsletter.times import Clock, utc_now

Written = TypeVar("Written")
logger = logging.getLogger(__name__)

AGAIN = 0.5
"""Seconds until a database server that is away is tried again."""
THREADS = 4
"""Calls under way at once, where the provider has no setting `connections`: after a crash, so many may be unknown."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A campaign to be sent, its provider, and its rate."""

    publication: PublicationSettings
    database: Database
    campaign: Campaign
    provider: Provider
    settings: Settings
    rate: Rate
    clock: Clock = utc_now

    @property
    def threads(self) -> int:
        """Return how many calls are under way at once."""
        return int(self.settings.get("connections", THREADS))

    @cached_property
    def return_path(self) -> Callable[[str], str] | None:
        """The signed return path of each delivery, where the provider's settings name a mailbox for bounces."""
        address = self.settings.get("return_path", "")
        return return_path_of(self.publication, address) if address else None


def job_of(publication: PublicationSettings, database: Database, campaign: Campaign, clock: Clock = utc_now) -> Job:
    """Make the job of a campaign at the configured rate.

    Raises ConfigError when newsletter.toml has no longer what the campaign needs, or its provider is set wrong.
    """
    require_settings(publication, campaign)
    provider = find_provider(publication, campaign.provider)
    return Job(
        publication=publication,
        database=database,
        campaign=campaign,
        provider=provider,
        settings=read_settings(publication, provider),
        rate=publication.config.send.rate,
        clock=clock,
    )


def require_settings(publication: PublicationSettings, campaign: Campaign) -> None:
    """Raise ConfigError when newsletter.toml has no longer what the campaign needs."""
    if missing := schedule.missing_setting(publication, campaign):
        raise ConfigError(f"campaign {campaign.id} cannot be sent: {missing}")


def tell_nobody(_connection: Connection, _campaign_id: int, _after: int) -> None:
    """Announce queued batches to nobody: the senders of one process look for themselves."""


class SendState:
    """The state that all senders of one process share: the writer of the database, and whether to stop."""

    def __init__(
        self,
        database: Database,
        *,
        owner: str = "",
        lease: timedelta = LEASE,
        announce: Callable[[Connection, int, int], None] = tell_nobody,
    ) -> None:
        """`owner` names the process in the ledger, which holds its batches for `lease` after each sign of life.

        `announce(connection, campaign, after)` tells others, in the same transaction, that batches with a number above
        `after` were queued.
        """
        self.database = database
        self.owner = owner or f"{os.getpid()}"
        self.lease = lease
        self.announce = announce
        self.is_alone = database.engine.dialect.name == "sqlite"
        """Whether no other process can be sending: a file has one sender, a database server many."""
        self.last_send_marker = LastSendMarker(database)
        self.stop_asked = threading.Event()
        """Set when calls under way are finished and nothing more is handed over."""
        self.writing = threading.Lock()
        """Held by the thread that writes to a file."""
        self._changed = threading.Condition()
        self.changes = 0
        """How often there was something new, for `wait`."""

    def tell_change(self) -> None:
        """Wake the threads that wait: batches were queued, or one was settled."""
        with self._changed:
            self.changes += 1
            self._changed.notify_all()

    def wait(self, changes: int, seconds: float) -> None:
        """Wait until there is something new since `changes` was read, at most so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.changes != changes, seconds)

    @contextmanager
    def writer(self) -> Iterator[Connection]:
        """Open a transaction that writes; on a file, of the one writer: threads do not fight for the file's lock."""
        with self.writing if self.is_alone else nullcontext(), self.database.begin(alone=False) as connection:
            yield connection

    @contextmanager
    def single_writer(self) -> Iterator[Connection]:
        """Open one for a single statement, which is over sooner."""
        with self.writing if self.is_alone else nullcontext(), self.database.change() as connection:
            yield connection

    def record(self, write: Callable[[Connection], Written]) -> Written:
        """Write what a provider answered; a database server that is away is waited for, as long as a lease.

        `write` may be called several times, the last time in the transaction that is committed, or after it when the
        commit's own answer was lost.
        """
        until = time.monotonic() + self.lease.total_seconds()
        level = logging.WARNING
        while True:
            try:
                with self.writer() as connection:
                    return write(connection)
            except (NewsletterError, DBAPIError) as error:
                if self.is_alone or not is_of_database(error) or time.monotonic() > until:
                    raise
                # Once an answer, and without the message, which may name an address.
                logger.log(level, "the database does not answer: a call's outcome is kept, and written when it is back")
                level = logging.DEBUG
            time.sleep(AGAIN)


def is_of_database(error: BaseException) -> bool:
    """Tell whether an error is the database's: it was away, or ended one of two transactions that waited in a ring."""
    return isinstance(error, DBAPIError) or isinstance(error.__cause__, DBAPIError)


class ProgressListener(Protocol):
    """Receives what goes on while it goes on."""

    def say(self, sentence: str) -> None:
        """Take a sentence that a person wants to read now."""

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """Take how far the campaign is, a few times a second."""


def log_failure(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Log an error that a thread survives, with its traceback and without its message: that may name an address."""
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s: %s\n%s", what, type(error).__name__, places)


def draw_jitter() -> float:
    """Draw a factor for waits, so that several senders do not come back together."""
    return random.uniform(0.75, 1.25)
