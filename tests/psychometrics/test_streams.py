"""One stream a simulee: the same numbers as numpy's Philox, and none used twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from psychometrics.streams import uniforms

WORD = st.integers(0, 2**64 - 1)


@given(WORD, st.lists(WORD, min_size=1, max_size=4), st.integers(1, 23))
def test_streams_are_numpys_philox_bit_for_bit(seed: int, simulees: list[int], count: int) -> None:
    drawn = uniforms(seed, np.array(simulees, dtype=np.uint64), count)
    for row, simulee in zip(drawn, simulees, strict=True):
        key = np.array([seed, simulee], dtype=np.uint64)
        np.testing.assert_array_equal(row, np.random.Generator(np.random.Philox(key=key)).random(count))


def test_no_two_simulees_share_a_number_and_no_number_repeats_in_a_stream() -> None:
    drawn = uniforms(5, np.arange(3000, dtype=np.uint64), 50)
    assert len(np.unique(drawn)) == drawn.size


def test_blocks_of_simulees_do_not_change_their_streams() -> None:
    whole = uniforms(9, np.arange(2500, dtype=np.uint64), 13)
    for start in (0, 1023, 1024, 2499):
        one = uniforms(9, np.array([start], dtype=np.uint64), 13)
        np.testing.assert_array_equal(one[0], whole[start])


def test_numbers_are_uniform_and_uncorrelated_along_a_stream() -> None:
    drawn = uniforms(1, np.arange(20_000, dtype=np.uint64), 8)
    assert abs(drawn.mean() - 0.5) < 4 / np.sqrt(12 * drawn.size)
    correlations = np.corrcoef(drawn.T) - np.eye(8)
    assert np.abs(correlations).max() < 4.5 / np.sqrt(len(drawn))
