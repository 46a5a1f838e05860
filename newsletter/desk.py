"""What all senders of one process share, and whom they tell what goes on. No rule of sending is here."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Connection

from newsletter.campaigns import Campaign
from newsletter.database import Database


class Desk:
    """What all senders of one process share: one writer of the database, one wish to stop."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.asked = threading.Event()
        """Set: what is in the air is finished, nothing more is handed over."""
        self.writing = threading.Lock()

    @contextmanager
    def writer(self) -> Iterator[Connection]:
        """A transaction of the one writer: threads of one process do not fight for the file's lock."""
        with self.writing, self.database.begin() as connection:
            yield connection


class Watcher(Protocol):
    """Is told what goes on while it goes on."""

    def say(self, sentence: str) -> None:
        """Something a person wants to know now."""

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """How far it is; a few times a second."""
