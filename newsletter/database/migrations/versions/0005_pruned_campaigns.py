"""When the deliveries of a campaign were pruned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; on neither database are the rows written anew."""
    op.add_column("campaign", sa.Column("pruned_at", sa.Text(), nullable=True))
