"""Keys of readers' links: what tells a reader from the next one who is given the same number.

Readers who are there already keep the empty key, and the links that they have been mailed. Their numbers cannot come
to mean somebody else: every reader who is added from now on has a key.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; on neither database are the rows written anew."""
    op.add_column("subscriber", sa.Column("link_key", sa.Text(), server_default="", nullable=False))
