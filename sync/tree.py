"""Merkle tree of RFC 6962: hashes, growing, roots, proofs and their verification. Pure; it stores nothing.

A tree over n leaves is told by its *complete* subtrees: node (level, index) covers the 2^level leaves from
index · 2^level on. Whoever keeps leaves or nodes gives them through a function of (level, index); proofs and roots
need O(log n) of them. Verification follows RFC 9162 §2.1.3.2 and §2.1.4.2 to the letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

from sync.errors import SyncUsageError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962 §2.1)."""

TILE_LEVEL: Final = 8

Nodes: TypeAlias = Callable[[int, int], bytes]
"""The hash of the complete subtree (level, index)."""


def leaf_hash(content: bytes) -> bytes:
    """SHA-256(0x00 ‖ content)."""
    return sha256(b"\0" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\1" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: its size and the complete subtrees that make it up, largest first.

    O(log n) memory; one leaf costs two hashes on average.
    """

    __slots__ = ("_edge", "size")

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        """An empty tree's edge, or one continued.

        Args:
            size: leaves so far.
            edge: the hashes of the complete subtrees, one for each bit set in ``size``, largest first.

        Raises:
            SyncUsageError: ``edge`` does not fit ``size``.
        """
        if size < 0 or len(edge) != size.bit_count():
            raise SyncUsageError(
                what=f"{len(edge)} hashes are no edge of a tree of {size}", remedy="Give one a bit set in the size"
            )
        self.size = size
        self._edge = list(edge)

    def append(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a leaf's hash; the complete subtrees (level, index, hash) that it completes, itself first."""
        completed: list[tuple[int, int, bytes]] = [(0, self.size, leaf)]
        level, index, found = 0, self.size, leaf
        while index & 1:
            found = node_hash(self._edge.pop(), found)
            level, index = level + 1, index >> 1
            completed.append((level, index, found))
        self._edge.append(found)
        self.size += 1
        return iter(completed)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add many leaves' hashes."""
        edge, size = self._edge, self.size
        for leaf in leaves:
            found, index = leaf, size
            while index & 1:
                found, index = node_hash(edge.pop(), found), index >> 1
            edge.append(found)
            size += 1
        self.size = size

    @property
    def root(self) -> bytes:
        """The root of the tree so far."""
        return _joined(self._edge)


class Tiles:
    """A growing tree in little memory: its frontier, and its nodes from level `TILE_LEVEL` up (64 bytes a 256 leaves).

    What lies below comes from whoever keeps the leaves, one tile of 256 at a time.
    """

    __slots__ = ("_frontier", "_levels")

    def __init__(self) -> None:
        """An empty tree."""
        self._frontier = Frontier()
        self._levels: list[bytearray] = []

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._frontier.size

    @property
    def root(self) -> bytes:
        """The root over all of them."""
        return self._frontier.root

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves' hashes."""
        for leaf in leaves:
            for level, _, found in self._frontier.append(leaf):
                if level >= TILE_LEVEL:
                    self._keep(level - TILE_LEVEL, found)

    def nodes(self, read: Callable[[int, int], Sequence[bytes]]) -> Nodes:
        """All complete subtrees of the tree as it is now.

        Args:
            read: the leaf hashes from a number up to, not including, another.
        """
        tiles: dict[int, list[list[bytes]]] = {}

        def node(level: int, index: int) -> bytes:
            if level >= TILE_LEVEL:
                start = index * HASH_BYTES
                return bytes(self._levels[level - TILE_LEVEL][start : start + HASH_BYTES])
            tile, place = divmod(index << level, 1 << TILE_LEVEL)
            if tile not in tiles:
                low = tile << TILE_LEVEL
                tiles[tile] = _levels_of(read(low, min(low + (1 << TILE_LEVEL), self.size)))
            return tiles[tile][level][place >> level]

        return node

    def _keep(self, height: int, found: bytes) -> None:
        if height == len(self._levels):
            self._levels.append(bytearray())
        self._levels[height] += found


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes, in one pass."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root


# --- proofs -----------------------------------------------------------------------------------------------------------


def root_at(size: int, nodes: Nodes) -> bytes:
    """The root of the tree of the first ``size`` leaves.

    Raises:
        SyncUsageError: a negative size.
    """
    if size < 0:
        raise SyncUsageError(what=f"a tree has not {size} leaves", remedy="Give a size of at least 0")
    return _range_hash(0, size, nodes)


def inclusion_proof(index: int, size: int, nodes: Nodes) -> tuple[bytes, ...]:
    """PATH(index, D[size]) of RFC 6962 §2.1.1: the hashes that lead from a leaf to the root, lowest first.

    Raises:
        SyncUsageError: the tree of this size has no such leaf.
    """
    if not 0 <= index < size:
        raise SyncUsageError(what=f"a tree of {size} has no leaf {index}", remedy="Give a leaf below the size")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_hash(middle, high, nodes))
            high = middle
        else:
            path.append(_range_hash(low, middle, nodes))
            low = middle
    return tuple(reversed(path))


def consistency_proof(first: int, second: int, nodes: Nodes) -> tuple[bytes, ...]:
    """PROOF(first, D[second]) of RFC 6962 §2.1.2: that ``first`` leaves are the beginning of ``second``.

    Raises:
        SyncUsageError: not 1 <= first <= second.
    """
    if not 1 <= first <= second:
        raise SyncUsageError(
            what=f"no proof leads from {first} to {second} leaves",
            remedy="Give two sizes, the smaller first, from 1 on",
        )
    path: list[bytes] = []
    low, high, is_known = 0, second, True
    while first != high:
        middle = low + _split(high - low)
        if first <= middle:
            path.append(_range_hash(middle, high, nodes))
            high = middle
        else:
            path.append(_range_hash(low, middle, nodes))
            low, is_known = middle, False
    if not is_known:
        path.append(_range_hash(low, high, nodes))
    return tuple(reversed(path))


# --- verification -----------------------------------------------------------------------------------------------------


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` proves that the leaf hash lies at ``index`` in the tree (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, found = index, size - 1, leaf
    for step in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            found = node_hash(step, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found == root


def is_consistent(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether ``path`` proves that the first tree is the beginning of the second (RFC 9162 §2.1.4.2).

    Two trees of one size are consistent with an empty path and the same root only. Of an empty first tree everything
    is a continuation; RFC 9162 leaves that case out, here its root must be that of the empty tree and the path empty.
    """
    if not 0 <= first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    if not path:
        return False
    steps = list(path) if first & (first - 1) else [first_root, *path]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first_found = second_found = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first_found, second_found = node_hash(step, first_found), node_hash(step, second_found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second_found = node_hash(second_found, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and first_found == first_root and second_found == second_root


# --- helpers ----------------------------------------------------------------------------------------------------------


def _levels_of(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The complete subtrees over some leaves, level by level from the leaves up."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    return levels


def _split(count: int) -> int:
    """The largest power of two smaller than ``count`` (RFC 6962 §2.1: k)."""
    return 1 << ((count - 1).bit_length() - 1)


def _joined(edge: Sequence[bytes]) -> bytes:
    """The root over complete subtrees, largest first."""
    if not edge:
        return EMPTY_ROOT
    found = edge[-1]
    for left in reversed(edge[:-1]):
        found = node_hash(left, found)
    return found


def _range_hash(low: int, high: int, nodes: Nodes) -> bytes:
    """The hash over the leaves low … high-1, where ``low`` is a multiple of the range's largest subtree."""
    edge: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        edge.append(nodes(level, low >> level))
        low += 1 << level
    return _joined(edge)
