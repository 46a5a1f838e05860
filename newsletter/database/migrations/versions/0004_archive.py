"""The archive: what lists of issues say of one, frozen with its campaign."""

from __future__ import annotations

import json
import re

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add `campaign.about`; of earlier campaigns it says the subject and the day."""
    op.add_column("campaign", sa.Column("about", sa.Text(), nullable=False, server_default=""))
    campaign = sa.table("campaign", *map(sa.column, ("id", "issue", "subject", "created_at", "started_at", "about")))
    for row in op.get_bind().execute(sa.select(campaign)).all():
        title = " ".join(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", row.subject).split()).strip(" ,;:")
        day = (row.started_at or row.created_at)[:10]
        about = json.dumps({"slug": row.issue, "title": title, "description": "", "date": day})
        op.get_bind().execute(sa.update(campaign).where(campaign.c.id == row.id).values(about=about))
