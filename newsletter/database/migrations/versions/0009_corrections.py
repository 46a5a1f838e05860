"""Campaigns to the readers of an earlier one, and changes of the archive's pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, let the index of campaigns count it, and make the table of changes."""
    op.add_column("campaign", sa.Column("readers_of", sa.Integer(), server_default="0", nullable=False))
    op.drop_index("campaign_once", table_name="campaign")
    op.create_index("campaign_once", "campaign", ["issue", "list", "segment", "readers_of"], unique=True)
    op.create_table(
        "archive_change",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("issue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("page", sa.LargeBinary()),
        sa.Column("about", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("archive_change_by_issue", "archive_change", ["issue", "id"])
