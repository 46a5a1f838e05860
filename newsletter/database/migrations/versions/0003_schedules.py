"""Schedules: readers' own time, who runs, what was warned of; and a delivery's history beyond its batch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to `campaign` and `batch`; make `runner`, `notice` and `delivery_note`."""
    op.add_column("campaign", sa.Column("local_at", sa.Text()))
    op.add_column("batch", sa.Column("enqueued_at", sa.Text()))
    op.create_table(
        "runner",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notice",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("at", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivery_note",
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("subscriber_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("no", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
