"""When a pace was last looked at: a clock that is set back is noticed, and nobody waits until it has caught up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add `rate_bucket.seen_at`."""
    op.add_column("rate_bucket", sa.Column("seen_at", sa.Text()))
