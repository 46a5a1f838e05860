"""Calls of providers, and which kind of bounce an event is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UNAPPLIED = sa.text("applied_at IS NULL")


def upgrade() -> None:
    """Make the table of calls, and the column of the event."""
    op.create_table(
        "webhook_call",
        sa.Column("id", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=True, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("received_at", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("applied_at", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "webhook_call_waiting", "webhook_call", ["id"], sqlite_where=_UNAPPLIED, postgresql_where=_UNAPPLIED
    )
    op.create_index("webhook_call_by_time", "webhook_call", ["received_at"])
    op.add_column("event", sa.Column("bounce", sa.Text(), server_default="", nullable=False))
