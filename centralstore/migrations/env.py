"""Alembic's entry: runs revisions in one transaction on the database that `centralstore.migration` names."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

config = context.config
url = config.get_main_option("sqlalchemy.url")
assert url is not None  # noqa: S101 - set by centralstore.migration
engine = create_engine(url, poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=config.attributes.get("metadata"))
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
