"""Merkle proofs by the recursive definition agree with those that the store makes, for every tree of some size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from sync.keys import sha256
from sync.tree import consistency_proof, inclusion_proof, node_hash, root_of
from sync.tree import leaf_hash as other_leaf_hash
from verifier.errors import WrongError
from verifier.tree import leaf_hash, root_by_path, roots_by_proof

LEAVES = [leaf_hash(b"%d" % number) for number in range(40)]


def nodes_of(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    def node(level: int, index: int) -> bytes:
        return leaves[index] if level == 0 else node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def test_leaves_are_hashed_as_rfc_6962_says() -> None:
    """The empty leaf of RFC 6962's reference tests (certificate-transparency, merkletree)."""
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"x") == other_leaf_hash(b"x")


@pytest.mark.parametrize("size", range(1, 33))
def test_every_leaf_of_every_tree_is_proven_and_at_no_other_place(size: int) -> None:
    leaves = LEAVES[:size]
    root = root_of(leaves)
    for index in range(size):
        path = inclusion_proof(index, size, nodes_of(leaves))
        assert root_by_path(leaves[index], index, size, path) == root
        assert root_by_path(sha256(b"other"), index, size, path) != root
        for other in range(size):
            if other != index:
                try:
                    assert root_by_path(leaves[index], other, size, path) != root
                except WrongError:
                    continue
        with pytest.raises(WrongError):
            root_by_path(leaves[index], index, size, [*path, path[0] if path else root])


@pytest.mark.parametrize("second", range(1, 25))
def test_every_beginning_of_every_tree_is_proven_and_no_other_tree_is(second: int) -> None:
    leaves = LEAVES[:second]
    root = root_of(leaves)
    for first in range(1, second + 1):
        older = root_of(leaves[:first])
        path = consistency_proof(first, second, nodes_of(leaves))
        assert roots_by_proof(first, second, older, path) == (older, root)
        wrong = sha256(b"wrong")
        assert roots_by_proof(first, second, wrong, path) != (wrong, root)
        with pytest.raises(WrongError):
            roots_by_proof(first, second, older, [*path, root])
        if path:
            with pytest.raises(WrongError, match=r"too short|wrong length"):
                roots_by_proof(first, second, older, path[1:])
        for at in range(len(path)):
            assert roots_by_proof(first, second, older, [*path[:at], wrong, *path[at + 1 :]]) != (older, root)


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3), (-1, 2)])
def test_sizes_that_cannot_be_are_refused(first: int, second: int) -> None:
    with pytest.raises(WrongError, match=f"no proof leads from {first} to {second} leaves"):
        roots_by_proof(first, second, LEAVES[0], [])
    with pytest.raises(WrongError, match=f"a tree of {second} has no leaf {second}"):
        root_by_path(LEAVES[0], second, second, [])
    with pytest.raises(WrongError, match="has no leaf -1"):
        root_by_path(LEAVES[0], -1, second, [])


def test_proofs_of_another_length_are_told_by_what_they_are() -> None:
    with pytest.raises(WrongError, match="an inclusion proof is too long"):
        root_by_path(LEAVES[0], 0, 1, [LEAVES[1]])
    with pytest.raises(WrongError, match="an inclusion proof is too short"):
        root_by_path(LEAVES[0], 0, 2, [])
    with pytest.raises(WrongError, match="a consistency proof is too long"):
        roots_by_proof(2, 2, LEAVES[0], [LEAVES[1]])
    with pytest.raises(WrongError, match="a consistency proof is too short"):
        roots_by_proof(1, 2, LEAVES[0], [])
    with pytest.raises(WrongError, match="a consistency proof has the wrong length"):
        roots_by_proof(3, 4, LEAVES[0], [LEAVES[1], LEAVES[2], LEAVES[3], LEAVES[4]])
