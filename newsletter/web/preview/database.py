"""Open the publication's database when it is first needed. Looking at a preview never creates one."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from starlette.requests import Request

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from newsletter.database.connection import Database

logger = logging.getLogger(__name__)


class PreviewDatabase:
    """At most one open database: the one that newsletter.toml names at this moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._url = ""
        self._database: Database | None = None

    def open(self, publication: PublicationSettings) -> Database | None:
        """Return the database; None when there is none yet. Raises ConfigError when it cannot be used."""
        # SQLAlchemy takes long to import, and a preview may never need it.
        from newsletter.database.connection import existing_database

        # Endpoints run in several threads.
        with self._lock:
            url = publication.config.database.url
            if self._database is None or self._url != url:
                self._close()
                self._database, self._url = existing_database(publication), url
            return self._database

    def close(self) -> None:
        """Close the database, if one is open."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._database:
            self._database.close()
        self._database = None


def open_database(request: Request, publication: PublicationSettings) -> Database | None:
    """Return the publication's database; None when there is none yet. Raises ConfigError when it cannot be used."""
    database = request.app.state.database
    assert isinstance(database, PreviewDatabase)
    return database.open(publication)


def database_of(request: Request, publication: PublicationSettings) -> Database | None:
    """Return the publication's database; None when there is none, or none that can be used."""
    try:
        return open_database(request, publication)
    except NewsletterError:
        # Every part of a page asks; the panels show `database_problem`, so the terminal need not repeat it.
        logger.debug("the database cannot be used", exc_info=True)
        return None


def database_problem(request: Request, publication: PublicationSettings) -> str:
    """Return why the database cannot be used; empty when it can, and when there is none."""
    try:
        open_database(request, publication)
    except NewsletterError as error:
        return str(error)
    return ""
