"""Install the tables of the job engine (Procrastinate) in a PostgreSQL database, and bring them up to date.

They are Procrastinate's own: its schema file makes them, and each file of its migrations is a step from an older
version. The table `job_schema` keeps which steps were taken, so that a newer Procrastinate finds its steps to take.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from newsletter.database.process_tables import job_schema


def install(connection: Connection) -> None:
    """Make the tables of the installed Procrastinate in an empty schema."""
    _run(connection, (resources.files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8"))
    _keep(connection, _steps())


def upgrade(connection: Connection) -> list[str]:
    """Take the steps that the installed Procrastinate has and the database lacks; return their names."""
    missing = missing_steps(connection)
    for name in missing:
        _run(connection, (_folder() / name).read_text(encoding="utf-8"))
    _keep(connection, missing)
    return missing


def missing_steps(connection: Connection) -> list[str]:
    """Return the steps that are still to be taken, in order."""
    taken = {*connection.execute(select(job_schema.c.step)).scalars()}
    return [name for name in _steps() if name not in taken]


def _folder() -> Path:
    from procrastinate.schema import SchemaManager

    return Path(SchemaManager.get_migrations_path())


def _steps() -> list[str]:
    return sorted(path.name for path in _folder().glob("*.sql"))


def _keep(connection: Connection, steps: list[str]) -> None:
    if steps:
        connection.execute(insert(job_schema), [{"step": name} for name in steps])


def _run(connection: Connection, script: str) -> None:
    """Run a script of several statements in the connection's transaction."""
    driver: Any = connection.connection.driver_connection
    driver.execute(script)  # without parameters, so that no % in it is one
