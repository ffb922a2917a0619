"""The climb, on hills whose top is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from psychometrics.ascent import LONGEST_STEP, Point, capped, climb


@dataclass
class Bowl:
    """Height -(x - top)' A (x - top) / 2, with a share of the Newton step as EM step."""

    matrix: np.ndarray
    top: np.ndarray
    share: float
    informations: int = 0

    def look(self, x: np.ndarray) -> Point:
        away = x - self.top
        gradient = -self.matrix @ away
        return Point(x, float(-away @ self.matrix @ away / 2.0), gradient, -self.share * away)

    def information(self, x: np.ndarray) -> np.ndarray:
        assert x.shape == self.top.shape
        self.informations += 1
        return self.matrix


def _bowl(share: float) -> Bowl:
    rng = np.random.default_rng(1)
    half = rng.normal(size=(6, 6))
    return Bowl(half @ half.T + np.eye(6), rng.normal(size=6), share)


@pytest.mark.parametrize("newton_below", [0.0, 0.05, 1e9])
def test_the_top_is_reached_with_and_without_newton(newton_below: float) -> None:
    bowl = _bowl(0.2)
    found = climb(bowl, np.zeros(6), tolerance=1e-9, max_sweeps=200, newton_below=newton_below)
    assert found.is_at_top
    np.testing.assert_allclose(found.top.x, bowl.top, atol=1e-9)


def test_acceleration_needs_far_fewer_sweeps_than_steps_alone() -> None:
    """Steps of a fiftieth would need about a thousand sweeps."""
    found = climb(_bowl(0.02), np.zeros(6), tolerance=1e-9, max_sweeps=100, newton_below=0.0)
    assert found.is_at_top
    assert found.sweeps < 40


def test_a_kept_second_derivative_serves_more_than_one_step() -> None:
    bowl = _bowl(0.1)
    found = climb(bowl, np.zeros(6), tolerance=1e-10, max_sweeps=100, newton_below=1e9)
    assert found.newton_steps >= 1
    assert bowl.informations <= found.newton_steps


@dataclass
class Cliff:
    """log x - x, impossible at and below zero; the first step offered leads there."""

    heights: list[float] = field(default_factory=list[float])

    def look(self, x: np.ndarray) -> Point:
        if x[0] <= 0.0:
            return Point(x, float("nan"), np.zeros(1), np.zeros(1))
        self.heights.append(float(np.log(x[0]) - x[0]))
        gradient = 1.0 / x - 1.0
        return Point(x, self.heights[-1], gradient, 4.0 * gradient)

    def information(self, x: np.ndarray) -> np.ndarray:
        return np.array([[1.0 / x[0] ** 2]])


def test_impossible_places_are_stepped_back_from() -> None:
    found = climb(Cliff(), np.array([3.0]), tolerance=1e-10, max_sweeps=200)
    assert found.is_at_top
    assert found.top.x[0] == pytest.approx(1.0, abs=1e-9)


def test_what_cannot_be_reached_in_time_is_said() -> None:
    found = climb(_bowl(0.01), np.zeros(6), tolerance=1e-12, max_sweeps=3, newton_below=0.0)
    assert not found.is_at_top
    assert found.sweeps == 3


def test_long_steps_keep_their_direction() -> None:
    step = capped(np.array([3.0, -6.0]))
    np.testing.assert_allclose(step, [0.5 * LONGEST_STEP, -LONGEST_STEP])
    np.testing.assert_array_equal(capped(np.array([0.1, 0.2])), [0.1, 0.2])
