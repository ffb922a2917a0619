"""The append-only log of what this store kept: every receipt, conflict, order, result and act is a leaf (RFC 6962).

A leaf is written in the same transaction as the row it speaks of. Its number is taken from the table inside that
transaction, so that a rolled-back job leaves no gap and a failed group needs no repair: the writer holds no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Table, func, insert, select

from centralstore.leaves import Leaf
from centralstore.tables import LogLeaf
from sync.tree import leaf_hash

_LEAVES: Final[Table] = LogLeaf.metadata.tables["logleaf"]
_NEXT: Final = select(func.max(_LEAVES.c.number))
_ADD: Final = insert(_LEAVES)


def append(connection: Connection, leaves: Sequence[Leaf]) -> int:
    """Add leaves in this transaction of the one writing connection; the number of the first.

    One query and one insert of many rows, however many leaves there are.
    """
    last = connection.execute(_NEXT).scalar()
    first = 0 if last is None else last + 1
    if leaves:
        connection.execute(
            _ADD,
            [
                {"number": number, "kind": kind, "ref": ref, "sitting": sitting, "leaf": leaf_hash(content)}
                for number, (kind, ref, sitting, content) in enumerate(leaves, start=first)
            ],
        )
    return first
