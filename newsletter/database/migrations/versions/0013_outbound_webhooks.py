"""Messages for other programs, which wait for their delivery."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KEPT_TRYING = sa.text("failed_at IS NULL")


def upgrade() -> None:
    """Make the table `outbound_message`."""
    op.create_table(
        "outbound_message",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("failed_at", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "outbound_message_due",
        "outbound_message",
        ["endpoint", "due_at"],
        sqlite_where=_KEPT_TRYING,
        postgresql_where=_KEPT_TRYING,
    )
    op.create_index("outbound_message_by_subject", "outbound_message", ["endpoint", "subject", "id"])
