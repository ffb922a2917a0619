"""Ability of one person: EAP, MAP, MLE, WLE and EAP of the sum score.

Scores are whole numbers, or None where an item was not presented. The posterior is taken on equally spaced nodes
(61 from six standard deviations below the prior mean to six above, more when the prior is so wide that they would lie
more than 0.2 logits apart): for smooth densities that rule is exact to far more digits than an ability is worth.
Maxima are looked for between `-BOUND` and `BOUND`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from engine.irt import (
    CutScoreError,
    Floats,
    ItemParameters,
    PriorError,
    RouteModule,
    TooFewItemsError,
    category_probabilities,
    log_derivatives,
    log_likelihood,
    log_probabilities,
    presented,
    route_score_distribution,
    score_distribution,
    test_information,
)

Method: TypeAlias = Literal["EAP", "MAP", "MLE", "WLE", "EAPsum"]

BOUND = 12.0
"""Likelihood maxima are sought from -BOUND to BOUND logits; a maximum that lies beyond is reported at the bound."""
SEARCH_STEP = 0.5
SERIES_END = 20.0
WIDEST_STEP = 0.2
NODES_PER_SIDE = 30
SDS_PER_SIDE = 6.0
ROOT_TOLERANCE = 1e-13


@dataclass(frozen=True, slots=True)
class AbilityEstimate:
    """Ability in logits with its standard error.

    Attributes:
        theta: estimate.
        se: posterior standard deviation (EAP, EAPsum); else 1 / sqrt(expected information), for MAP with the
            prior's information added.
        is_at_bound: the likelihood has no maximum within the bounds (all right or all wrong, by MLE), so theta is the
            bound itself and se says how little is known there.
    """

    theta: float
    se: float
    method: Method
    is_at_bound: bool = False


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal prior for ability."""

    mean: float = 0.0
    sd: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.sd) and self.sd > 0.0):
            raise PriorError(self.mean, self.sd)

    def nodes(self) -> Floats:
        """Equally spaced nodes over six standard deviations on each side."""
        sides = max(NODES_PER_SIDE, math.ceil(SDS_PER_SIDE * self.sd / WIDEST_STEP))
        step = SDS_PER_SIDE * self.sd / sides
        return tuple(self.mean + k * step for k in range(-sides, sides + 1))

    def log_density(self, theta: float) -> float:
        """Up to a constant."""
        return -0.5 * ((theta - self.mean) / self.sd) ** 2


STANDARD_NORMAL = Normal()


@dataclass(frozen=True, slots=True)
class Posterior:
    """A distribution of ability on equally spaced nodes; the probabilities sum to one."""

    nodes: Floats
    probabilities: Floats

    @property
    def mean(self) -> float:
        """Expected ability."""
        return math.fsum(x * p for x, p in zip(self.nodes, self.probabilities, strict=True))

    @property
    def sd(self) -> float:
        """Standard deviation of ability."""
        mean = self.mean
        return math.sqrt(math.fsum((x - mean) ** 2 * p for x, p in zip(self.nodes, self.probabilities, strict=True)))


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One line of a score table.

    Attributes:
        score: the sum score.
        theta, se: mean and standard deviation of ability given the score.
        probability: of the score in the population (for a route: of route and score, given its first module).
    """

    score: int
    theta: float
    se: float
    probability: float


def _normalised(nodes: Floats, logs: Sequence[float]) -> Posterior:
    top = max(logs)
    masses = [math.exp(value - top) for value in logs]
    total = math.fsum(masses)
    return Posterior(nodes, tuple(mass / total for mass in masses))


def posterior(
    scores: Sequence[int | None], items: Sequence[ItemParameters], prior: Normal = STANDARD_NORMAL
) -> Posterior:
    """Ability given the scores; the prior itself when nothing was presented.

    Raises:
        LengthError, ScoreRangeError: the scores do not fit the items.
    """
    pairs = presented(scores, items)
    nodes = prior.nodes()
    logs = [prior.log_density(x) + math.fsum(log_probabilities(item, x)[score] for score, item in pairs) for x in nodes]
    return _normalised(nodes, logs)


def eap(
    scores: Sequence[int | None], items: Sequence[ItemParameters], prior: Normal = STANDARD_NORMAL
) -> AbilityEstimate:
    """Mean of the posterior (expected a posteriori).

    Raises:
        LengthError, ScoreRangeError: the scores do not fit the items.

    References:
        Bock & Mislevy (1982), Applied Psychological Measurement 6, 431-444.
    """
    given = posterior(scores, items, prior)
    return AbilityEstimate(given.mean, given.sd, "EAP")


def map_(
    scores: Sequence[int | None], items: Sequence[ItemParameters], prior: Normal = STANDARD_NORMAL
) -> AbilityEstimate:
    """Mode of the posterior (maximum a posteriori).

    Raises:
        LengthError, ScoreRangeError: the scores do not fit the items.
    """
    pairs = presented(scores, items)
    precision = prior.sd**-2

    def slope(theta: float) -> float:
        return _score_function(pairs, theta) - (theta - prior.mean) * precision

    def height(theta: float) -> float:
        return log_likelihood(scores, items, theta) + prior.log_density(theta)

    theta, at_bound = _highest_root(slope, height)
    held = test_information([item for _, item in pairs], theta) + precision
    return AbilityEstimate(theta, held**-0.5, "MAP", at_bound)


def mle(scores: Sequence[int | None], items: Sequence[ItemParameters]) -> AbilityEstimate:
    """Ability of greatest likelihood.

    All right or all wrong has none: then theta is `BOUND` or `-BOUND` and `is_at_bound` is True.

    Raises:
        TooFewItemsError: nothing was presented.
        LengthError, ScoreRangeError: the scores do not fit the items.
    """
    pairs = _some(presented(scores, items))
    theta, at_bound = _highest_root(lambda x: _score_function(pairs, x), lambda x: log_likelihood(scores, items, x))
    return AbilityEstimate(theta, _se(pairs, theta), "MLE", at_bound)


def wle(scores: Sequence[int | None], items: Sequence[ItemParameters]) -> AbilityEstimate:
    """Weighted likelihood estimate: finite for all-right and all-wrong scores, with little bias.

    Solves l'(theta) + J / (2 I) = 0 with J the sum of P' P'' / P over items and scores.

    Raises:
        TooFewItemsError: nothing was presented.
        LengthError, ScoreRangeError: the scores do not fit the items.

    References:
        Warm (1989), Psychometrika 54, 427-450.
    """
    pairs = _some(presented(scores, items))
    given = [item for _, item in pairs]

    def height(theta: float) -> float:
        return log_likelihood(scores, items, theta) + 0.5 * math.log(max(test_information(given, theta), 1e-300))

    theta, at_bound = _highest_root(lambda x: _score_function(pairs, x) + _warm_term(given, x), height)
    return AbilityEstimate(theta, _se(pairs, theta), "WLE", at_bound)


def _some(pairs: tuple[tuple[int, ItemParameters], ...]) -> tuple[tuple[int, ItemParameters], ...]:
    if not pairs:
        raise TooFewItemsError
    return pairs


def _se(pairs: Sequence[tuple[int, ItemParameters]], theta: float) -> float:
    held = test_information([item for _, item in pairs], theta)
    return held**-0.5 if held > 0.0 else math.inf


def _score_function(pairs: Sequence[tuple[int, ItemParameters]], theta: float) -> float:
    """First derivative of the log-likelihood."""
    return math.fsum(log_derivatives(item, theta)[0][score] for score, item in pairs)


def _warm_term(items: Sequence[ItemParameters], theta: float) -> float:
    """Warm's correction J / (2 I)."""
    bias, held = 0.0, 0.0
    for item in items:
        p = category_probabilities(item, theta)
        first, second = log_derivatives(item, theta)
        held += sum(q * f * f for q, f in zip(p, first, strict=True))
        bias += sum(q * f * (f * f + s) for q, f, s in zip(p, first, second, strict=True))
    return bias / (2.0 * held) if held > 0.0 else 0.0


def _highest_root(slope: Callable[[float], float], height: Callable[[float], float]) -> tuple[float, bool]:
    """Where `slope` falls through zero; of several such places (3PL has them) the one with the greatest height."""
    count = round(2.0 * BOUND / SEARCH_STEP)
    grid = [-BOUND + SEARCH_STEP * k for k in range(count + 1)]
    slopes = [slope(x) for x in grid]
    roots = [
        _root(slope, low, high)
        for (low, high), (above, below) in zip(pairwise(grid), pairwise(slopes), strict=True)
        if above > 0.0 >= below
    ]
    if roots:
        return max(roots, key=height), False
    return (BOUND if slopes[-1] > 0.0 else -BOUND), True


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Root of a function that falls from above zero at `low` to zero or below at `high` (bracketed secant)."""
    f_low, f_high, side = function(low), function(high), 0
    while high - low > ROOT_TOLERANCE * max(1.0, abs(low)):
        middle = _inside(low, high, f_low, f_high)
        value = function(middle)
        if value == 0.0:
            return middle
        if value > 0.0:
            f_high = f_high / 2.0 if side > 0 else f_high
            low, f_low, side = middle, value, 1
        else:
            f_low = f_low / 2.0 if side < 0 else f_low
            high, f_high, side = middle, value, -1
    return (low + high) / 2.0


def _inside(low: float, high: float, f_low: float, f_high: float) -> float:
    """A point between, by the Illinois rule; the middle where that would step on an end."""
    point = low + (high - low) * f_low / (f_low - f_high)
    return point if low < point < high else (low + high) / 2.0


def sum_score_table(items: Sequence[ItemParameters], prior: Normal = STANDARD_NORMAL) -> tuple[ScoreRow, ...]:
    """Mean and standard deviation of ability for each sum score, all items presented.

    References:
        Thissen, Pommerich, Billeaud & Williams (1995), Applied Psychological Measurement 19, 39-49.
    """
    return _score_table(prior, [score_distribution(items, x) for x in prior.nodes()])


def route_score_table(route: Sequence[RouteModule], prior: Normal = STANDARD_NORMAL) -> tuple[ScoreRow, ...]:
    """As `sum_score_table`, for those who took this route; scores the route excludes have NaN and probability 0."""
    return _score_table(prior, [route_score_distribution(route, x) for x in prior.nodes()])


def _score_table(prior: Normal, likelihoods: Sequence[Floats]) -> tuple[ScoreRow, ...]:
    nodes = prior.nodes()
    masses = _normalised(nodes, [prior.log_density(x) for x in nodes]).probabilities
    return tuple(_score_row(score, nodes, masses, likelihoods) for score in range(len(likelihoods[0])))


def _score_row(score: int, nodes: Floats, masses: Floats, likelihoods: Sequence[Floats]) -> ScoreRow:
    joint = [mass * row[score] for mass, row in zip(masses, likelihoods, strict=True)]
    total = math.fsum(joint)
    if total <= 0.0:
        return ScoreRow(score, math.nan, math.nan, 0.0)
    given = Posterior(nodes, tuple(p / total for p in joint))
    return ScoreRow(score, given.mean, given.sd, total)


def sum_score_posterior(items: Sequence[ItemParameters], score: int, prior: Normal = STANDARD_NORMAL) -> Posterior:
    """Ability given the sum score on all items."""
    return route_score_posterior((RouteModule(tuple(items)),), score, prior)


def route_score_posterior(route: Sequence[RouteModule], score: int, prior: Normal = STANDARD_NORMAL) -> Posterior:
    """Ability given that this route was taken and ended with this total score."""
    nodes = prior.nodes()
    likelihoods = (route_score_distribution(route, x)[score] for x in nodes)
    return _normalised(
        nodes,
        [
            prior.log_density(x) + (math.log(p) if p > 0.0 else -math.inf)
            for x, p in zip(nodes, likelihoods, strict=True)
        ],
    )


def eap_sum_score(items: Sequence[ItemParameters], score: int, prior: Normal = STANDARD_NORMAL) -> AbilityEstimate:
    """Mean of ability given the sum score on all items."""
    given = sum_score_posterior(items, score, prior)
    return AbilityEstimate(given.mean, given.sd, "EAPsum")


def level_probabilities(given: Posterior, cuts: Sequence[float]) -> Floats:
    """Probability of each level, lowest first, when `cuts` divide ability into len(cuts) + 1 levels.

    Between nodes the density is the band-limited function through them, which for a posterior wider than the step is
    exact to many digits where steps or straight lines would be off in the third.

    Raises:
        CutScoreError: the cuts do not rise.
    """
    if any(high <= low for low, high in pairwise(cuts)):
        raise CutScoreError(cuts)
    step = given.nodes[1] - given.nodes[0]
    below = [
        min(
            1.0,
            max(
                0.0,
                math.fsum(
                    p * (0.5 + sine_integral(math.pi * (cut - x) / step) / math.pi)
                    for x, p in zip(given.nodes, given.probabilities, strict=True)
                ),
            ),
        )
        for cut in cuts
    ]
    return tuple(max(0.0, high - low) for low, high in pairwise((0.0, *below, 1.0)))


def sine_integral(x: float) -> float:
    """Si(x), the integral of sin(t) / t from 0 to x, to 1e-8."""
    if x < 0.0:
        return -sine_integral(-x)
    if x > SERIES_END:
        return _sine_integral_far(x)
    total, term, n = 0.0, x, 1
    while abs(term) > 1e-17 * max(1.0, abs(total)) or n < x:
        total += term / n
        term *= -x * x / ((n + 1) * (n + 2))
        n += 2
    return total


def _sine_integral_far(x: float) -> float:
    """Asymptotic series, cut at its smallest term."""
    f, g, term = 0.0, 0.0, 1.0 / x
    for k in range(int(x)):
        if k % 2 == 0:
            f += term if k % 4 == 0 else -term
        else:
            g += term if k % 4 == 1 else -term
        term *= (k + 1) / x
    return math.pi / 2.0 - f * math.cos(x) - g * math.sin(x)
