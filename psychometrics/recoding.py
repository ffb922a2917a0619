"""Categories as 0, 1, 2, … however they were coded, and the guards that look at the data before a model does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from psychometrics.blocks import same_rows
from psychometrics.data import HIGHEST_SCORE, ResponseMatrix
from psychometrics.errors import (
    DisconnectedError,
    NoResponsesError,
    NoVarianceError,
    TooFewResponsesError,
    TooManyCategoriesError,
    named,
)

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

FEWEST_RESPONSES = 10
FEW_RESPONSES = 100
FEW_IN_CATEGORY = 5
MOST_CATEGORIES = 20
EXACT_ROWS = 1 << 20
"""Single precision counts this many exactly."""


@dataclass(frozen=True, slots=True)
class Recoding:
    """For each item the codes of its categories, in order: the score of a code is its place.

    Attributes:
        codes: one tuple for each item.
    """

    item_ids: tuple[str, ...]
    codes: tuple[tuple[int, ...], ...]

    @property
    def n_steps(self) -> IntArray:
        """Categories above 0 of each item, at least 1; shape (n_items,)."""
        return np.array([max(1, len(codes) - 1) for codes in self.codes], dtype=np.int64)

    @property
    def changed(self) -> dict[str, tuple[int, ...]]:
        """The items whose codes are not already 0, 1, 2, …."""
        return {
            item: codes
            for item, codes in zip(self.item_ids, self.codes, strict=True)
            if codes != tuple(range(len(codes)))
        }

    def apply(self, data: ResponseMatrix) -> ResponseMatrix:
        """The data with every code replaced by its place; unknown codes become the nearest lower category."""
        if not self.changed:
            return data
        scores = data.scores.copy()
        for k, codes in enumerate(self.codes):
            if codes == tuple(range(len(codes))):
                continue
            table = np.arange(-2, HIGHEST_SCORE + 1, dtype=np.int8)
            ranks = np.searchsorted(np.array(codes), np.arange(HIGHEST_SCORE + 1), side="right") - 1
            table[2:] = np.maximum(ranks, 0)
            scores[:, k] = table[data.scores[:, k].astype(np.int64) + 2]
        return replace(data, scores=scores)

    def sentences(self) -> list[str]:
        """What was done, one sentence for each kind of change."""
        out: list[str] = []
        shifted = [item for item, codes in self.changed.items() if np.all(np.diff(codes) == 1)]
        gaps = [item for item in self.changed if item not in shifted]
        if shifted:
            lowest = min(self.changed[item][0] for item in shifted)
            out.append(f"Categories of {named(shifted)} begin at {lowest} or above; the lowest was taken as 0.")
        out.extend(
            f"Item '{item}' never has some of its categories; codes {self.changed[item]} were taken as 0 to "
            f"{len(self.changed[item]) - 1}."
            for item in gaps
        )
        return out


def column_counts(is_true: BoolArray, weights: FloatArray | None) -> FloatArray:
    """Weighted number of true cells in each column, shape (n_columns,); a matrix product beats counting by far."""
    if weights is not None:
        return weights @ is_true
    out = np.zeros(is_true.shape[1])
    for start in range(0, len(is_true), EXACT_ROWS):
        part = is_true[start : start + EXACT_ROWS].astype(np.float32)
        out += np.ones(len(part), dtype=np.float32) @ part
    return out


@dataclass(slots=True)
class Census:
    """Counts over all chunks: how often each code occurs, who answered what together, which groups there are."""

    item_ids: tuple[str, ...]
    covariate_names: tuple[str, ...]
    counts: IntArray
    together: BoolArray
    weight_of_persons: float = 0.0
    groups: frozenset[str] = frozenset()

    @classmethod
    def of(cls, chunks: Iterable[ResponseMatrix]) -> Census:
        """Count persons, codes, groups, and pairs of items with a common person.

        Raises:
            NoResponsesError: there are no chunks.
        """
        census: Census | None = None
        for chunk in chunks:
            if census is None:
                n = chunk.n_items
                counts = np.zeros((n, HIGHEST_SCORE + 1), np.int64)
                census = cls(chunk.item_ids, chunk.covariate_names, counts, np.zeros((n, n), dtype=np.bool_))
            census.add(chunk)
        if census is None:
            raise NoResponsesError("responses", 0, 0)
        return census

    @property
    def n_persons(self) -> int:
        """Persons, a row counted as often as its weight says."""
        return round(self.weight_of_persons)

    @property
    def group_names(self) -> tuple[str, ...]:
        """All groups in sorted order; one called all when there are none."""
        return tuple(sorted(self.groups)) or ("all",)

    def add(self, chunk: ResponseMatrix) -> None:
        """Add one chunk."""
        self.weight_of_persons += float(chunk.row_weights.sum())
        if chunk.groups is not None:
            self.groups |= {str(name) for name in np.unique(chunk.groups)}
        for code in range(int(chunk.scores.max(initial=0)) + 1):
            self.counts[:, code] += np.ceil(column_counts(chunk.scores == code, chunk.weights)).astype(np.int64)
        answered = chunk.answered
        if answered.all():
            self.together[:] = True
            return
        patterns = answered[[rows[0] for rows in same_rows(answered)]].astype(np.float32)
        self.together |= (patterns.T @ patterns) > 0

    def recoding(self, fixed_codes: Mapping[str, tuple[int, ...]] | None = None) -> Recoding:
        """The codes seen of each item, or those given for it.

        Raises:
            TooManyCategoriesError: a column has so many codes that it is no item.
        """
        codes: list[tuple[int, ...]] = []
        for k, item in enumerate(self.item_ids):
            seen = (fixed_codes or {}).get(item) or tuple(np.flatnonzero(self.counts[k]).tolist())
            if len(seen) > MOST_CATEGORIES:
                raise TooManyCategoriesError(item, len(seen), MOST_CATEGORIES)
            codes.append(seen)
        return Recoding(self.item_ids, tuple(codes))

    def check_variance(self, fixed: Sequence[str]) -> None:
        """Refuse items that cannot be estimated.

        Raises:
            NoVarianceError: everyone who answered got the same score.
            TooFewResponsesError: hardly anyone answered.
        """
        free = [k for k, item in enumerate(self.item_ids) if item not in set(fixed)]
        flat = [self.item_ids[k] for k in free if np.count_nonzero(self.counts[k]) < 2]  # noqa: PLR2004 - two categories
        if flat:
            raise NoVarianceError(flat)
        rare = [self.item_ids[k] for k in free if self.counts[k].sum() < FEWEST_RESPONSES]
        if rare:
            raise TooFewResponsesError(rare, FEWEST_RESPONSES)

    def warnings(self, fixed: Sequence[str]) -> list[str]:
        """Sentences about items with few responses in all or in a category."""
        free = [k for k, item in enumerate(self.item_ids) if item not in set(fixed)]
        few = [self.item_ids[k] for k in free if self.counts[k].sum() < FEW_RESPONSES]
        thin = [
            self.item_ids[k]
            for k in free
            if self.item_ids[k] not in few and self.counts[k][self.counts[k] > 0].min() < FEW_IN_CATEGORY
        ]
        out: list[str] = []
        if few:
            out.append(f"Fewer than {FEW_RESPONSES} responses to {named(few)}; their errors are wide.")
        if thin:
            out.append(
                f"A category with fewer than {FEW_IN_CATEGORY} responses in {named(thin)}; its threshold is weak."
            )
        return out

    def check_connection(self, fixed: Sequence[str]) -> None:
        """Refuse designs that fall apart; anchors join, since they lie on one scale.

        Raises:
            DisconnectedError: parts without a common item, person or anchor.
        """
        together = self.together.copy()
        anchors = [k for k, item in enumerate(self.item_ids) if item in set(fixed)]
        together[np.ix_(anchors, anchors)] = True
        n_parts, part = connected_components(coo_array(together.astype(np.int8)), directed=False)
        if n_parts > 1:
            raise DisconnectedError(
                [[self.item_ids[k] for k in np.flatnonzero(part == number)] for number in range(n_parts)]
            )
