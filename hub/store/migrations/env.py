"""What alembic runs: migrate over the connection that `hub.store.schema` hands in."""

from __future__ import annotations

from alembic import context

from hub.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="ac_version",
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
