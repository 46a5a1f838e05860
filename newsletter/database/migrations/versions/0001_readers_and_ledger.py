"""The first schema: readers, evidence of their consent, suppressions, the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    make_subscriber()
    make_subscription()
    make_consent_source()
    make_consent()
    make_suppression()
    make_campaign()
    make_batch()
    make_delivery()
    make_delivery_exception()
    make_rate_bucket()
    make_host()


def make_subscriber() -> None:
    """See `tables.subscriber`."""
    op.create_table(
        "subscriber",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False, unique=True),
        sa.Column("first_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("last_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("timezone", sa.Text(), nullable=False, server_default=""),
        sa.Column("language", sa.Text(), nullable=False, server_default=""),
        sa.Column("fields", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("tags", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )


def make_subscription() -> None:
    """See `tables.subscription`."""
    op.create_table(
        "subscription",
        sa.Column("list", sa.Text(), primary_key=True),
        sa.Column("subscriber_id", sa.Integer(), sa.ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("subscription_by_status", "subscription", ["list", "status", "subscriber_id"])
    op.create_index("subscription_by_subscriber", "subscription", ["subscriber_id"])


def make_consent_source() -> None:
    """See `tables.consent_source`."""
    op.create_table(
        "consent_source",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("at", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )


def make_consent() -> None:
    """See `tables.consent`."""
    op.create_table(
        "consent",
        sa.Column("subscriber_id", sa.Integer(), sa.ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("no", sa.Integer(), primary_key=True),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Integer(), sa.ForeignKey("consent_source.id"), nullable=False),
        sqlite_with_rowid=False,
    )


def make_suppression() -> None:
    """See `tables.suppression`."""
    op.create_table(
        "suppression",
        sa.Column("email_key", sa.Text(), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )


def make_campaign() -> None:
    """See `tables.campaign`."""
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("issue", sa.Text(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("page", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("checks", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("send_at", sa.Text(), nullable=True),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.Text(), nullable=True),
        sa.Column("cursor", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("enqueued", sa.Boolean(), nullable=False, server_default=sa.false()),
        sqlite_autoincrement=True,
    )
    op.create_index("campaign_once", "campaign", ["issue", "list", "segment"], unique=True)


def make_batch() -> None:
    """See `tables.batch`."""
    op.create_table(
        "batch",
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("no", sa.Integer(), primary_key=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("generation", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("owner", sa.Text(), nullable=False, server_default=""),
        sa.Column("lease_until", sa.Text(), nullable=True),
        sa.Column("not_before", sa.Text(), nullable=True),
        sa.Column("first_handed_at", sa.Text(), nullable=True),
        sa.Column("handed_at", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False, server_default=""),
        sa.Column("payload_hash", sa.Text(), nullable=False, server_default=""),
        sa.Column("provider_ids", sa.LargeBinary(), nullable=True),
        sa.Column("started", sa.LargeBinary(), nullable=True),
        sa.Column("finished", sa.LargeBinary(), nullable=True),
        sqlite_with_rowid=False,
    )
    where = sa.text("state IN ('claimed', 'handed')")
    op.create_index("batch_leased", "batch", ["lease_until"], sqlite_where=where, postgresql_where=where)
    where = sa.text("state = 'queued'")
    op.create_index("batch_waiting", "batch", ["campaign_id", "no"], sqlite_where=where, postgresql_where=where)


def make_delivery() -> None:
    """See `tables.delivery`."""
    op.create_table(
        "delivery",
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("subscriber_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("batch_no", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("delivery_by_batch", "delivery", ["campaign_id", "batch_no", "subscriber_id"])


def make_delivery_exception() -> None:
    """See `tables.delivery_exception`."""
    op.create_table(
        "delivery_exception",
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("subscriber_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("batch_no", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("retryable", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("delivery_exception_by_batch", "delivery_exception", ["campaign_id", "batch_no"])


def make_rate_bucket() -> None:
    """See `tables.rate_bucket`."""
    op.create_table(
        "rate_bucket",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("tat", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )


def make_host() -> None:
    """See `tables.host`."""
    op.create_table(
        "host",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
    )
