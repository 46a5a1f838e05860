"""Pauses: when a reader wants mail again; and why readers left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to `subscription` and its index; make `parting_word`."""
    op.add_column("subscription", sa.Column("paused_until", sa.Text()))
    op.drop_index("subscription_by_status", "subscription")
    op.create_index("subscription_by_status", "subscription", ["list", "status", "subscriber_id", "paused_until"])
    op.create_table(
        "parting_word",
        sa.Column("list", sa.Text(), primary_key=True),
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("reason", sa.Text(), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
