"""Choose the runner of a database: one process sends from a file, several from a database server."""

from __future__ import annotations

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.publishing.scheduler import Runner, RunnerListener


def make_runner(publication: PublicationSettings, database: Database, listener: RunnerListener) -> Runner:
    """Return the scheduler and sender for `newsletter run` and `serve --with-sender`."""
    if database.engine.dialect.name == "sqlite":
        return Runner(publication, database, listener)
    from newsletter.publishing.shared_runner import SharedRunner  # SQLite needs nothing of it

    return SharedRunner(publication, database, listener)
