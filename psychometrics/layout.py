"""Where each parameter lives: items in families, the ability distribution of each group, and which of them are free.

The full vector holds the values of all items (slope and intercept form), then the mean and log standard deviation of
each group, then the regression coefficients. The free vector is shorter: some values are fixed, some share one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from psychometrics.arrays import count_into
from psychometrics.families import Curves, Family, curves, family_of, n_values
from psychometrics.items import Model

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FIXED = -1


@dataclass(frozen=True, slots=True)
class Bank:
    """Items of one family and number of categories, computed together.

    Attributes:
        items: item numbers, shape (n,).
        places: places of their values in the full vector, shape (n, n_values).
    """

    family: Family
    n_steps: int
    items: IntArray
    places: IntArray


@dataclass(frozen=True)
class Layout:
    """The places of all parameters.

    Attributes:
        models: one for each item.
        n_steps: categories above 0 of each item, shape (n_items,).
        n_groups, n_covariates: of the ability distribution.
        free: for each place of the full vector its place in the free vector, or FIXED; shape (n_full,).
        start: full vector to start from; fixed values stay as they are here.
    """

    models: tuple[Model, ...]
    n_steps: IntArray
    n_groups: int
    n_covariates: int
    free: IntArray
    start: FloatArray

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.models)

    @cached_property
    def offsets(self) -> IntArray:
        """First place of each item's values, and one past the last; shape (n_items + 1,)."""
        return value_offsets(self.models, self.n_steps)

    @cached_property
    def banks(self) -> tuple[Bank, ...]:
        """All items, by family and number of categories."""
        forms: dict[tuple[Family, int], list[int]] = {}
        for k, model in enumerate(self.models):
            forms.setdefault((family_of(model), int(self.n_steps[k])), []).append(k)
        return tuple(
            Bank(
                family,
                steps,
                np.array(items),
                self.offsets[items][:, None] + np.arange(n_values(family, steps)),
            )
            for (family, steps), items in forms.items()
        )

    @cached_property
    def slope_places(self) -> IntArray:
        """Places of all slopes."""
        widths = ((bank, bank.n_steps if bank.family == "nominal" else 1) for bank in self.banks)
        return np.concatenate([bank.places[:, :width].ravel() for bank, width in widths])

    @property
    def first_mean(self) -> int:
        """Place of the first group's mean."""
        return int(self.offsets[-1])

    @property
    def first_log_sd(self) -> int:
        """Place of the first group's log standard deviation."""
        return self.first_mean + self.n_groups

    @property
    def first_coefficient(self) -> int:
        """Place of the first regression coefficient."""
        return self.first_mean + 2 * self.n_groups

    @property
    def n_full(self) -> int:
        """Length of the full vector."""
        return self.first_coefficient + self.n_covariates

    @cached_property
    def n_free(self) -> int:
        """Length of the free vector."""
        return int(self.free.max(initial=FIXED)) + 1

    @cached_property
    def has_ties(self) -> bool:
        """Whether some free value stands in several places."""
        return int((self.free >= 0).sum()) > self.n_free

    @cached_property
    def spread_matrix(self) -> FloatArray:
        """Matrix of zeros and ones from free to full, shape (n_full, n_free)."""
        out = np.zeros((self.n_full, self.n_free))
        places = np.flatnonzero(self.free >= 0)
        out[places, self.free[places]] = 1.0
        return out

    def full(self, free: FloatArray) -> FloatArray:
        """The full vector of a free one."""
        out = self.start.copy()
        places = self.free >= 0
        out[places] = free[self.free[places]]
        return out

    def start_free(self) -> FloatArray:
        """The free vector of the start."""
        out = np.zeros(self.n_free)
        places = self.free >= 0
        out[self.free[places]] = self.start[places]
        return out

    def fold_vector(self, full: FloatArray) -> FloatArray:
        """A gradient in the full vector as one in the free vector."""
        places = self.free >= 0
        return count_into(self.free[places], full[places], self.n_free)

    def fold_matrix(self, full: FloatArray) -> FloatArray:
        """A second derivative in the full vector as one in the free vector."""
        if self.has_ties:
            return self.spread_matrix.T @ full @ self.spread_matrix
        places = np.flatnonzero(self.free >= 0)
        order = places[np.argsort(self.free[places])]
        return full[np.ix_(order, order)]

    def curves(self, full: FloatArray, theta: FloatArray) -> tuple[Curves, ...]:
        """Curves of each bank."""
        return tuple(curves(bank.family, full[bank.places], theta) for bank in self.banks)


def value_offsets(models: Sequence[Model], n_steps: IntArray) -> IntArray:
    """First place of each item's values, and one past the last; shape (n_items + 1,)."""
    lengths = [n_values(family_of(model), int(steps)) for model, steps in zip(models, n_steps, strict=True)]
    return np.concatenate(([0], np.cumsum(lengths)))


def number_free(is_free: NDArray[np.bool_], ties: Sequence[IntArray]) -> IntArray:
    """Places in the free vector: each free value its own, the places of a tie one together.

    Args:
        is_free: shape (n_full,).
        ties: sets of places that share one value.
    """
    leader = np.arange(len(is_free))
    for tie in ties:
        leader[tie] = tie[0] if len(tie) else leader[tie]
    out = np.full(len(is_free), FIXED)
    leaders = np.unique(leader[is_free])
    numbers = np.full(len(is_free), FIXED)
    numbers[leaders] = np.arange(len(leaders))
    out[is_free] = numbers[leader[is_free]]
    return out
