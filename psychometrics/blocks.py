"""Persons grouped by the items they answered, so that a cell which was never given costs nothing.

Everyone in a block has the same items and the same group. Persons whose pattern of presented items is rare share one
block in which missing cells are marked. Equal response patterns are counted once when there are few possible ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from psychometrics.data import ResponseMatrix

ScoreArray = NDArray[np.int8]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

RARE_PATTERN = 48
"""Fewer persons than this on one pattern of items are cheaper in a common block with marks."""


@dataclass(frozen=True, slots=True)
class Block:
    """Persons of one group with the same items.

    Attributes:
        items: column numbers, shape (n_items,).
        scores: int8, shape (n_persons, n_items); -1 where missing if `is_masked`.
        weights: number of persons each row stands for, shape (n_persons,).
        squared_weights: what each row weighs in robust standard errors. Whole weights are frequencies, so many persons
            alike, and weigh the same there; others are sampling weights, and weigh their squares.
        group: group number.
        covariates: shape (n_persons, n_covariates).
        rows: row numbers in the response matrix; empty when patterns were merged.
        is_masked: whether cells may be missing.
    """

    items: IntArray
    scores: ScoreArray
    weights: FloatArray
    squared_weights: FloatArray
    group: int
    covariates: FloatArray
    rows: IntArray
    is_masked: bool

    @property
    def n_persons(self) -> int:
        """Number of rows."""
        return int(self.scores.shape[0])


def row_keys(array: NDArray[np.int8] | BoolArray) -> NDArray[np.uint64]:
    """One number for each row, equal for equal rows and (all but surely) different for others; shape (n_rows,)."""
    packed = np.packbits(array, axis=1) if array.dtype == np.bool_ else array.astype(np.uint8)
    pad = -packed.shape[1] % 8
    words = np.ascontiguousarray(np.pad(packed, ((0, 0), (0, pad)))).view(np.uint64)
    keys = np.full(len(words), 0x9E3779B97F4A7C15, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for word in words.T:
            keys = (keys ^ word) * np.uint64(0xBF58476D1CE4E5B9)
            keys ^= keys >> np.uint64(29)
    return keys


def same_rows(array: NDArray[np.int8] | BoolArray) -> Iterator[IntArray]:
    """Row numbers of each set of equal rows, in order of first appearance."""
    keys = row_keys(array)
    _, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(counts)
    for k in np.argsort(first, kind="stable"):
        yield order[ends[k] - counts[k] : ends[k]]


def make_blocks(chunks: Iterable[ResponseMatrix], group_names: tuple[str, ...], categories: IntArray) -> list[Block]:
    """The blocks of all chunks.

    Args:
        chunks: parts of the data with the same items; scores below 0 count as missing.
        group_names: all groups in order.
        categories: number of categories of each item, shape (n_items,).
    """
    parts = [block for chunk in chunks for block in _blocks_of(chunk, group_names)]
    merged = [_stack(same) for same in _by_form(parts)]
    return [_counted_once(block, categories) for block in merged]


def _blocks_of(data: ResponseMatrix, group_names: tuple[str, ...]) -> Iterator[Block]:
    answered = data.answered
    number = {name: k for k, name in enumerate(group_names)}
    groups = (
        np.zeros(data.n_persons, dtype=np.int64)
        if data.groups is None
        else np.array([number[str(name)] for name in data.groups], dtype=np.int64)
    )
    for group in range(len(group_names)):
        members = np.flatnonzero(groups == group)
        rare: list[IntArray] = []
        for found in same_rows(answered[members]):
            rows = members[found]
            if not answered[rows[0]].any():
                continue
            if len(rows) < RARE_PATTERN and len(rows) < len(members):
                rare.append(rows)
            else:
                yield _block(data, rows, np.flatnonzero(answered[rows[0]]), group)
        if rare:
            rows = np.sort(np.concatenate(rare))
            yield _block(data, rows, np.flatnonzero(answered[rows].any(axis=0)), group)


def _block(data: ResponseMatrix, rows: IntArray, items: IntArray, group: int) -> Block:
    scores = np.ascontiguousarray(data.scores[np.ix_(rows, items)])
    missing = scores < 0
    is_masked = bool(missing.any())
    weights = data.row_weights[rows].astype(np.float64)
    is_frequency = bool((weights == np.round(weights)).all())
    return Block(
        items=items,
        scores=np.where(missing, np.int8(-1), scores) if is_masked else scores,
        weights=weights,
        squared_weights=weights if is_frequency else weights**2,
        group=group,
        covariates=np.zeros((len(rows), 0)) if data.covariates is None else data.covariates[rows],
        rows=rows,
        is_masked=is_masked,
    )


def _by_form(parts: list[Block]) -> Iterator[list[Block]]:
    """Blocks that can be stacked: same items, group and kind."""
    forms: dict[tuple[bytes, int, bool], list[Block]] = {}
    for part in parts:
        forms.setdefault((part.items.tobytes(), part.group, part.is_masked), []).append(part)
    yield from forms.values()


def _stack(blocks: list[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    first = blocks[0]
    return Block(
        items=first.items,
        scores=np.concatenate([block.scores for block in blocks]),
        weights=np.concatenate([block.weights for block in blocks]),
        squared_weights=np.concatenate([block.squared_weights for block in blocks]),
        group=first.group,
        covariates=np.concatenate([block.covariates for block in blocks]),
        rows=np.concatenate([block.rows for block in blocks]),
        is_masked=first.is_masked,
    )


def _counted_once(block: Block, categories: IntArray) -> Block:
    """Equal patterns merged, when there are so few possible ones that it pays."""
    possible = prod(int(k) + block.is_masked for k in categories[block.items])
    if possible > block.n_persons or block.covariates.shape[1]:
        return block
    sets = list(same_rows(block.scores))
    firsts = np.array([rows[0] for rows in sets])
    return Block(
        items=block.items,
        scores=block.scores[firsts],
        weights=np.array([block.weights[rows].sum() for rows in sets]),
        squared_weights=np.array([block.squared_weights[rows].sum() for rows in sets]),
        group=block.group,
        covariates=block.covariates[firsts],
        rows=np.zeros(0, dtype=np.int64),
        is_masked=block.is_masked,
    )
