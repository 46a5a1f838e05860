"""Counters, the domains that are counted by themselves, and indexes to count by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    """Make the tables; what a database has already is marked as not counted yet."""
    op.create_table(
        "counter",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", _BIG, nullable=False),
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
    has_rows = "EXISTS (SELECT 1 FROM subscriber) OR EXISTS (SELECT 1 FROM campaign)"
    op.execute(
        f"INSERT INTO counter (kind, campaign_id, part, slot, number) SELECT 'uncounted', 0, '', 0, 1 WHERE {has_rows}"
    )
