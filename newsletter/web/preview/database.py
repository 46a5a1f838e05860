"""The publication's database, if it has one: opened when first asked for, and never made by looking."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from starlette.requests import Request

from newsletter.config import Publication
from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from newsletter.database.connection import Database


class Ledger:
    """At most one open database, the one that newsletter.toml names just now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._url = ""
        self._database: Database | None = None

    def database(self, publication: Publication) -> Database | None:
        """The database; None when there is none yet. Raises ConfigError when it cannot be used."""
        from newsletter.database.connection import existing_database

        with self._lock:
            url = publication.config.database.url
            if self._database is None or self._url != url:
                self._close()
                self._database, self._url = existing_database(publication), url
            return self._database

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._database:
            self._database.close()
        self._database = None


def database_of(request: Request, publication: Publication) -> Database | None:
    """The preview's; None when the publication has none, or none that can be used."""
    ledger = request.app.state.ledger
    assert isinstance(ledger, Ledger)
    try:
        return ledger.database(publication)
    except NewsletterError:
        return None


def trouble_with(request: Request, publication: Publication) -> str:
    """Why the database cannot be used; empty when it can, and when there is none."""
    ledger = request.app.state.ledger
    assert isinstance(ledger, Ledger)
    try:
        ledger.database(publication)
    except NewsletterError as error:
        return str(error)
    return ""
