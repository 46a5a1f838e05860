"""Events: what happened to a delivery later; whether a campaign's links are counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add `campaign.tracking`; make `event`."""
    op.add_column("campaign", sa.Column("tracking", sa.Text(), nullable=False, server_default="none"))
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("key", sa.Text(), nullable=False, unique=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), sa.ForeignKey("subscriber.id", ondelete="CASCADE")),
        sa.Column("reader", sa.Integer()),
        sa.Column("link_no", sa.Integer()),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("machine", sa.Text(), nullable=False, server_default=""),
        sa.Column("source", sa.Text(), nullable=False, server_default=""),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sqlite_autoincrement=True,
    )
    op.create_index("event_by_campaign", "event", ["campaign_id", "kind"])
    op.create_index("event_by_subscriber", "event", ["subscriber_id", "at"])
