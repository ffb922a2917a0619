"""The append-only log (RFC 6962): its leaves, the signed checkpoints, and what witnesses cosigned.

What was kept before gets its leaves here, oldest first; the store that runs next signs for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

from centralstore.leaves import Leaf, audit_leaf, conflict_leaf, enrolment_leaf, order_leaf, receipt_leaf, result_leaf
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
    _agree_on_times(connection)
    for number, (kind, ref, sitting, content) in enumerate(_kept(connection)):
        row = {"number": number, "kind": kind, "ref": ref, "sitting": sitting, "leaf": leaf_hash(content)}
        row["signature"] = b""  # given with the first checkpoint
        connection.execute(leaves.insert(), row)


_OLDER: tuple[tuple[str, str, str, Callable[[Any], Leaf]], ...] = (
    ("keptenvelope", "received_ms", "sitting attempt segment first last receipt", receipt_leaf),
    ("conflict", "at_ms", "sitting attempt segment device first last stored_sha256 offered_sha256", conflict_leaf),
    ("givenorder", "at_ms", "sitting number data", order_leaf),
    (
        "keptresult", "scored_ms",
        "attempt scoring_number scoring_version sitting candidate part level data findings keys_sha256",
        result_leaf,
    ),
    ("enrolment", "signed_delivered_ms", "sitting candidate part level accommodation_ms", enrolment_leaf),
    ("audit", "at_ms", "id user role act site room sitting candidate is_allowed detail", audit_leaf),
)  # fmt: skip
"""Table, its time, its other columns, and what makes a leaf of a row."""


def _kept(connection: sa.Connection) -> list[Leaf]:
    """A leaf of every row, oldest first."""
    dated: list[tuple[int, Leaf]] = []
    for name, at, columns, leaf_of in _OLDER:
        table = sa.Table(name, sa.MetaData(), autoload_with=connection)
        query = sa.select(table.c[at], *(_typed(table, column) for column in columns.split())).order_by(table.c[at])
        dated += [(row[0], leaf_of(row)) for row in connection.execute(query)]
    return [leaf for _, leaf in sorted(dated, key=lambda entry: entry[0])]


def _agree_on_times(connection: sa.Connection) -> None:
    """Receipt and row used to be dated a moment apart; the receipt's time is the signed one."""
    table = sa.Table("keptenvelope", sa.MetaData(), autoload_with=connection)
    for row in connection.execute(sa.select(table.c.id, table.c.receipt)).all():
        stored_ms = json.loads(row.receipt)["body"]["stored_utc_ms"]
        connection.execute(sa.update(table).where(table.c.id == row.id).values(received_ms=stored_ms))


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
