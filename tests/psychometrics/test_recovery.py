"""Known parameters are recovered: no bias, and errors that are as large as they say.

The long form (200 replications, `./run prove`) bounds bias and coverage tightly; the short form runs each time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from psychometrics.cml import calibrate_conditional
from psychometrics.data import Design, ResponseMatrix, RoutingRule
from psychometrics.families import family_of, log_probabilities
from psychometrics.items import ItemParameters, Model, to_slope_intercept
from psychometrics.mml import Options, StandardErrors, calibrate

Z_95 = 1.959963984540054
DESIGN = Design(
    {
        "R": tuple(f"i{k}" for k in range(8)),
        "E": tuple(f"i{k}" for k in range(8, 14)),
        "H": tuple(f"i{k}" for k in range(14, 20)),
    },
    (RoutingRule("R", "E", 0, 3), RoutingRule("R", "H", 4, 8)),
)


@dataclass(frozen=True, slots=True)
class Study:
    """Mean error over replications in units of its Monte Carlo error, and the share of intervals that cover."""

    bias: np.ndarray
    z_of_bias: np.ndarray
    coverage: np.ndarray


def _items(model: Model, n: int) -> tuple[ItemParameters, ...]:
    rng = np.random.default_rng(17)
    out: list[ItemParameters] = []
    for k in range(n):
        a = 1.0 if model in {"rasch", "pcm"} else float(rng.uniform(0.8, 1.6))
        b = float(rng.normal(0.0, 0.8))
        if model == "nominal":
            out.append(ItemParameters(f"i{k}", model, slopes=(0.6, 1.2), intercepts=(0.4, b)))
        elif model in {"pcm", "gpcm", "graded"}:
            out.append(ItemParameters(f"i{k}", model, a, (b - 0.7, b + 0.7)))
        else:
            out.append(ItemParameters(f"i{k}", model, a, (b,)))
    return tuple(out)


def _draw(items: tuple[ItemParameters, ...], theta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    columns: list[np.ndarray] = []
    for item in items:
        p = np.exp(log_probabilities(family_of(item.model), to_slope_intercept(item).values[None, :], theta)[0])
        columns.append((rng.random(len(theta)) > np.cumsum(p, axis=0)).sum(axis=0).clip(0, len(p) - 1))
    return np.stack(columns, axis=1).astype(np.int8)


def _study(estimates: np.ndarray, errors: np.ndarray, truth: np.ndarray) -> Study:
    away = estimates - truth
    bias = away.mean(axis=0)
    return Study(
        bias,
        bias / (away.std(axis=0, ddof=1) / np.sqrt(len(away))),
        (np.abs(away) <= Z_95 * errors).mean(axis=0),
    )


def _marginal(
    model: Model, replications: int, n_persons: int, errors: StandardErrors, *, routed: bool = False
) -> Study:
    """Slopes and intercepts over replications."""
    items = _items(model, 20 if routed else 10)
    truth = np.concatenate([to_slope_intercept(item).values for item in items])
    estimates: list[np.ndarray] = []
    spreads: list[np.ndarray] = []
    for replication in range(replications):
        rng = np.random.default_rng((23, replication))
        scores = _draw(items, rng.standard_normal(n_persons), rng)
        if routed:
            is_high = scores[:, :8].sum(axis=1) >= 4
            scores[is_high, 8:14] = -1
            scores[~is_high, 14:] = -1
        found = calibrate(
            ResponseMatrix(scores, tuple(item.item_id for item in items)), model, Options(standard_errors=errors)
        )
        assert found.gradient_norm <= 1e-6
        estimates.append(np.concatenate([form.values for form in found.slope_intercepts]))
        spreads.append(
            np.sqrt(np.concatenate([np.diag(f.covariance) for f in found.slope_intercepts if f.covariance is not None]))
        )
    is_free = np.mean(spreads, axis=0) > 0.0
    return _study(np.array(estimates)[:, is_free], np.array(spreads)[:, is_free], truth[is_free])


def _conditional(replications: int, n_persons: int) -> Study:
    """Rasch difficulties in a routed design, the mean taken off."""
    items = _items("rasch", 20)
    b = np.array([item.b[0] for item in items])
    estimates: list[np.ndarray] = []
    spreads: list[np.ndarray] = []
    for replication in range(replications):
        rng = np.random.default_rng((29, replication))
        scores = _draw(items, rng.normal(0.3, 1.4, n_persons), rng)
        is_high = scores[:, :8].sum(axis=1) >= 4
        scores[is_high, 8:14] = -1
        scores[~is_high, 14:] = -1
        found = calibrate_conditional(ResponseMatrix(scores, tuple(item.item_id for item in items)), "rasch", DESIGN)
        estimates.append(np.array([item.b[0] for item in found.items]))
        spreads.append(np.array([item.se_b[0] for item in found.items]))
    return _study(np.array(estimates), np.array(spreads), b - b.mean())


@pytest.mark.parametrize("model", ["rasch", "2pl", "gpcm", "graded"])
def test_a_dozen_replications_show_no_gross_bias_and_covering_errors(model: Model) -> None:
    study = _marginal(model, 12, 800, "observed")
    assert np.abs(study.z_of_bias).mean() < 1.6
    assert 0.85 < study.coverage.mean() <= 1.0


def test_a_dozen_routed_replications_by_conditional_likelihood() -> None:
    study = _conditional(12, 800)
    assert np.abs(study.z_of_bias).mean() < 1.6
    assert 0.85 < study.coverage.mean() <= 1.0


@pytest.mark.prove
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("model", ["rasch", "2pl", "pcm", "gpcm", "graded", "nominal"])
def test_bias_is_small_and_intervals_cover_over_200_replications(model: Model) -> None:
    """Coverage of 95 % intervals: each within 4.5 Monte Carlo errors, their mean within half a point and sampling."""
    study = _marginal(model, 200, 2000, "observed")
    assert np.abs(study.bias).max() < 0.06
    assert np.abs(study.coverage - 0.95).max() < 4.5 * np.sqrt(0.95 * 0.05 / 200)
    assert abs(float(study.coverage.mean()) - 0.95) < 0.012


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_robust_errors_cover_over_200_replications() -> None:
    study = _marginal("2pl", 200, 2000, "sandwich")
    assert np.abs(study.coverage - 0.95).max() < 4.5 * np.sqrt(0.95 * 0.05 / 200)
    assert abs(float(study.coverage.mean()) - 0.95) < 0.012


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_routing_by_number_correct_leaves_no_bias_over_200_replications() -> None:
    study = _marginal("2pl", 200, 2000, "observed", routed=True)
    assert np.abs(study.bias).max() < 0.08
    assert abs(float(study.coverage.mean()) - 0.95) < 0.012
    conditional = _conditional(200, 2000)
    assert np.abs(conditional.bias).max() < 0.04
    assert abs(float(conditional.coverage.mean()) - 0.95) < 0.012
