"""Batches are found by their state: a slow rate makes hundreds of thousands of them in one campaign."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
STATISTICS = {"batch": "1000000 10000 1", "batch_by_state": "1000000 10000 100 1", "batch_leased": "10 1"}
"""Rows in all, of a campaign, of one of its states: https://www.sqlite.org/fileformat2.html#the_sqlite_stat1_table."""


def upgrade() -> None:
    """Make `batch_by_state` instead of `batch_waiting`, and tell SQLite that it is worth taking.

    Without statistics it searches by the campaign alone, and reads all of its batches for the next one.
    """
    op.drop_index("batch_waiting", "batch")
    op.create_index("batch_by_state", "batch", ["campaign_id", "state", "no"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("ANALYZE batch")
        op.execute("DELETE FROM sqlite_stat1 WHERE tbl = 'batch'")
        for index, numbers in STATISTICS.items():
            op.execute(f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('batch', '{index}', '{numbers}')")
        op.execute("ANALYZE sqlite_schema")
