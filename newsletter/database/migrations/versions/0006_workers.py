"""Workers of several machines, the order of campaigns, and on PostgreSQL the schema of the job engine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from newsletter.database import job_schema

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the columns of `campaign`."""
    op.add_column("campaign", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("campaign", sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "worker",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_schema",
        sa.Column("step", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("step"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        job_schema.install(op.get_bind())
