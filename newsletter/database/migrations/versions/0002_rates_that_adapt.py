"""Rates that adapt: several windows, a warm-up plan, and what a busy provider made of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to `rate_bucket`, make `rate_spent`."""
    op.add_column("rate_bucket", sa.Column("warm_since", sa.Text()))
    op.add_column("rate_bucket", sa.Column("ceiling", sa.Float()))
    op.add_column("rate_bucket", sa.Column("slowed_at", sa.Text()))
    op.create_table(
        "rate_spent",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("span", sa.Text(), primary_key=True),
        sa.Column("slot", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
