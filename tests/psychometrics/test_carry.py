"""Cut scores carried to the next period, with the linking's error in the classification."""

from __future__ import annotations

import numpy as np
import pytest

from psychometrics.carry import carry, classify_carried
from psychometrics.errors import CutErrorsError
from psychometrics.exact import classify, evaluate, normal_weights
from psychometrics.levels import level_table, population_grid
from psychometrics.linking import Linking
from psychometrics.panels import panel_items
from tests.strategies import CUTS, LEVELS, panel

LINE_COVARIANCE = np.array([[0.002, -0.001], [-0.001, 0.004]])


def line(slope: float = 1.2, intercept: float = -0.3, covariance: np.ndarray = LINE_COVARIANCE) -> Linking:
    return Linking("stocking-lord", slope, intercept, covariance, np.zeros((2, 2)), (), "")


def test_carried_cut_scores_are_the_same_abilities() -> None:
    carried = carry(CUTS, line())
    np.testing.assert_allclose(line().theta(carried.cuts), CUTS, atol=1e-14)


def test_linking_error_of_a_cut_is_the_spread_over_drawn_lines() -> None:
    carried = carry(CUTS, line())
    drawn = np.random.default_rng(3).multivariate_normal([1.2, -0.3], LINE_COVARIANCE, 40_000)
    cuts = (np.array(CUTS) - drawn[:, 1:]) / drawn[:, :1]
    np.testing.assert_allclose(carried.linking_error, cuts.std(axis=0), rtol=0.03)
    np.testing.assert_allclose(carried.covariance, np.cov(cuts.T), atol=5e-4)


def test_the_standards_own_error_adds_to_the_linking_error() -> None:
    carried = carry(CUTS, line(), [0.06] * 4)
    np.testing.assert_allclose(carried.standard_error, 0.05)
    np.testing.assert_allclose(carried.errors**2, carried.linking_error**2 + 0.05**2)


def test_uncertain_cut_scores_cost_accuracy_and_certain_ones_nothing() -> None:
    of = panel_items(panel()).model
    theta = population_grid(0.0, 1.5)
    weights = normal_weights(theta, sd=1.5)
    table = level_table(of, LEVELS, CUTS, prior_sd=1.5)
    evaluation = evaluate(of, theta)
    exact = classify(evaluation, table.numbers, np.array(CUTS), weights)
    certain = classify_carried(evaluation, table.numbers, carry(CUTS, line(1.0, 0.0, np.zeros((2, 2)))), weights)
    assert certain.accuracy == pytest.approx(exact.accuracy)
    unsure = carry(CUTS, line(1.0, 0.0), [0.2] * 4)
    found = classify_carried(evaluation, table.numbers, unsure, weights)
    assert found.accuracy < exact.accuracy
    rng = np.random.default_rng(5)
    drawn = rng.multivariate_normal(unsure.cuts, unsure.covariance, 400)
    by_draws = np.mean([classify(evaluation, table.numbers, np.sort(cuts), weights).accuracy for cuts in drawn])
    assert found.accuracy == pytest.approx(by_draws, abs=4e-3)


def test_each_cut_needs_its_standard_error() -> None:
    with pytest.raises(CutErrorsError, match="2 standard errors for 4 cut scores"):
        carry(CUTS, line(), [0.1, 0.1])
