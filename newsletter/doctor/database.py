"""Check the database: that it opens and is up to date, the space around it, its clock, and that it may send from here.

A publication without a database has none made.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, func, select

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, existing_database
from newsletter.database.schema import newest_revision
from newsletter.database.tables import subscriber, subscription
from newsletter.doctor.finding import CheckResult, failed, passed, skipped, warned
from newsletter.doctor.provider import clock_result
from newsletter.errors import NewsletterError
from newsletter.sending import database_guard
from newsletter.subscribers.writes import Status
from newsletter.times import utc_now

FEW_BYTES, LITTLE_BYTES = 100 * 1024**2, 1024**3
"""Free space under which it fails, and under which it warns."""


def database_results(publication: PublicationSettings) -> Iterator[CheckResult]:
    """Yield the results about the publication's database."""
    try:
        database = existing_database(publication)
    except NewsletterError as error:
        place = f"{error.place}: " if error.place else ""
        yield failed("database.schema", f"{place}{error.message}.", error.hint or "Look at [database] url.")
        return
    if database is None:
        yield skipped("database.schema", "There is no database yet; the first command that needs one makes it.")
        return
    try:
        yield from _opened(database)
    except NewsletterError as error:
        yield failed("database.schema", f"The database cannot be read: {error.message}.", error.hint)
    finally:
        database.close()


def _opened(database: Database) -> Iterator[CheckResult]:
    with database.read() as connection:
        total = connection.execute(select(func.count()).select_from(subscriber)).scalar() or 0
        words = f"The database opens, and its schema is up to date ({newest_revision()}). It has {total:,} readers."
        yield passed("database.schema", words)
        yield _home(database, connection)
        if database.engine.dialect.name == "postgresql":
            now = connection.execute(select(func.clock_timestamp())).scalar()
            assert isinstance(now, datetime)
            yield clock_result("database.clock", utc_now() - now.astimezone(UTC), "the database")
    if database.engine.dialect.name == "sqlite":
        yield _disk(Path(database.name))


def _home(database: Database, connection: Connection) -> CheckResult:
    try:
        database_guard.require_home(connection, database_guard.here(database))
        for marker in database_guard.markers(database):
            marker.require_newest(connection)
    except NewsletterError as error:
        return failed("database.host", f"Nothing can be sent: {error.message}.", error.hint)
    return passed("database.host", "This database may send from this machine, and knows everything that was sent.")


def _disk(path: Path) -> CheckResult:
    free, size = shutil.disk_usage(path.parent).free, path.stat().st_size
    words = f"{_written(free)} are free beside the database, which has {_written(size)}."
    if free < FEW_BYTES:
        return failed("database.disk", words, "Free some space: a full disk stops a campaign in the middle.")
    if free < max(LITTLE_BYTES, size):
        return warned("database.disk", words, "Free some space: a large import may double the database.")
    return passed("database.disk", words)


def _written(size: int) -> str:
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size / 1024:,.0f} KB"


def count_active(publication: PublicationSettings) -> int | None:
    """Return how many readers are active on the default list; None when there is no database to ask."""
    try:
        database = existing_database(publication)
    except NewsletterError:
        return None
    if database is None:
        return None
    active = (subscription.c.list == publication.default_list, subscription.c.status == str(Status.ACTIVE))
    try:
        with database.read() as connection:
            return connection.execute(select(func.count()).select_from(subscription).where(*active)).scalar()
    except NewsletterError:
        return None
    finally:
        database.close()
