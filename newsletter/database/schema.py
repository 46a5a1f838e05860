"""Bring a database's tables up to date, and refuse those of another program or of a newer newsletter.

The migrations are in `migrations/`. Alembic is loaded only when one has to run.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from newsletter.database.errors import PICK, SchemaChangedError
from newsletter.errors import ConfigError

_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"
_REVISION = text("SELECT version_num FROM alembic_version")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('newsletter.migrations'))")
"""Held to the end of the transaction, so that it is right through pgbouncer, too."""


@cache
def newest_revision() -> str:
    """Return the revision of the newest migration: the number that its file name begins with."""
    # Not from Alembic: every command that opens the database would load it, and it takes 0.1 s. Cached: an upgrade
    # puts newer files beside the code of a process that runs.
    return max(_revisions())


def _revisions() -> list[str]:
    return [path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*_*.py")]


def is_newest(connection: Connection, name: str) -> bool:
    """Tell whether the tables are up to date. Raises ConfigError for another program's database."""
    return revision(connection, name) == newest_revision()


def require_newest(connection: Connection, name: str) -> None:
    """Raise ConfigError, which names `newsletter migrate`, unless the tables are up to date."""
    present = revision(connection, name)
    if present == newest_revision():
        return
    _require_known(present, name)
    what = f"the tables of an older newsletter (schema {present}, not {newest_revision()})" if present else "no tables"
    how = "Bring it up to date" if present else "Make them"
    raise ConfigError(f"the database has {what}", place=name, hint=f"{how}: newsletter migrate")


def require_unchanged(connection: Connection, name: str) -> None:
    """Raise SchemaChangedError when the tables are not those any more that this process opened: one small query."""
    present = connection.execute(_REVISION).scalar() or ""
    if present != newest_revision():
        message = (
            f"the tables were brought up to date by a newer newsletter (schema {present}, not {newest_revision()})"
        )
        raise SchemaChangedError(message, place=name, hint="Upgrade newsletter here, then start this again.")


def upgrade(engine: Engine, connection: Connection, name: str) -> str:
    """Run the migrations that are missing, in the transaction of the connection; return the revision before.

    If several processes try, one runs them and the others wait. Raises ConfigError for a newer or unknown database.
    """
    from newsletter.database import migrations

    if engine.dialect.name == "postgresql":
        connection.execute(_LOCK)
    before = revision(connection, name)
    _require_known(before, name)
    migrations.upgrade(connection, before)
    return before


def revision(connection: Connection, name: str) -> str:
    """Return the schema's revision, empty for a new database. Raises ConfigError for another program's database."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(_REVISION).scalar() or ""
    if tables:
        raise ConfigError("the database belongs to another program", place=name, hint=PICK)
    return ""


def _require_known(present: str, name: str) -> None:
    if present and present not in _revisions():
        message = f"made by a newer newsletter (schema {present}), or by one before the first release"
        hint = "Upgrade newsletter, or open another database with [database] url in newsletter.toml."
        raise ConfigError(message, place=name, hint=hint)
