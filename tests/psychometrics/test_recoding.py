"""Category codes, and what a look at the data finds before a model does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from psychometrics.data import ResponseMatrix
from psychometrics.errors import NoResponsesError
from psychometrics.recoding import Census, Recoding, column_counts


def _data(rows: list[list[int]], groups: list[str] | None = None) -> ResponseMatrix:
    scores = np.array(rows, dtype=np.int8)
    names = tuple(f"i{k}" for k in range(scores.shape[1]))
    return ResponseMatrix(scores, names, groups=None if groups is None else np.array(groups))


@given(arrays.arrays(np.int8, (12, 4), elements=st.integers(-2, 6)))
def test_codes_become_their_places_and_missing_stays_missing(scores: np.ndarray) -> None:
    data = ResponseMatrix(scores, tuple("abcd"))
    recoding = Census.of([data]).recoding()
    found = recoding.apply(data).scores
    np.testing.assert_array_equal(found < 0, scores < 0)
    np.testing.assert_array_equal(found[scores < 0], scores[scores < 0])
    for k in range(4):
        seen = np.unique(scores[:, k][scores[:, k] >= 0])
        np.testing.assert_array_equal(
            found[:, k][scores[:, k] >= 0], np.searchsorted(seen, scores[:, k][scores[:, k] >= 0])
        )


def test_a_code_never_seen_before_is_the_category_below_it() -> None:
    recoding = Recoding(("i0",), ((1, 3, 4),))
    assert recoding.apply(_data([[0], [1], [2], [3], [4], [9], [-1], [-2]])).scores[:, 0].tolist() == [
        0, 0, 0, 1, 2, 2, -1, -2,
    ]  # fmt: skip


def test_what_was_done_is_told_in_sentences() -> None:
    recoding = Recoding(("a", "b", "c"), ((0, 1), (1, 2), (0, 2, 3)))
    assert recoding.sentences() == [
        "Categories of b begin at 1 or above; the lowest was taken as 0.",
        "Item 'c' never has some of its categories; codes (0, 2, 3) were taken as 0 to 2.",
    ]
    assert recoding.n_steps.tolist() == [1, 1, 2]


def test_chunks_are_counted_together() -> None:
    first = _data([[0, 1, -1], [1, 1, -1]], ["x", "y"])
    second = _data([[-1, 0, 1]], ["z"])
    census = Census.of([first, second])
    assert census.counts[:, :2].tolist() == [[1, 1], [1, 2], [0, 1]]
    assert census.group_names == ("x", "y", "z")
    assert census.n_persons == 3
    assert census.together.tolist() == [[True, True, False], [True, True, True], [False, True, True]]
    with pytest.raises(NoResponsesError):
        Census.of([])


def test_few_responses_are_told_by_name() -> None:
    rows = [[0, 0], [1, 1]] * 100 + [[2, -1]] * 3
    data = _data(rows)
    data.scores[60:, 1] = -1
    sentences = Census.of([data]).warnings(())
    assert sentences == [
        "Fewer than 100 responses to i1; their errors are wide.",
        "A category with fewer than 5 responses in i0; its threshold is weak.",
    ]
    assert Census.of([data]).warnings(("i0", "i1")) == []


@given(arrays.arrays(np.bool_, (30, 3)), arrays.arrays(np.float64, 30, elements=st.floats(0.0, 9.0)))
def test_columns_are_counted_with_and_without_weights(is_true: np.ndarray, weights: np.ndarray) -> None:
    np.testing.assert_array_equal(column_counts(is_true, None), is_true.sum(axis=0))
    np.testing.assert_allclose(column_counts(is_true, weights), (is_true * weights[:, None]).sum(axis=0), atol=1e-12)
