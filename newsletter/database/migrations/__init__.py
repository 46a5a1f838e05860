"""Migrations: one numbered script per change of the schema, forward only.

`tables.py` has the newest schema; a test proves that the migrations lead to it. `connection.open_database` runs them.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def scripts() -> ScriptDirectory:
    """Return the package's migrations."""
    return ScriptDirectory.from_config(_config())


def upgrade(connection: Connection, revision: str) -> bool:
    """Run every migration after `revision` (all for an empty one) in the connection's transaction.

    Return False, and do nothing, when there is no such revision.
    """
    known = {script.revision for script in scripts().walk_revisions()}
    if revision and revision not in known:
        return False
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
