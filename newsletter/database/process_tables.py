"""The tables about the processes that work with this database: whose it is, who lives, what they did once.

`sending/database_guard.py` writes `host` and `hand_over`, `publishing/heartbeat.py` `runner`, `distributed/presence.py`
`worker`, `job_schema.py` its own, `publishing/alerts.py` `notice`.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from newsletter.database.types import BigNumber, metadata

host = Table(  # one row: the machine and file this database belongs to
    "host",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host_id", Text, nullable=False),
    Column("since", Text, nullable=False),
)

hand_over = Table(  # how many calls each queue of mail has handed over: more than a backup of this database knows
    "hand_over",
    metadata,
    Column("queue", Text, primary_key=True),  # campaigns letters
    Column("number", BigNumber, nullable=False),
    sqlite_with_rowid=False,
)

runner = Table(  # a row per `newsletter run`, kept fresh while it lives
    "runner",
    metadata,
    Column("name", Text, primary_key=True),
    Column("since", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    sqlite_with_rowid=False,
)

worker = Table(  # a row per `newsletter worker`, kept fresh while it lives
    "worker",
    metadata,
    Column("name", Text, primary_key=True),  # the owner of the batches that it works on
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("since", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    sqlite_with_rowid=False,
)

job_schema = Table(  # PostgreSQL: the steps of the job engine's own schema that were taken
    "job_schema",
    metadata,
    Column("step", Text, primary_key=True),  # a file of Procrastinate's migrations
    sqlite_with_rowid=False,
)

notice = Table(  # alerts that were sent to the editors, so that each is sent once
    "notice",
    metadata,
    Column("key", Text, primary_key=True),
    Column("at", Text, nullable=False),
    sqlite_with_rowid=False,
)
