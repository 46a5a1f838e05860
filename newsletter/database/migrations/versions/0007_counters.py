"""Counters, the domains that are counted by themselves, and indexes to count by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; a database that has no readers and no campaigns yet is counted with that."""
    op.create_table(
        "counter",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "campaign_id", "part", "slot"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_domain",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("domain"),
        sqlite_with_rowid=False,
    )
    op.drop_index("event_by_campaign", "event")
    op.create_index("event_by_campaign", "event", ["campaign_id", "kind", "reader"])
    op.create_index("suppression_by_reason", "suppression", ["reason"])
    is_new = "NOT EXISTS (SELECT 1 FROM subscriber) AND NOT EXISTS (SELECT 1 FROM campaign)"
    op.execute(f"INSERT INTO counter SELECT 'counted', 0, '', 0, 1 WHERE {is_new}")
