"""Count the calls that were handed over, so that an older copy of the database can be told from the newest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table `hand_over`."""
    op.create_table(
        "hand_over",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("queue"),
        sqlite_with_rowid=False,
    )
