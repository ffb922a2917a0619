"""Merkle trees by the recursive definitions of RFC 6962 §2.1: is a leaf in a tree, is a tree the start of another."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.crypto import sha256
from verifier.errors import need


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 ‖ content)."""
    return sha256(b"\0" + content)


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root of a tree of ``size`` leaves in which ``leaf`` is at ``index``, by its audit path (lowest first).

    Raises:
        WrongError: the path has another length than such a tree asks for.
    """
    need(0 <= index < size, f"a tree of {size} has no leaf {index}")
    if size == 1:
        need(not path, "an inclusion proof is too long")
        return leaf
    need(bool(path), "an inclusion proof is too short")
    left = _left_size(size)
    if index < left:
        return _node(root_by_path(leaf, index, left, path[:-1]), path[-1])
    return _node(path[-1], root_by_path(leaf, index - left, size - left, path[:-1]))


def roots_by_proof(first: int, second: int, first_root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of a tree and of its first ``first`` leaves, by a consistency proof (lowest first).

    Both trees are right when the first of the two is ``first_root`` and the second is the root that is claimed.

    Raises:
        WrongError: the proof has another length than such trees ask for.
    """
    need(0 < first <= second, f"no proof leads from {first} to {second} leaves")
    return _roots(first, second, first_root, path, is_whole=True)


def _roots(first: int, second: int, first_root: bytes, path: Sequence[bytes], *, is_whole: bool) -> tuple[bytes, bytes]:
    """``is_whole``: the first tree begins where the second does, so that its root is known and not in the path."""
    if first == second:
        if is_whole:
            need(not path, "a consistency proof is too long")
            return first_root, first_root
        need(len(path) == 1, "a consistency proof has the wrong length")
        return path[0], path[0]
    need(bool(path), "a consistency proof is too short")
    left = _left_size(second)
    if first <= left:
        old, new = _roots(first, left, first_root, path[:-1], is_whole=is_whole)
        return old, _node(new, path[-1])
    old, new = _roots(first - left, second - left, first_root, path[:-1], is_whole=False)
    return _node(path[-1], old), _node(path[-1], new)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right)


def _left_size(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
