"""Sittings lent to relays: loans, borrowings, what was forwarded, and contradictions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Make the tables."""
    _make_central()
    _make_relay()


def _make_central() -> None:
    op.create_table(
        "lending",
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("relay", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("lent_by", sa.String(), nullable=False),
        sa.Column("lent_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("delegation", sa.LargeBinary(), nullable=False),
        sa.Column("returned", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sitting", "number"),
    )
    op.create_index(op.f("ix_lending_relay"), "lending", ["relay"], unique=False)
    op.create_table(
        "relayedrow",
        sa.Column("relay", sa.String(), nullable=False),
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("local", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("relay", "sitting", "kind", "source"),
    )
    op.create_table(
        "contradiction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("candidate", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sitting", "kind", "subject"),
    )
    op.create_index(op.f("ix_contradiction_sitting"), "contradiction", ["sitting"], unique=False)


def _make_relay() -> None:
    op.create_table(
        "borrowing",
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("delegation", sa.LargeBinary(), nullable=False),
        sa.Column("central", sa.JSON(), nullable=False),
        sa.Column("borrowed_ms", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.LargeBinary(), nullable=False),
        sa.Column("is_return_known", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sitting"),
    )
    op.create_table(
        "centralreceipt",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("is_conflict", sa.Boolean(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index(op.f("ix_centralreceipt_sitting"), "centralreceipt", ["sitting"], unique=False)
    op.create_table(
        "sentrow",
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sitting", "kind", "source"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("sentrow")
    op.drop_index(op.f("ix_centralreceipt_sitting"), table_name="centralreceipt")
    op.drop_table("centralreceipt")
    op.drop_table("borrowing")
    op.drop_index(op.f("ix_contradiction_sitting"), table_name="contradiction")
    op.drop_table("contradiction")
    op.drop_table("relayedrow")
    op.drop_index(op.f("ix_lending_relay"), table_name="lending")
    op.drop_table("lending")
