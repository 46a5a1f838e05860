"""The schema's history, one numbered script per change, forward only.

`tables.py` says what the newest schema is; a test holds the two equal. Run by
`database.open_database`, never by hand.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def scripts() -> ScriptDirectory:
    """The migrations that travel with the package."""
    return ScriptDirectory.from_config(_config())


def upgrade(connection: Connection, revision: str) -> bool:
    """Run every migration after `revision` (empty: all) in the connection's transaction.

    False, and nothing done, when there is no such revision.
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
