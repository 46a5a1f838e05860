"""The schema of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_QUEUED = sa.text("state = 'queued'")
_HANDED = sa.text("state = 'handed'")
_LEASED = sa.text("state IN ('claimed', 'handed')")
_BIG = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
_JSON = sa.Text().with_variant(JSONB(), "postgresql")

_STATISTICS = {"batch": "1000000 10000 1", "batch_by_state": "1000000 10000 100 1", "batch_leased": "10 1"}
"""Rows in all, of a campaign, of one of its states: https://www.sqlite.org/fileformat2.html#the_sqlite_stat1_table."""


def upgrade() -> None:
    """Make every table."""
    _make_readers()
    _make_signups()
    _make_campaigns()
    _make_sending()
    if op.get_bind().dialect.name == "sqlite":
        _state_statistics()


def _state_statistics() -> None:
    """Tell SQLite that `batch_by_state` is worth taking.

    Without statistics it searches by the campaign alone, and reads all of its batches for the next one.
    """
    op.execute("ANALYZE batch")
    op.execute("DELETE FROM sqlite_stat1 WHERE tbl = 'batch'")
    for index, numbers in _STATISTICS.items():
        op.execute(f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('batch', '{index}', '{numbers}')")
    op.execute("ANALYZE sqlite_schema")


def _make_readers() -> None:
    op.create_table(
        "subscriber",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), server_default="", nullable=False),
        sa.Column("last_name", sa.Text(), server_default="", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("fields", _JSON, server_default="{}", nullable=False),
        sa.Column("tags", _JSON, server_default="[]", nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "consent_source",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="{}", nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscription",
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("subscriber_id", _BIG, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.Column("paused_until", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("list", "subscriber_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("subscription_by_status", "subscription", ["list", "status", "subscriber_id", "paused_until"])
    op.create_index("subscription_by_subscriber", "subscription", ["subscriber_id"])
    op.create_table(
        "consent",
        sa.Column("subscriber_id", _BIG, nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("source_id", _BIG, nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["consent_source.id"],
        ),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("subscriber_id", "no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suppression",
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("email_key"),
        sqlite_with_rowid=False,
    )


def _make_signups() -> None:
    op.create_table(
        "signup",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", _BIG, nullable=False),
        sa.Column("lists", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("source_id", _BIG, nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["consent_source.id"],
        ),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("signup_by_subscriber", "signup", ["subscriber_id"])
    op.create_table(
        "transactional_message",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", _BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("signup_id", _BIG, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.Text(), nullable=False),
        sa.Column("first_handed_at", sa.Text(), nullable=True),
        sa.Column("handed_at", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_id", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["signup_id"], ["signup.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("transactional_message_by_subscriber", "transactional_message", ["subscriber_id"])
    op.create_index(
        "transactional_message_handed",
        "transactional_message",
        ["id"],
        sqlite_where=_HANDED,
        postgresql_where=_HANDED,
    )
    op.create_index(
        "transactional_message_waiting",
        "transactional_message",
        ["due_at", "id"],
        sqlite_where=_QUEUED,
        postgresql_where=_QUEUED,
    )
    op.create_table(
        "form_use",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("slot", _BIG, autoincrement=False, nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("until", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("key", "slot"),
        sqlite_with_rowid=False,
    )
    op.create_index("form_use_by_end", "form_use", ["until"])
    op.create_table(
        "leaving_reason",
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("list", "day", "reason"),
        sqlite_with_rowid=False,
    )


def _make_campaigns() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("issue", sa.Text(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("page", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("checks", sa.Text(), server_default="[]", nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("send_at", sa.Text(), nullable=True),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.Text(), nullable=True),
        sa.Column("cursor", _BIG, server_default="0", nullable=False),
        sa.Column("enqueued", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("about", sa.Text(), server_default="", nullable=False),
        sa.Column("tracking", sa.Text(), server_default="none", nullable=False),
        sa.Column("local_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("campaign_once", "campaign", ["issue", "list", "segment"], unique=True)
    op.create_table(
        "batch",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_until", sa.Text(), nullable=True),
        sa.Column("not_before", sa.Text(), nullable=True),
        sa.Column("first_handed_at", sa.Text(), nullable=True),
        sa.Column("handed_at", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("payload_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_ids", sa.LargeBinary(), nullable=True),
        sa.Column("started", sa.LargeBinary(), nullable=True),
        sa.Column("finished", sa.LargeBinary(), nullable=True),
        sa.Column("enqueued_at", sa.Text(), nullable=True),
        sa.Column("unknown_reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.PrimaryKeyConstraint("campaign_id", "no"),
        sqlite_with_rowid=False,
    )
    op.create_index("batch_by_state", "batch", ["campaign_id", "state", "no"])
    op.create_index(
        "batch_leased",
        "batch",
        ["lease_until"],
        sqlite_where=_LEASED,
        postgresql_where=_LEASED,
    )
    op.create_table(
        "delivery",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("batch_no", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.PrimaryKeyConstraint("campaign_id", "subscriber_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("delivery_by_batch", "delivery", ["campaign_id", "batch_no", "subscriber_id"])
    op.create_table(
        "delivery_exception",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("batch_no", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("retryable", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.PrimaryKeyConstraint("campaign_id", "subscriber_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("delivery_exception_by_batch", "delivery_exception", ["campaign_id", "batch_no"])
    op.create_table(
        "delivery_note",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.PrimaryKeyConstraint("campaign_id", "subscriber_id", "no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", _BIG, nullable=True),
        sa.Column("reader", _BIG, nullable=True),
        sa.Column("link_no", sa.Integer(), nullable=True),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.Column("machine", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sqlite_autoincrement=True,
    )
    op.create_index("event_by_campaign", "event", ["campaign_id", "kind"])
    op.create_index("event_by_subscriber", "event", ["subscriber_id", "at"])


def _make_sending() -> None:
    op.create_table(
        "host",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "notice",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rate_bucket",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tat", sa.Text(), nullable=False),
        sa.Column("warm_since", sa.Text(), nullable=True),
        sa.Column("ceiling", sa.Float(), nullable=True),
        sa.Column("slowed_at", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rate_spent",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("span", sa.Text(), nullable=False),
        sa.Column("slot", _BIG, autoincrement=False, nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "span", "slot"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runner",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
