"""The append-only log (RFC 6962): its leaves, the signed checkpoints, and what witnesses cosigned.

What was kept before gets its leaves here, kind by kind in the order it came; the store that runs next signs for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from centralstore.leaves import Leaf, audit_leaf, conflict_leaf, order_leaf, receipt_leaf, result_leaf
from sync.tree import leaf_hash

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Make the tables, and the leaves of what is kept already."""
    leaves = op.create_table(
        "logleaf",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "logcheckpoint",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "logwitness",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("witness", sa.String(), nullable=False),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness"),
    )
    connection = op.get_bind()
    for number, (kind, ref, sitting, content) in enumerate(list(_kept(connection))):
        row = {"number": number, "kind": kind, "ref": ref, "sitting": sitting, "leaf": leaf_hash(content)}
        row["signature"] = b""  # given with the first checkpoint
        connection.execute(leaves.insert(), row)


_OLDER: tuple[tuple[str, str, str, Callable[[Any], Leaf]], ...] = (
    ("keptenvelope", "id", "sitting attempt segment first last receipt", receipt_leaf),
    ("conflict", "id", "sitting attempt segment device first last stored_sha256 offered_sha256 at_ms", conflict_leaf),
    ("givenorder", "at_ms", "sitting number data", order_leaf),
    (
        "keptresult", "id",
        "attempt scoring_number scoring_version sitting candidate part level data findings keys_sha256 scored_ms",
        result_leaf,
    ),
    ("audit", "id", "id at_ms user role act site room sitting candidate is_allowed detail", audit_leaf),
)  # fmt: skip
"""Table, order, columns, and what makes a leaf of a row."""


def _kept(connection: sa.Connection) -> Iterator[Leaf]:
    for name, order, columns, leaf_of in _OLDER:
        table = sa.Table(name, sa.MetaData(), autoload_with=connection)
        for row in connection.execute(sa.select(*(_typed(table, c) for c in columns.split())).order_by(table.c[order])):
            yield leaf_of(row)


def _typed(table: sa.Table, column: str) -> sa.ColumnElement[Any]:
    """SQLite tells JSON and truth values as text and numbers; the leaf needs them as they were."""
    if column in {"detail", "findings"} or (column, table.name) == ("data", "keptresult"):
        return sa.type_coerce(table.c[column], sa.JSON).label(column)
    if column == "is_allowed":
        return sa.type_coerce(table.c[column], sa.Boolean).label(column)
    return table.c[column]


def downgrade() -> None:
    """Drop them."""
    op.drop_table("logwitness")
    op.drop_table("logcheckpoint")
    op.drop_table("logleaf")
