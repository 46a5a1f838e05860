"""A publication with readers, for the tests of everything that concerns readers."""

from __future__ import annotations

import io
import os
import select
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.subscribers import consent
from newsletter.subscribers.files.imports import ImportListener, ImportReport, RefusedRow, import_csv
from newsletter.subscribers.importers.options import parse_options
from newsletter.subscribers.subscriber import Subscriber, find_subscriber, subscriber_pages
from newsletter.subscribers.writes import EntryResult, SubscriberEntry, enter

UNREAD = 4_000
"""More refused rows than fit into a pipe that nobody reads."""
NOW = datetime(2025, 1, 17, 12, tzinfo=UTC)
SETTINGS = """
[lists.weekly]
title = "Weekly"

[fields]
score = "number"
joined = "date"
beta = "boolean"
Plan = "text"
"""


@dataclass
class Readers:
    """An open database, with short methods for what tests do to it."""

    publication: PublicationSettings
    database: Database
    refused: list[RefusedRow] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path) -> Readers:
        path = folder / "newsletter.toml"
        if "[lists.weekly]" not in (text := path.read_text(encoding="utf-8")):
            path.write_text(text + SETTINGS, encoding="utf-8")
        publication = load_publication(path)
        return cls(publication, open_database(publication))

    def read(
        self,
        csv: str | bytes,
        name: str = "some.csv",
        *,
        platform: str = "auto",
        maps: Collection[str] = (),
        ignored: Collection[str] = (),
        encoding: str = "",
        resubscribe: Collection[str] = (),
        now: datetime = NOW,
    ) -> ImportReport:
        """Import a file; its refused rows are in `refused`, what a person is told in `told`."""
        self.refused, self.told = [], []
        raw = csv.encode() if isinstance(csv, str) else csv
        return import_csv(
            self.database,
            self.publication,
            io.BytesIO(raw),
            name,
            now=now,
            resubscribe=resubscribe,
            options=parse_options(platform, maps, ignored, encoding),
            listener=ImportListener(refused=self.refused.append, told=self.told.append),
        )

    def enter(self, *entries: SubscriberEntry, resubscribe: Collection[str] = ()) -> list[EntryResult]:
        """Enter readers as a command would."""
        with self.database.begin() as connection:
            return enter(connection, entries, consent.record_source(connection, "test", {}, NOW), NOW, resubscribe)

    def find(self, address: str) -> Subscriber:
        """Return the reader with this address, who has to exist."""
        with self.database.read() as connection:
            reader = find_subscriber(connection, address)
        assert reader
        return reader

    def statuses(self) -> dict[str, str]:
        """Return every reader's status, by the part of the address before the @."""
        return {reader.email.partition("@")[0]: str(reader.status) for reader in self.all()}

    def suppressed(self) -> dict[str, str]:
        """Return why addresses are suppressed, by the part before the @."""
        with self.database.read() as connection:
            rows = connection.exec_driver_sql("SELECT email_key, reason FROM suppression").all()
        return {key.partition("@")[0]: reason for key, reason in rows}

    def all(self) -> list[Subscriber]:
        """Return every reader, in the order they joined."""
        with self.database.read() as connection:
            return [reader for page in subscriber_pages(connection, size=3) for reader in page]

    def reasons(self) -> list[tuple[int, str]]:
        """Return row and reason of each refusal of the last import."""
        return [(refusal.row, refusal.reason) for refusal in self.refused]


@contextmanager
def nobody_reading(path: Path, seconds: float | None = None) -> Iterator[Path]:
    """Yield a pipe for refused rows, read after `seconds` or never, so that an import stops in the middle of them."""
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    late = threading.Thread(target=_read_late, args=(pipe, seconds or 0))
    if seconds is not None:
        late.start()
    try:
        yield path
    finally:
        if seconds is not None:
            late.join()
        os.close(pipe)


def _read_late(pipe: int, seconds: float) -> None:
    select.select([pipe], [], [], 60)
    time.sleep(seconds)
    os.set_blocking(pipe, True)
    while os.read(pipe, 65_536):
        pass
