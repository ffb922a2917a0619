"""The Merkle tree: RFC 6962's published vectors, and laws against the RFC's own recursive definition."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import SyncUsageError
from sync.tree import (
    EMPTY_ROOT,
    TILE_LEVEL,
    Frontier,
    Nodes,
    Tiles,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    root_at,
    root_of,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/sync/rfc6962.json").read_text())


def by_definition(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1 over leaf hashes, by its recursion."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


def path_by_definition(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    if index < split:
        return [*path_by_definition(index, leaves[:split]), by_definition(leaves[split:])]
    return [*path_by_definition(index - split, leaves[split:]), by_definition(leaves[:split])]


def proof_by_definition(first: int, leaves: Sequence[bytes], *, is_known: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2; ``is_known`` is its b."""
    if first == len(leaves):
        return [] if is_known else [by_definition(leaves)]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    if first <= split:
        return [*proof_by_definition(first, leaves[:split], is_known=is_known), by_definition(leaves[split:])]
    return [*proof_by_definition(first - split, leaves[split:], is_known=False), by_definition(leaves[:split])]


def made(count: int, salt: int = 0) -> list[bytes]:
    return [leaf_hash(f"{salt}/{number}".encode()) for number in range(count)]


def nodes_of(leaves: Sequence[bytes]) -> Nodes:
    return lambda level, index: by_definition(leaves[index << level : (index + 1) << level])


def test_rfc_6962_hashes_and_roots_are_the_published_ones() -> None:
    assert EMPTY_ROOT.hex() == GOLDEN["empty_root"]
    for content, expected in GOLDEN["leaf_hashes"]:
        assert leaf_hash(bytes.fromhex(content)).hex() == expected
    left, right, expected = (bytes.fromhex(text) for text in GOLDEN["node_hash"])
    assert node_hash(left, right) == expected
    leaves = [leaf_hash(bytes.fromhex(text)) for text in GOLDEN["inputs"]]
    for size, expected_root in enumerate(GOLDEN["roots"], start=1):
        assert root_of(leaves[:size]).hex() == expected_root
        assert root_at(size, nodes_of(leaves)).hex() == expected_root


def test_rfc_6962_consistency_proofs_are_the_published_ones_and_hold() -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in GOLDEN["inputs"]]
    for first, second, expected in GOLDEN["consistency"]:
        path = consistency_proof(first, second, nodes_of(leaves))
        assert [step.hex() for step in path] == expected
        roots = [bytes.fromhex(GOLDEN["roots"][size - 1]) for size in (first, second)]
        assert is_consistent(first, second, roots[0], roots[1], path)


def test_rfc_6962_deep_inclusion_proof_of_a_real_log_holds_and_each_changed_step_does_not() -> None:
    deep = GOLDEN["deep_inclusion"]
    leaf, root = bytes.fromhex(deep["leaf_hash"]), bytes.fromhex(deep["root"])
    path = [bytes.fromhex(step) for step in deep["path"]]
    assert is_included(leaf, deep["index"], deep["size"], path, root)
    for place in range(len(path)):
        changed = [*path[:place], bytes([path[place][0] ^ 1]) + path[place][1:], *path[place + 1 :]]
        assert not is_included(leaf, deep["index"], deep["size"], changed, root)
    assert not is_included(leaf, deep["index"] + 1, deep["size"], path, root)


def test_every_proof_up_to_70_leaves_is_that_of_the_definition_and_holds() -> None:
    leaves = made(70)
    for size in range(1, 71):
        nodes, root = nodes_of(leaves[:size]), by_definition(leaves[:size])
        assert root_of(leaves[:size]) == root
        for index in range(size):
            path = inclusion_proof(index, size, nodes)
            assert list(path) == path_by_definition(index, leaves[:size])
            assert is_included(leaves[index], index, size, path, root)
        for first in range(1, size + 1):
            path = consistency_proof(first, size, nodes)
            assert list(path) == proof_by_definition(first, leaves[:size])
            assert is_consistent(first, size, by_definition(leaves[:first]), root, path)


@given(size=st.integers(1, 300), data=st.data())
def test_an_inclusion_proof_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    leaves = made(size)
    index = data.draw(st.integers(0, size - 1))
    path, root = inclusion_proof(index, size, nodes_of(leaves)), by_definition(leaves)
    assert is_included(leaves[index], index, size, path, root)
    other = data.draw(st.integers(0, size + 2).filter(lambda number: number != index))
    assert not is_included(leaves[index], other, size, path, root)
    assert not is_included(leaf_hash(b"forged"), index, size, path, root)
    assert not is_included(leaves[index], index, size, [*path, leaves[0]], root)
    assert not is_included(leaves[index], index, size, path, leaf_hash(b"another root"))
    if path:
        assert not is_included(leaves[index], index, size, path[:-1], root)


@given(first=st.integers(1, 200), more=st.integers(1, 200), data=st.data())
def test_no_proof_leads_from_a_tree_whose_leaf_was_changed(first: int, more: int, data: st.DataObject) -> None:
    leaves, second = made(first + more), first + more
    changed = list(leaves)
    changed[data.draw(st.integers(0, first - 1))] = leaf_hash(b"forged")
    honest, forged = by_definition(leaves[:first]), by_definition(changed)
    assert is_consistent(
        first, second, honest, by_definition(leaves), consistency_proof(first, second, nodes_of(leaves))
    )
    assert not is_consistent(first, second, honest, forged, consistency_proof(first, second, nodes_of(changed)))
    assert not is_consistent(first, second, honest, forged, consistency_proof(first, second, nodes_of(leaves)))


def test_a_path_that_ends_before_the_trees_own_height_proves_nothing() -> None:
    """Each of these ends at the right hash; the tree of that size would need more steps."""
    one, two = made(2)
    both = node_hash(one, two)
    assert is_included(one, 0, 1, [], one)
    assert not is_included(one, 0, 2, [], one)
    assert is_included(one, 0, 2, [two], both)
    assert not is_included(one, 0, 3, [two], both)
    assert is_consistent(1, 2, one, both, [two])
    assert not is_consistent(1, 3, one, both, [two])
    assert not is_consistent(1, 5, one, both, [two])


def test_consistency_of_equal_empty_and_shrunk_trees() -> None:
    one, two = made(2)
    assert is_consistent(3, 3, one, one, [])
    assert not is_consistent(3, 3, one, two, [])
    assert not is_consistent(3, 3, one, one, [two])
    assert is_consistent(0, 5, EMPTY_ROOT, one, [])
    assert not is_consistent(0, 5, two, one, [])
    assert not is_consistent(5, 3, one, two, [two])
    assert not is_consistent(3, 5, one, two, [])


@given(sizes=st.lists(st.integers(0, 3 << TILE_LEVEL), min_size=1, max_size=4), data=st.data())
def test_tiles_give_every_node_that_all_leaves_would_give(sizes: list[int], data: st.DataObject) -> None:
    leaves, tiles = made(sum(sizes)), Tiles()
    for size in sizes:
        tiles.extend(leaves[tiles.size : tiles.size + size])
    assert tiles.root == root_of(leaves)
    read: list[int] = []

    def leaves_between(low: int, high: int) -> Sequence[bytes]:
        read.append(high - low)
        return leaves[low:high]

    if leaves:
        index = data.draw(st.integers(0, len(leaves) - 1))
        path = inclusion_proof(index, len(leaves), tiles.nodes(leaves_between))
        assert is_included(leaves[index], index, len(leaves), path, tiles.root)
        assert sum(read) <= 2 << TILE_LEVEL


@given(before=st.integers(0, 200), after=st.integers(0, 50))
def test_a_frontier_goes_on_from_where_it_was(before: int, after: int) -> None:
    leaves = made(before + after)
    first = Frontier()
    completed = [each for leaf in leaves[:before] for each in first.append(leaf)]
    nodes = {(level, index): found for level, index, found in completed}
    edge, low = [], 0
    for level in reversed(range(before.bit_length())):
        if before >> level & 1:
            edge.append(nodes[level, low >> level])
            low += 1 << level
    later = Frontier(before, edge)
    later.extend(leaves[before:])
    assert later.root == root_of(leaves)


@pytest.mark.parametrize("call", [
    lambda nodes: inclusion_proof(5, 5, nodes),
    lambda nodes: inclusion_proof(-1, 5, nodes),
    lambda nodes: consistency_proof(0, 5, nodes),
    lambda nodes: consistency_proof(4, 3, nodes),
    lambda nodes: root_at(-1, nodes),
    lambda _nodes: Frontier(3, [b""]),
], ids=["beyond", "negative leaf", "from nothing", "backwards", "negative size", "wrong edge"])  # fmt: skip
def test_what_no_tree_has_is_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(SyncUsageError):
        call(nodes_of(made(5)))
