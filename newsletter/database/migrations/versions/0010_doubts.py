"""Why nobody knows whether a batch was sent: the provider's words, or the network's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add `batch.doubt`."""
    op.add_column("batch", sa.Column("doubt", sa.Text(), nullable=False, server_default=""))
