"""Small things said once."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from psychometrics import arrays


def _threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_linear_algebra_has_one_thread_inside_and_its_own_number_after() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        before = _threads()
        assert arrays.on_one_thread(_threads)() == {1}
        assert _threads() == before


def test_threads_come_back_even_when_the_work_fails() -> None:
    def fails() -> None:
        raise ValueError

    with threadpool_limits(limits=2, user_api="blas"):
        before = _threads()
        try:
            arrays.on_one_thread(fails)()
        except ValueError:
            assert _threads() == before
        else:
            raise AssertionError


def test_least_squares_leaves_out_weak_directions() -> None:
    matrix = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-14]])
    np.testing.assert_allclose(arrays.least_squares(matrix, np.array([2.0, 2.0]), 1e-10), [1.0, 1.0])


def test_counting_into_places_sums_the_weights() -> None:
    found = arrays.count_into(np.array([0, 2, 2]), np.array([1.0, 0.5, 0.25]), 4)
    assert found.tolist() == [1.0, 0.0, 0.75, 0.0]
    assert arrays.joined([]).tolist() == []
