"""Signups: who asked to join, the mail that answers them, and how often forms were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'queued'")
_HANDED = sa.text("state = 'handed'")


def upgrade() -> None:
    """Add to `consent`; make `signup`, `letter` and `form_use`."""
    op.add_column("consent", sa.Column("detail", sa.Text(), nullable=False, server_default=""))
    _make_signup()
    _make_letter()
    op.create_table(
        "form_use",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("slot", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("form_use_by_end", "form_use", ["until"])


def _make_signup() -> None:
    op.create_table(
        "signup",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("subscriber_id", sa.Integer(), sa.ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False),
        sa.Column("lists", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Integer(), sa.ForeignKey("consent_source.id"), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.Text()),
        sqlite_autoincrement=True,
    )
    op.create_index("signup_by_subscriber", "signup", ["subscriber_id"])


def _make_letter() -> None:
    op.create_table(
        "letter",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("subscriber_id", sa.Integer(), sa.ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("signup_id", sa.Integer(), sa.ForeignKey("signup.id", ondelete="CASCADE")),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.Text(), nullable=False),
        sa.Column("first_handed_at", sa.Text()),
        sa.Column("handed_at", sa.Text()),
        sa.Column("settled_at", sa.Text()),
        sa.Column("provider", sa.Text(), nullable=False, server_default=""),
        sa.Column("provider_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sqlite_autoincrement=True,
    )
    op.create_index("letter_waiting", "letter", ["due_at", "id"], sqlite_where=_WAITING, postgresql_where=_WAITING)
    op.create_index("letter_handed", "letter", ["id"], sqlite_where=_HANDED, postgresql_where=_HANDED)
    op.create_index("letter_by_subscriber", "letter", ["subscriber_id"])
