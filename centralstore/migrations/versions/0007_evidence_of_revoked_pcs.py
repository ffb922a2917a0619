"""What staff let in of revoked PCs as evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "acceptance",
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("after_envelope", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sitting", "device"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("acceptance")
