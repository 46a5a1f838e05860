"""Keys of the HTTP API, what was changed with them, and the answers that repeated requests get."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BIG = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
_REPEATABLE = sa.text("idempotency_key IS NOT NULL")


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "api_write",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), server_default="", nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("request_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("api_write_by_idempotency_key", "api_write", ["key_id", "idempotency_key"], unique=True)
    op.create_index("api_write_repeatable", "api_write", ["at"], sqlite_where=_REPEATABLE, postgresql_where=_REPEATABLE)
    op.create_table(
        "api_answer",
        sa.Column("write_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("subscriber_id", _BIG),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["write_id"], ["api_write.id"]),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("write_id"),
    )
    op.create_index("api_answer_by_subscriber", "api_answer", ["subscriber_id"])
