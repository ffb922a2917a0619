"""The append-only log of what this store kept: every receipt, conflict, order, result and act is a leaf (RFC 6962).

A leaf is written in the same transaction as the row it speaks of. Its number is taken from the table inside that
transaction, so that a rolled-back job leaves no gap and a failed group needs no repair: the writer holds no state.
The tree over the leaves is kept beside, in memory, and follows what is committed (`LogBook`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Table, func, insert, select, update
from sqlmodel import Session

from centralstore.errors import LogBrokenError
from centralstore.leaves import SELF_SIGNED, Leaf, sign_leaf
from centralstore.tables import LogCheckpoint, LogLeaf
from sync.checkpoint import Checkpoint, verify_checkpoint
from sync.errors import SyncDataError
from sync.keys import SigningKey, VerifyKey
from sync.tree import Nodes, Tiles, leaf_hash, root_at

LOG_KEY_OPTION: Final = "log_key"
"""Under this name the writing connection carries the log's key (`Database.equip`)."""

_LEAVES: Final[Table] = LogLeaf.metadata.tables["logleaf"]
_NEXT: Final = select(func.max(_LEAVES.c.number))
_ADD: Final = insert(_LEAVES)
_CHECKPOINTS: Final[Table] = LogCheckpoint.metadata.tables["logcheckpoint"]
_NEWEST: Final = select(_CHECKPOINTS).order_by(_CHECKPOINTS.c.size.desc()).limit(1)
_READ_AT_ONCE: Final = 10_000


def append(connection: Connection, leaves: Sequence[Leaf]) -> int:
    """Add leaves in this transaction of the one writing connection; the number of the first.

    One query and one insert of many rows, however many leaves there are. Leaves of rows that carry no signature of the
    store get one by the log's key: 35 µs each.
    """
    last = connection.execute(_NEXT).scalar()
    first = 0 if last is None else last + 1
    if leaves:
        key: SigningKey = connection.get_execution_options()[LOG_KEY_OPTION]
        connection.execute(_ADD, [_row(number, leaf, key) for number, leaf in enumerate(leaves, start=first)])
    return first


def _row(number: int, made: Leaf, key: SigningKey) -> dict[str, object]:
    kind, ref, sitting, content = made
    leaf = leaf_hash(content)
    signature = b"" if kind in SELF_SIGNED else sign_leaf(kind, ref, sitting, leaf, key)
    return {"number": number, "kind": kind, "ref": ref, "sitting": sitting, "leaf": leaf, "signature": signature}


def sign_older(session: Session, key: SigningKey) -> None:
    """Sign the leaves that a migration made of older rows; only while no checkpoint speaks of them."""
    older = select(_LEAVES).where(_LEAVES.c.signature == b"", _LEAVES.c.kind.not_in(SELF_SIGNED))
    connection = session.connection()
    for row in connection.execute(older).all():
        signature = sign_leaf(row.kind, row.ref, row.sitting, row.leaf, key)
        connection.execute(update(_LEAVES).where(_LEAVES.c.number == row.number).values(signature=signature))


class LogBook:
    """The tree over the committed leaves, as this process has seen them; ``lock`` guards every use.

    Rebuilt from the table at the first use. What was seen once is never read again: an edit of an old leaf does not
    change what is signed next, and shows as soon as a proof is made of it or a new process begins.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tiles = Tiles()
        self.last: tuple[Checkpoint, bytes] | None = None
        self._last_leaf = b""

    def catch_up(self, session: Session, key: VerifyKey) -> None:
        """Take in what was committed since, and hold the whole against the newest checkpoint at the first time.

        Raises:
            LogBrokenError: a leaf is missing or changed, or the newest checkpoint does not fit.
        """
        is_new = self.tiles.size == 0
        known = max(self.tiles.size - 1, 0)
        query = select(_LEAVES.c.number, _LEAVES.c.leaf).where(_LEAVES.c.number >= known)
        query = query.order_by(_LEAVES.c.number).execution_options(stream_results=True)
        expected = known
        with session.connection().execute(query) as found:
            for rows in found.partitions(_READ_AT_ONCE):
                leaves = [row.leaf for row in rows]
                if [row.number for row in rows] != list(range(expected, expected + len(rows))):
                    raise LogBrokenError(problem=f"a leaf after number {expected} is missing")
                if not is_new and expected == known and leaves[0] != self._last_leaf:
                    raise LogBrokenError(problem=f"leaf {known} was changed while the store was running")
                self.tiles.extend(leaves[1:] if not is_new and expected == known else leaves)
                expected += len(rows)
                self._last_leaf = leaves[-1]
        if expected < self.tiles.size:
            raise LogBrokenError(problem=f"it had {self.tiles.size} leaves while the store was running, now {expected}")
        if self.last is None:
            self.last = self._newest(session, key)

    def has_only_its_checkpoint(self) -> bool:
        """Whether nothing came after the newest checkpoint but that checkpoint's own leaf."""
        if self.last is None:
            return False
        checkpoint, data = self.last
        return self.tiles.size == checkpoint.size + 1 and self._last_leaf == leaf_hash(data)

    def nodes(self, session: Session) -> Nodes:
        """The tree's nodes for proofs; leaves come from the table."""

        def read(low: int, high: int) -> Sequence[bytes]:
            query = select(_LEAVES.c.leaf).where(_LEAVES.c.number >= low, _LEAVES.c.number < high)
            leaves = session.connection().execute(query.order_by(_LEAVES.c.number)).scalars().all()
            if len(leaves) != high - low:
                raise LogBrokenError(problem=f"leaves between {low} and {high} are missing")
            return leaves

        return self.tiles.nodes(read)

    def _newest(self, session: Session, key: VerifyKey) -> tuple[Checkpoint, bytes] | None:
        row = session.connection().execute(_NEWEST).one_or_none()
        if row is None:
            return None
        try:
            found = verify_checkpoint(row.data, key)
        except SyncDataError as error:
            raise LogBrokenError(problem=f"its newest checkpoint, of {row.size} leaves, is not this store's") from error
        if found.size > self.tiles.size:
            raise LogBrokenError(problem=f"its newest checkpoint has {found.size} leaves, the table {self.tiles.size}")
        if root_at(found.size, self.nodes(session)).hex() != found.root:
            raise LogBrokenError(problem=f"its first {found.size} leaves are not those of the checkpoint")
        return found, row.data
