"""Tokens of signatures that were used, and erased readers whom kept calls may still name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

_NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    """Make the tables `webhook_signature` and `erased_reader`."""
    op.create_table(
        "webhook_signature",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "token"),
        sqlite_with_rowid=False,
    )
    op.create_index("webhook_signature_by_time", "webhook_signature", ["seen_at"])
    op.create_table(
        "erased_reader",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", _NUMBER, nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("last_call_id", _NUMBER, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
