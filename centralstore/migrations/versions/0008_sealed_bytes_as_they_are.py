"""PostgreSQL keeps sealed bytes as they are: trying to compress them took most of an envelope's time at the server."""

from __future__ import annotations

from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: None = None
depends_on: None = None

SEALED = ("keptenvelope", "conflict")


def upgrade() -> None:
    """Tell the server; what lies there already stays as it is. SQLite never compresses."""
    _store("EXTERNAL")


def downgrade() -> None:
    """Let it try again."""
    _store("EXTENDED")


def _store(how: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in SEALED:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN data SET STORAGE {how}")
