"""Alembic's entry: runs migrations on the connection that `migrations.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from newsletter.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
