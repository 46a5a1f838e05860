"""Make readers of a served publication and their links, for the tests of unsubscribing and preferences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from newsletter.config import PublicationSettings, load_publication
from newsletter.config.fields import BUILT_IN
from newsletter.database.connection import Database, open_database
from newsletter.signed_links import Links, Purpose
from newsletter.subscribers import consent
from newsletter.subscribers.subscriber import Subscriber, find_subscriber, link_keys
from newsletter.subscribers.writes import SubscriberEntry, enter

BOTH: Mapping[str, str] = {"daily": "active", "weekly": "active"}


@dataclass
class People:
    """The readers of a publication whose server is running."""

    folder: Path

    @cached_property
    def publication(self) -> PublicationSettings:
        return load_publication(self.folder / "newsletter.toml")

    @cached_property
    def database(self) -> Database:
        return open_database(self.publication)

    def add(self, address: str, lists: Mapping[str, str] = BOTH, *known: str) -> int:
        """Add a reader to these lists and return the id; `known` are first and last name, time zone, language."""
        now = datetime.now(UTC)
        columns = dict(zip(BUILT_IN, known, strict=False))
        with self.database.begin() as connection:
            source_id = consent.record_source(connection, "test", {}, now)
            enter(connection, [SubscriberEntry(address, tuple(lists.items()), columns)], source_id, now)
        return self.find(address).id

    def find(self, address: str) -> Subscriber:
        found = self.find_or_none(address)
        assert found
        return found

    def find_or_none(self, address: str) -> Subscriber | None:
        with self.database.read() as connection:
            return find_subscriber(connection, address)

    def token(self, subscriber_id: int, list_name: str = "daily", purpose: Purpose = Purpose.READER) -> str:
        with self.database.read() as connection:
            key = link_keys(connection, [subscriber_id]).get(subscriber_id, "")
        return Links(self.publication).token(purpose, subscriber_id, 7, list_name, key)
