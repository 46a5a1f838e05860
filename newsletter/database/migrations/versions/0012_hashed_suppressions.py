"""Find the suppressions of erased readers, whatever the order of text: of those there are few, or none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index; on PostgreSQL, LIKE uses the key's own index only where text sorts by bytes."""
    op.create_index(
        "suppression_hashed",
        "suppression",
        ["email_key"],
        sqlite_where=sa.text("email_key GLOB 'hmac:*'"),
        postgresql_where=sa.text("email_key LIKE 'hmac:%'"),
    )
