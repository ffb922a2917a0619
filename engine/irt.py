"""Item response functions: Rasch, 2PL, 3PL, generalised partial credit, graded, nominal.

Scalars only. theta and b are in logits, D = 1, a in 1/logit. A score runs from 0 to the item's highest category.
`psychometrics` computes the same in bulk and is tested equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal, TypeAlias

from engine.errors import EngineError


class IrtError(EngineError):
    """Base of the errors of item response theory."""


class ItemParameterError(IrtError):
    """Parameters that make no response function."""

    def __init__(self, model: str, name: str, value: object, wanted: str) -> None:
        super().__init__(f"{model} item: {name} is {value}, but must be {wanted}. Correct the parameter.")


class ScoreRangeError(IrtError):
    """A score that the item does not have."""

    def __init__(self, position: int, score: int, highest: int) -> None:
        super().__init__(f"Item number {position}: score {score} is not between 0 and {highest}. Correct the scoring.")


class LengthError(IrtError):
    """Scores and items that do not belong together."""

    def __init__(self, n_scores: int, n_items: int) -> None:
        super().__init__(f"{n_scores} scores for {n_items} items. Give one score, or None, for each item.")


class TooFewItemsError(IrtError):
    """No item was presented, so there is nothing to estimate ability from."""

    def __init__(self) -> None:
        super().__init__("No item has a score, so likelihood says nothing. Use EAP, or wait for a response.")


class PriorError(IrtError):
    """A normal prior without a proper mean or standard deviation."""

    def __init__(self, mean: float, sd: float) -> None:
        super().__init__(f"Normal prior: mean {mean}, sd {sd}. Both must be finite, and sd above 0.")


class CutScoreError(IrtError):
    """Cut scores out of order."""

    def __init__(self, cuts: Sequence[float]) -> None:
        super().__init__(f"Cut scores {tuple(cuts)} do not rise. Put them in increasing order.")


def _require_finite(model: str, **values: float) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise ItemParameterError(model, name, value, "a finite number")


@dataclass(frozen=True, slots=True)
class Rasch:
    """Right with probability 1 / (1 + exp(-(theta - b)))."""

    b: float

    def __post_init__(self) -> None:
        _require_finite("Rasch", b=self.b)


@dataclass(frozen=True, slots=True)
class TwoPL:
    """Right with probability 1 / (1 + exp(-a (theta - b)))."""

    a: float
    b: float

    def __post_init__(self) -> None:
        _require_finite("2PL", a=self.a, b=self.b)


@dataclass(frozen=True, slots=True)
class ThreePL:
    """Right with probability c + (1 - c) / (1 + exp(-a (theta - b)))."""

    a: float
    b: float
    c: float

    def __post_init__(self) -> None:
        _require_finite("3PL", a=self.a, b=self.b)
        if not 0.0 <= self.c < 1.0:
            raise ItemParameterError("3PL", "c", self.c, "from 0 to below 1")


@dataclass(frozen=True, slots=True)
class GPCM:
    """Generalised partial credit: score k has weight exp(sum over v <= k of a (theta - threshold v)); a = 1 is PCM."""

    a: float
    thresholds: tuple[float, ...]

    def __post_init__(self) -> None:
        _require_finite("GPCM", a=self.a, **_numbered(self.thresholds))
        if not self.thresholds:
            raise ItemParameterError("GPCM", "thresholds", "empty", "at least one")


@dataclass(frozen=True, slots=True)
class Graded:
    """Graded response: score k or more with probability 1 / (1 + exp(-a (theta - threshold k)))."""

    a: float
    thresholds: tuple[float, ...]

    def __post_init__(self) -> None:
        _require_finite("Graded", a=self.a, **_numbered(self.thresholds))
        if not self.thresholds:
            raise ItemParameterError("Graded", "thresholds", "empty", "at least one")
        if any(self.a * (high - low) < 0.0 for low, high in pairwise(self.thresholds)):
            raise ItemParameterError("Graded", "thresholds", self.thresholds, "in increasing order")


@dataclass(frozen=True, slots=True)
class Nominal:
    """Nominal response: category k has weight exp(slope k · theta + intercept k); category 0 has both at zero."""

    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]

    def __post_init__(self) -> None:
        _require_finite("Nominal", **_numbered((*self.slopes, *self.intercepts)))
        if not self.slopes or len(self.slopes) != len(self.intercepts):
            raise ItemParameterError("Nominal", "slopes", len(self.slopes), "as many as intercepts, at least one")


def _numbered(values: Sequence[float]) -> dict[str, float]:
    return {f"parameter {k}": value for k, value in enumerate(values, start=1)}


ItemParameters: TypeAlias = Rasch | TwoPL | ThreePL | GPCM | Graded | Nominal
Floats: TypeAlias = tuple[float, ...]


def logistic(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1.0 + grown)


def _log_logistic(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x >= 0.0 else x - math.log1p(math.exp(x))


def max_score(item: ItemParameters) -> int:
    """The item's highest score."""
    match item:
        case Rasch() | TwoPL() | ThreePL():
            return 1
        case GPCM() | Graded():
            return len(item.thresholds)
        case Nominal():
            return len(item.slopes)


def _line(item: Rasch | TwoPL | ThreePL) -> tuple[float, float, float]:
    """(a, b, c) of a two-category item."""
    match item:
        case Rasch(b):
            return 1.0, b, 0.0
        case TwoPL(a, b):
            return a, b, 0.0
        case ThreePL(a, b, c):
            return a, b, c


def _weights(item: GPCM | Nominal, theta: float) -> tuple[Floats, Floats]:
    """Slopes and linear predictors of all categories, category 0 at zero."""
    if isinstance(item, Nominal):
        slopes = (0.0, *item.slopes)
        return slopes, (0.0, *(a * theta + d for a, d in zip(item.slopes, item.intercepts, strict=True)))
    slopes = tuple(item.a * k for k in range(len(item.thresholds) + 1))
    return slopes, tuple(accumulate((item.a * (theta - b) for b in item.thresholds), initial=0.0))


def log_probabilities(item: ItemParameters, theta: float) -> Floats:
    """Logarithm of the probability of each score 0…max, finite for every finite theta."""
    match item:
        case ThreePL(a, b, c):
            x = a * (theta - b)
            right = math.log(c + (1.0 - c) * logistic(x)) if c > 0.0 else _log_logistic(x)
            return (math.log1p(-c) + _log_logistic(-x), right)
        case Rasch() | TwoPL():
            a, b, _ = _line(item)
            x = a * (theta - b)
            return (_log_logistic(-x), _log_logistic(x))
        case GPCM() | Nominal():
            _, predictors = _weights(item, theta)
            top = max(predictors)
            total = top + math.log(sum(math.exp(z - top) for z in predictors))
            return tuple(z - total for z in predictors)
        case Graded(a, thresholds):
            return _graded_log_probabilities(tuple(a * (theta - b) for b in thresholds))


def _graded_log_probabilities(x: Floats) -> Floats:
    """From boundary predictors; differences of logistics are taken as a product so that tails keep their digits."""
    middle = (
        math.log(-math.expm1(high - low)) + _log_logistic(low) + _log_logistic(-high) if high < low else -math.inf
        for low, high in pairwise(x)
    )
    return (_log_logistic(-x[0]), *middle, _log_logistic(x[-1]))


def category_probabilities(item: ItemParameters, theta: float) -> Floats:
    """Probability of each score 0…max at theta; they sum to one."""
    return tuple(math.exp(value) for value in log_probabilities(item, theta))


def probability(item: ItemParameters, score: int, theta: float) -> float:
    """Probability of one score at theta."""
    return category_probabilities(item, theta)[score]


def expected_score(item: ItemParameters, theta: float) -> float:
    """Mean score at theta: the item characteristic curve."""
    return sum(k * p for k, p in enumerate(category_probabilities(item, theta)))


def log_derivatives(item: ItemParameters, theta: float) -> tuple[Floats, Floats]:
    """First and second derivative in theta of the log probability of each score."""
    match item:
        case Rasch() | TwoPL() | ThreePL():
            return _binary_log_derivatives(*_line(item), theta)
        case GPCM() | Nominal():
            slopes, _ = _weights(item, theta)
            p = category_probabilities(item, theta)
            mean = sum(s * q for s, q in zip(slopes, p, strict=True))
            variance = sum((s - mean) ** 2 * q for s, q in zip(slopes, p, strict=True))
            return tuple(s - mean for s in slopes), (-variance,) * len(slopes)
        case Graded(a, thresholds):
            return _graded_log_derivatives(a, tuple(logistic(a * (theta - b)) for b in thresholds))


def _binary_log_derivatives(a: float, b: float, c: float, theta: float) -> tuple[Floats, Floats]:
    p = logistic(a * (theta - b))
    q = logistic(-a * (theta - b))
    if c == 0.0:
        return (-a * p, a * q), (-a * a * p * q,) * 2
    share = p / (c + (1.0 - c) * p)
    right = (1.0 - c) * a * q * share
    return (-a * p, right), (-a * a * p * q, right * a * (q - p) - right * right)


def _graded_log_derivatives(a: float, boundaries: Floats) -> tuple[Floats, Floats]:
    """With S_k the boundary curves, d log(S_k - S_k+1) = a (1 - S_k - S_k+1)."""
    s = (1.0, *boundaries, 0.0)
    first = tuple(a * (1.0 - low - high) for low, high in pairwise(s))
    second = tuple(-a * a * (low * (1.0 - low) + high * (1.0 - high)) for low, high in pairwise(s))
    return first, second


def probability_derivatives(item: ItemParameters, theta: float) -> tuple[Floats, Floats, Floats]:
    """Probabilities of all scores with their first and second derivative in theta."""
    p = category_probabilities(item, theta)
    first, second = log_derivatives(item, theta)
    d1 = tuple(q * f for q, f in zip(p, first, strict=True))
    d2 = tuple(q * (f * f + s) for q, f, s in zip(p, first, second, strict=True))
    return p, d1, d2


def information(item: ItemParameters, theta: float) -> float:
    """Expected (Fisher) information of one item at theta: sum of P'^2 / P over scores."""
    p = category_probabilities(item, theta)
    first, _ = log_derivatives(item, theta)
    return sum(q * f * f for q, f in zip(p, first, strict=True))


def test_information(items: Sequence[ItemParameters], theta: float) -> float:
    """Expected information of all items together."""
    return sum(information(item, theta) for item in items)


def log_likelihood(scores: Sequence[int | None], items: Sequence[ItemParameters], theta: float) -> float:
    """Log-likelihood of theta; items with None were not presented and say nothing.

    Raises:
        LengthError, ScoreRangeError: the scores do not fit the items.
    """
    return sum(log_probabilities(item, theta)[score] for score, item in presented(scores, items))


def presented(scores: Sequence[int | None], items: Sequence[ItemParameters]) -> tuple[tuple[int, ItemParameters], ...]:
    """Pairs of score and item where there is a score.

    Raises:
        LengthError, ScoreRangeError: the scores do not fit the items.
    """
    if len(scores) != len(items):
        raise LengthError(len(scores), len(items))
    for position, (score, item) in enumerate(zip(scores, items, strict=True), start=1):
        if score is not None and not 0 <= score <= max_score(item):
            raise ScoreRangeError(position, score, max_score(item))
    return tuple((score, item) for score, item in zip(scores, items, strict=True) if score is not None)


def convolve(first: Sequence[float], second: Sequence[float]) -> Floats:
    """Distribution of the sum of two independent scores."""
    out = [0.0] * (len(first) + len(second) - 1)
    for i, p in enumerate(first):
        for j, q in enumerate(second):
            out[i + j] += p * q
    return tuple(out)


def score_distribution(items: Sequence[ItemParameters], theta: float) -> Floats:
    """Probability of each sum score 0…max at theta, by the recursion of Lord and Wingersky.

    References:
        Lord & Wingersky (1984), Applied Psychological Measurement 8, 453-461; polytomous items as in
        Thissen, Pommerich, Billeaud & Williams (1995), Applied Psychological Measurement 19, 39-49.
    """
    distribution: Floats = (1.0,)
    for item in items:
        distribution = convolve(distribution, category_probabilities(item, theta))
    return distribution


@dataclass(frozen=True, slots=True)
class RouteModule:
    """A module on a route, and the number-correct interval (both ends included) that led on from it.

    Attributes:
        low, high: None on the last module, where every score ends the route.
        counts: whether the interval is on this module's score or on the total so far.
    """

    items: tuple[ItemParameters, ...]
    low: int | None = None
    high: int | None = None
    counts: Literal["module", "total"] = "module"

    def keep(self, distribution: Sequence[float]) -> Floats:
        """The distribution with everything outside the interval set to zero."""
        low = 0 if self.low is None else self.low
        high = len(distribution) - 1 if self.high is None else self.high
        return tuple(p if low <= k <= high else 0.0 for k, p in enumerate(distribution))


def route_score_distribution(route: Sequence[RouteModule], theta: float) -> Floats:
    """Probability at theta of taking this route and of ending it with each total score.

    Sums to the probability of the route, given its first module.
    """
    total: Floats = (1.0,)
    for module in route:
        own = score_distribution(module.items, theta)
        counted_alone = module.counts == "module"
        total = convolve(total, module.keep(own)) if counted_alone else module.keep(convolve(total, own))
    return total
