"""Open the database for figures: everything is counted, also what an older version left uncounted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

from sqlalchemy import Connection
from starlette.requests import Request

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.figures.counted import ensure_counted
from newsletter.web.error_log import masked
from newsletter.web.preview.database import database_of

logger = logging.getLogger(__name__)
_COUNTED: WeakSet[Database] = WeakSet()
"""The databases that were found counted; that never changes back."""


@contextmanager
def counted_connection(request: Request, publication: PublicationSettings) -> Iterator[Connection | None]:
    """Give a connection that reads the figures; None when there is no database, or none that can be used."""
    database = counted_database(request, publication)
    if database is None:
        yield None
        return
    with database.read() as connection:
        yield connection


def counted_database(request: Request, publication: PublicationSettings) -> Database | None:
    """Return the database whose figures can be read; None when there is none."""
    database = database_of(request, publication)
    if database is None or database in _COUNTED:
        return database
    try:
        ensure_counted(database)
    except NewsletterError as error:  # the issues can be written without figures
        logger.error("the figures cannot be counted", exc_info=masked(error))
        return None
    _COUNTED.add(database)
    return database
