"""Where parameters live: fixed, free and shared places."""

from __future__ import annotations

import numpy as np

from psychometrics.items import Model
from psychometrics.layout import FIXED, Layout, number_free, value_offsets

MODELS: tuple[Model, ...] = ("1pl", "gpcm", "1pl", "nominal", "3pl")
STEPS = np.array([1, 2, 1, 2, 1])


def _layout() -> Layout:
    offsets = value_offsets(MODELS, STEPS)
    start = np.arange(float(offsets[-1]) + 4.0)
    is_free = np.ones(len(start), dtype=np.bool_)
    is_free[[offsets[-1], offsets[-1] + 2]] = False
    tie = np.array([offsets[0], offsets[2]])
    return Layout(MODELS, STEPS, 2, 0, number_free(is_free, [tie]), start)


def test_each_value_has_its_place() -> None:
    layout = _layout()
    assert layout.offsets.tolist() == [0, 2, 5, 7, 11, 14]
    assert (layout.first_mean, layout.first_log_sd, layout.n_full) == (14, 16, 18)
    places = np.sort(np.concatenate([bank.places.ravel() for bank in layout.banks]))
    assert places.tolist() == list(range(14))
    assert sorted(layout.slope_places.tolist()) == [0, 2, 5, 7, 8, 11]


def test_fixed_places_keep_their_start_and_shared_ones_move_together() -> None:
    layout = _layout()
    assert layout.free[14] == layout.free[16] == FIXED
    assert layout.free[0] == layout.free[5]
    assert layout.n_free == layout.n_full - 3
    assert layout.has_ties
    full = layout.full(np.full(layout.n_free, -1.0))
    assert full[[14, 16]].tolist() == [14.0, 16.0]
    assert np.count_nonzero(full == -1.0) == layout.n_full - 2


def test_folding_is_the_transpose_of_spreading() -> None:
    layout = _layout()
    rng = np.random.default_rng(2)
    vector, half = rng.normal(size=layout.n_full), rng.normal(size=(layout.n_full, layout.n_full))
    matrix = half + half.T
    np.testing.assert_allclose(layout.fold_vector(vector), layout.spread_matrix.T @ vector)
    np.testing.assert_allclose(layout.fold_matrix(matrix), layout.spread_matrix.T @ matrix @ layout.spread_matrix)


def test_without_ties_folding_only_chooses() -> None:
    offsets = value_offsets(("2pl",), np.array([1]))
    free = number_free(np.array([True, True, False, False]), [])
    layout = Layout(("2pl",), np.array([1]), 1, 0, free, np.zeros(int(offsets[-1]) + 2))
    assert not layout.has_ties
    matrix = np.arange(16.0).reshape(4, 4)
    np.testing.assert_array_equal(layout.fold_matrix(matrix), matrix[:2, :2])
