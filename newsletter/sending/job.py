"""Job: a campaign to be sent, through whom, how fast. Nothing is sent here.

What all senders of one process share, and whom they tell what goes on. No rule of sending is here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from newsletter.campaigns.campaign import Campaign
from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.providers import find_provider, read_settings
from newsletter.providers.base import Provider, Settings
from newsletter.sending.database_guard import LastSendMarker
from newsletter.times import Clock, Rate, utc_now


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to send, through whom, how fast, how patiently."""

    publication: Publication
    database: Database
    campaign: Campaign
    provider: Provider
    settings: Settings
    rate: Rate
    clock: Clock = utc_now


def job_of(publication: Publication, database: Database, campaign: Campaign, clock: Clock = utc_now) -> Job:
    """The campaign through its provider at the configured rate. Raises ConfigError when the provider is set wrong."""
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


class SendState:
    """What all senders of one process share: one writer of the database, one wish to stop."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.last_send_marker = LastSendMarker(database)
        self.asked = threading.Event()
        """Set: what is in the air is finished, nothing more is handed over."""
        self.writing = threading.Lock()
        self._stirred = threading.Condition()
        self.stirs = 0
        """How often there was something new; for `wait`."""

    def stir(self) -> None:
        """Tell those who wait that batches were queued, or that one is done."""
        with self._stirred:
            self.stirs += 1
            self._stirred.notify_all()

    def wait(self, stirs: int, seconds: float) -> None:
        """Until there is something new since `stirs` was read, at most so long."""
        with self._stirred:
            self._stirred.wait_for(lambda: self.stirs != stirs, seconds)

    @contextmanager
    def writer(self) -> Iterator[Connection]:
        """A transaction of the one writer: threads of one process do not fight for the file's lock."""
        with self.writing, self.database.begin() as connection:
            yield connection

    @contextmanager
    def changer(self) -> Iterator[Connection]:
        """The same for a single statement, which is over sooner."""
        with self.writing, self.database.change() as connection:
            yield connection


class ProgressListener(Protocol):
    """Is told what goes on while it goes on."""

    def say(self, sentence: str) -> None:
        """Something a person wants to know now."""

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """How far it is; a few times a second."""
