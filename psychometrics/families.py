"""Response functions of many items at many abilities at once, with their derivatives in the item parameters.

The same formulas as `engine.irt`, on arrays. Items of one family and one number of categories are computed together.
Values are in slope and intercept form (`items.SlopeIntercept`): (a, d1…dm), logit c after them for 3PL,
(a1…am, d1…dm) for nominal. Arrays have axes (item, category, ability) or (item, parameter, category, ability).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from psychometrics.arrays import run
from psychometrics.items import Model

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
Family: TypeAlias = Literal["power", "nominal", "graded", "3pl"]
"""Power: Rasch to generalised partial credit, where category k has predictor k·a·theta + d_k."""


def family_of(model: Model) -> Family:
    """Which formulas a model is computed by."""
    match model:
        case "nominal" | "graded" | "3pl":
            return model
        case _:
            return "power"


def n_values(family: Family, n_steps: int) -> int:
    """Number of parameters of one item with `n_steps` categories above 0."""
    return {"power": 1 + n_steps, "graded": 1 + n_steps, "nominal": 2 * n_steps, "3pl": 3}[family]


def softplus(z: FloatArray) -> FloatArray:
    """log(1 + exp(z)) without overflow."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def logistic(z: FloatArray) -> FloatArray:
    """1 / (1 + exp(-z)) without overflow."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0, small) / (1.0 + small)


@dataclass(frozen=True, slots=True)
class Curves:
    """Category curves of a group of items.

    Attributes:
        log_p: log probabilities, shape (n_items, n_steps + 1, n_abilities).
        slopes: d log_p / d parameter, shape (n_items, n_values, n_steps + 1, n_abilities).
    """

    log_p: FloatArray
    slopes: FloatArray

    @property
    def p(self) -> FloatArray:
        """Probabilities, same shape as log_p."""
        return np.exp(self.log_p)


def log_probabilities(family: Family, values: FloatArray, theta: FloatArray) -> FloatArray:
    """Log probabilities; values (n_items, n_values), theta (n_abilities,) → (n_items, n_steps + 1, n_abilities)."""
    match family:
        case "power":
            return _from_predictors(_power_predictors(values, theta))
        case "nominal":
            m = values.shape[1] // 2
            return _from_predictors(values[:, :m, None] * theta + values[:, m:, None])
        case "graded":
            return _graded_log_p(values, theta)
        case "3pl":
            return _guessing_log_p(values, theta)


def _power_predictors(values: FloatArray, theta: FloatArray) -> FloatArray:
    steps = np.arange(1.0, values.shape[1])
    return values[:, :1, None] * steps[:, None] * theta + values[:, 1:, None]


def _from_predictors(z: FloatArray) -> FloatArray:
    if z.shape[1] == 1:
        return np.concatenate((-softplus(z), -softplus(-z)), axis=1)
    top = np.maximum(z.max(axis=1, keepdims=True), 0.0)
    total = top + np.log(np.exp(-top) + np.exp(z - top).sum(axis=1, keepdims=True))
    return np.concatenate((-total, z - total), axis=1)


def _graded_log_p(values: FloatArray, theta: FloatArray) -> FloatArray:
    """S_k - S_k+1 = S_k (1 - S_k+1) (1 - exp(d_k+1 - d_k)), which keeps its digits in the tails."""
    z = values[:, :1, None] * theta + values[:, 1:, None]
    upper, lower = -softplus(-z), -softplus(z)
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = np.log1p(-np.exp(np.diff(values[:, 1:], axis=1)))
    middle = upper[:, :-1] + lower[:, 1:] + gaps[:, :, None]
    return np.concatenate((lower[:, :1], middle, upper[:, -1:]), axis=1)


def _guessing_log_p(values: FloatArray, theta: FloatArray) -> FloatArray:
    z = values[:, :1] * theta + values[:, 1:2]
    c = logistic(values[:, 2:3])
    right = np.where(c > 0.0, np.log(c + (1.0 - c) * logistic(z) + 1e-300), -softplus(-z))
    return np.stack((np.log1p(-c) - softplus(z), right), axis=1)


def curves(family: Family, values: FloatArray, theta: FloatArray) -> Curves:
    """Log probabilities and their derivatives in every parameter."""
    log_p = log_probabilities(family, values, theta)
    match family:
        case "power":
            return Curves(log_p, _power_slopes(log_p, theta))
        case "nominal":
            return Curves(log_p, _nominal_slopes(log_p, theta))
        case "graded":
            return Curves(log_p, _graded_slopes(values, theta))
        case "3pl":
            return Curves(log_p, _guessing_slopes(values, theta, log_p))


def _power_slopes(log_p: FloatArray, theta: FloatArray) -> FloatArray:
    n, categories, q = log_p.shape
    p = np.exp(log_p)
    k = np.arange(float(categories))
    mean = np.einsum("k,nkq->nq", k, p)
    out = np.empty((n, categories, categories, q))
    out[:, 0] = (k[:, None] - mean[:, None, :]) * theta
    out[:, 1:] = np.eye(categories)[1:, :, None] - p[:, 1:, None, :]
    return out


def _nominal_slopes(log_p: FloatArray, theta: FloatArray) -> FloatArray:
    categories = log_p.shape[1]
    of_intercepts = np.eye(categories)[1:, :, None] - np.exp(log_p)[:, 1:, None, :]
    return np.concatenate((of_intercepts * theta, of_intercepts), axis=1)


def _graded_boundaries(values: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Boundary curves S, shape (n, m, q), and the gaps exp(d_k+1 - d_k), shape (n, m - 1)."""
    s = logistic(values[:, :1, None] * theta + values[:, 1:, None])
    return s, np.exp(np.diff(values[:, 1:], axis=1))


def _graded_slopes(values: FloatArray, theta: FloatArray) -> FloatArray:
    s, gap = _graded_boundaries(values, theta)
    n, m, q = s.shape
    rho = (gap / (1.0 - gap))[:, :, None]
    out = np.zeros((n, 1 + m, 1 + m, q))
    for k in range(1, m + 1):
        out[:, k, k] = 1.0 - s[:, k - 1] + (rho[:, k - 1] if k < m else 0.0)
        out[:, k, k - 1] = -s[:, k - 1] - (rho[:, k - 2] if k > 1 else 0.0)
    out[:, 0] = out[:, 1:].sum(axis=1) * theta
    return out


def _guessing_slopes(values: FloatArray, theta: FloatArray, log_p: FloatArray) -> FloatArray:
    lower = logistic(values[:, :1] * theta + values[:, 1:2])
    c = logistic(values[:, 2:3])
    p = np.exp(log_p[:, 1])
    in_z = (1.0 - c) * lower * (1.0 - lower) / p
    in_guess = c * (1.0 - c) * (1.0 - lower) / p
    out = np.empty((values.shape[0], 3, 2, len(theta)))
    out[:, 0, 0], out[:, 0, 1] = -lower * theta, in_z * theta
    out[:, 1, 0], out[:, 1, 1] = -lower, in_z
    out[:, 2, 0], out[:, 2, 1] = -c, in_guess
    return out


def expected_information(at: Curves, node_counts: FloatArray) -> FloatArray:
    """Information of complete data, sum over abilities of count · sum P D D'; shape (n_items, n_values, n_values)."""
    n, p = at.slopes.shape[:2]
    flat = at.slopes.reshape(n, p, -1)
    weighted = (at.slopes * (at.p * node_counts[:, None, :])[:, None]).reshape(n, p, -1)
    return weighted @ flat.transpose(0, 2, 1)


def observed_information(family: Family, values: FloatArray, theta: FloatArray, counts: FloatArray) -> FloatArray:
    """Minus the second derivative of sum counts · log P, exactly.

    Args:
        counts: expected numbers in each category at each ability, shape (n_items, n_steps + 1, n_abilities). For
            power and nominal only their sum over categories matters.

    Returns:
        shape (n_items, n_values, n_values).
    """
    match family:
        case "power" | "nominal":
            return expected_information(curves(family, values, theta), counts.sum(axis=1))
        case "graded":
            return _graded_information(values, theta, counts)
        case "3pl":
            return _guessing_information(values, theta, counts)


def _graded_information(values: FloatArray, theta: FloatArray, counts: FloatArray) -> FloatArray:
    s, gap = _graded_boundaries(values, theta)
    n, m, _ = s.shape
    kappa = (gap / (1.0 - gap) ** 2)[:, :, None]
    bend = s * (1.0 - s)
    diagonal = bend * (counts[:, :-1] + counts[:, 1:])
    diagonal[:, :-1] += kappa * counts[:, 1:-1]
    diagonal[:, 1:] += kappa * counts[:, 1:-1]
    beside = -kappa * counts[:, 1:-1]
    in_z = np.zeros((n, m, m, s.shape[2]))
    index = run(0, m)
    in_z[:, index, index] = diagonal
    in_z[:, index[:-1], index[1:]] = beside
    in_z[:, index[1:], index[:-1]] = beside
    out = np.empty((n, 1 + m, 1 + m))
    out[:, 1:, 1:] = in_z.sum(axis=-1)
    out[:, 0, 1:] = out[:, 1:, 0] = in_z.sum(axis=1) @ theta
    out[:, 0, 0] = in_z.sum(axis=(1, 2)) @ theta**2
    return out


def _guessing_information(values: FloatArray, theta: FloatArray, counts: FloatArray) -> FloatArray:
    lower = logistic(values[:, :1] * theta + values[:, 1:2])
    c = logistic(values[:, 2:3])
    p = c + (1.0 - c) * lower
    bend = lower * (1.0 - lower)
    in_z, in_guess = (1.0 - c) * bend / p, c * (1.0 - c) * (1.0 - lower) / p
    wrong, right = counts[:, 0], counts[:, 1]
    zz = wrong * bend + right * (in_z**2 - in_z * (1.0 - 2.0 * lower))
    zg = right * (in_z * in_guess + c * in_z)
    gg = wrong * c * (1.0 - c) + right * (in_guess**2 - in_guess * (1.0 - 2.0 * c))
    out = np.empty((values.shape[0], 3, 3))
    out[:, 0, 0], out[:, 1, 1], out[:, 2, 2] = zz @ theta**2, zz.sum(axis=1), gg.sum(axis=1)
    out[:, 0, 1] = out[:, 1, 0] = zz @ theta
    out[:, 0, 2] = out[:, 2, 0] = zg @ theta
    out[:, 1, 2] = out[:, 2, 1] = zg.sum(axis=1)
    return out


@dataclass(frozen=True, slots=True)
class ThetaCurves:
    """Log probabilities and their first and second derivative in ability, each (n_items, n_steps + 1, n_abilities)."""

    log_p: FloatArray
    first: FloatArray
    second: FloatArray

    @property
    def p(self) -> FloatArray:
        """Probabilities."""
        return np.exp(self.log_p)

    @property
    def information(self) -> FloatArray:
        """Expected information of each item, shape (n_items, n_abilities)."""
        return (self.p * self.first**2).sum(axis=1)

    @property
    def bias_term(self) -> FloatArray:
        """Warm's sum of P' P'' / P of each item, shape (n_items, n_abilities)."""
        return (self.p * self.first * (self.first**2 + self.second)).sum(axis=1)


def theta_curves(family: Family, values: FloatArray, theta: FloatArray) -> ThetaCurves:
    """Curves with derivatives in ability; values (n_items, n_values), theta (n_abilities,)."""
    log_p = log_probabilities(family, values, theta)
    match family:
        case "power":
            slopes = values[:, :1] * np.arange(float(values.shape[1]))
            return _weighted_curves(log_p, slopes)
        case "nominal":
            m = values.shape[1] // 2
            return _weighted_curves(log_p, np.concatenate((np.zeros((len(values), 1)), values[:, :m]), axis=1))
        case "graded":
            return _graded_theta_curves(log_p, values, theta)
        case "3pl":
            return _guessing_theta_curves(log_p, values, theta)


def _weighted_curves(log_p: FloatArray, slopes: FloatArray) -> ThetaCurves:
    p = np.exp(log_p)
    mean = np.einsum("nk,nkq->nq", slopes, p)
    first = slopes[:, :, None] - mean[:, None, :]
    variance = (p * first**2).sum(axis=1, keepdims=True)
    return ThetaCurves(log_p, first, np.broadcast_to(-variance, log_p.shape))


def _graded_theta_curves(log_p: FloatArray, values: FloatArray, theta: FloatArray) -> ThetaCurves:
    a = values[:, :1, None]
    s, _ = _graded_boundaries(values, theta)
    whole = np.concatenate((np.ones_like(s[:, :1]), s, np.zeros_like(s[:, :1])), axis=1)
    first = a * (1.0 - whole[:, :-1] - whole[:, 1:])
    bend = whole * (1.0 - whole)
    return ThetaCurves(log_p, first, -(a**2) * (bend[:, :-1] + bend[:, 1:]))


def _guessing_theta_curves(log_p: FloatArray, values: FloatArray, theta: FloatArray) -> ThetaCurves:
    a = values[:, :1]
    z = a * theta + values[:, 1:2]
    lower, upper = logistic(z), logistic(-z)
    c = logistic(values[:, 2:3])
    right = (1.0 - c) * a * upper * lower / np.exp(log_p[:, 1])
    first = np.stack((-a * lower, right), axis=1)
    second = np.stack((-(a**2) * lower * upper, right * a * (upper - lower) - right**2), axis=1)
    return ThetaCurves(log_p, first, second)
