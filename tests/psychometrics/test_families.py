"""Array curves: equal to the engine's, derivatives equal to finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import irt
from psychometrics import families
from psychometrics.items import ItemParameters, to_slope_intercept

THETA = np.linspace(-4.0, 4.0, 9)
ITEMS = {
    "power": ItemParameters("p", "gpcm", 1.2, (-0.7, 0.4, 1.1)),
    "nominal": ItemParameters("n", "nominal", slopes=(0.6, 1.5), intercepts=(0.2, -0.4)),
    "graded": ItemParameters("g", "graded", 1.4, (-1.0, 0.1, 1.3)),
    "3pl": ItemParameters("c", "3pl", 1.7, (0.4,), 0.22),
}
FAMILIES = tuple(ITEMS)


def _values(family: families.Family) -> np.ndarray:
    return to_slope_intercept(ITEMS[family]).values[None, :]


@pytest.mark.parametrize("family", FAMILIES)
def test_log_probabilities_are_the_engines(family: families.Family) -> None:
    found = families.log_probabilities(family, _values(family), THETA)[0]
    expected = np.array([irt.log_probabilities(ITEMS[family].to_engine(), x) for x in THETA.tolist()]).T
    np.testing.assert_allclose(found, expected, atol=1e-13)


@pytest.mark.parametrize("family", FAMILIES)
def test_ability_derivatives_are_the_engines(family: families.Family) -> None:
    found = families.theta_curves(family, _values(family), THETA)
    for k, x in enumerate(THETA.tolist()):
        first, second = irt.log_derivatives(ITEMS[family].to_engine(), x)
        np.testing.assert_allclose(found.first[0, :, k], first, atol=1e-12)
        np.testing.assert_allclose(found.second[0, :, k], second, atol=1e-12)
        assert found.information[0, k] == pytest.approx(irt.information(ITEMS[family].to_engine(), x), rel=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_parameter_derivatives_agree_with_finite_differences(family: families.Family) -> None:
    values, h = _values(family), 1e-6
    slopes = families.curves(family, values, THETA).slopes
    for k in range(values.shape[1]):
        step = np.zeros_like(values)
        step[0, k] = h
        up, down = (families.log_probabilities(family, values + s, THETA) for s in (step, -step))
        np.testing.assert_allclose(slopes[:, k], (up - down) / (2 * h), atol=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_observed_information_agrees_with_finite_differences(family: families.Family) -> None:
    values, h = _values(family), 1e-6
    at = families.curves(family, values, THETA)
    counts = np.random.default_rng(5).random(at.log_p.shape) * 5.0
    information = families.observed_information(family, values, THETA, counts)[0]
    if family in {"power", "nominal"}:
        counts = at.p * counts.sum(axis=1, keepdims=True)
    for k in range(values.shape[1]):
        step = np.zeros_like(values)
        step[0, k] = h
        up, down = (families.curves(family, values + s, THETA).slopes for s in (step, -step))
        expected = -np.einsum("nkq,npkq->p", counts, (up - down) / (2 * h))
        np.testing.assert_allclose(information[k], expected, atol=1e-6)


@given(st.lists(st.floats(-30.0, 30.0), min_size=1, max_size=8))
def test_logistic_and_softplus_never_overflow(values: list[float]) -> None:
    z = np.array([*values, -800.0, 800.0])
    assert np.isfinite(families.softplus(z)).all()
    np.testing.assert_allclose(families.logistic(z) + families.logistic(-z), 1.0, atol=1e-15)
