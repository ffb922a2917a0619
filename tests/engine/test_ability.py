"""Abilities against published answers, and the laws that estimates keep."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ability, irt

GOLDEN = Path(__file__).parents[1] / "golden" / "irt"
LSAT7 = tuple(
    irt.TwoPL(a, b)
    for a, b in zip(*(json.loads((GOLDEN / "truth_ml.json").read_text())["lsat7 2PL"][k] for k in "ab"), strict=True)
)


def test_sum_score_table_of_lsat7_is_the_published_one() -> None:
    """EAPsum, SE and expected frequencies of 1,000 from R mirt 1.47, to the digits printed."""
    rows = ability.sum_score_table(LSAT7)
    theta = (-1.8697835, -1.4318646, -0.9488539, -0.4131964, 0.1517329, 0.7271848)
    se = (0.69270, 0.68387, 0.69423, 0.72110, 0.75877, 0.80093)
    frequency = (10.08986, 44.65899, 109.77300, 207.73827, 319.18596, 308.55391)
    assert [row.theta for row in rows] == pytest.approx(theta, abs=1e-7)
    assert [row.se for row in rows] == pytest.approx(se, abs=5e-6)
    assert [1000.0 * row.probability for row in rows] == pytest.approx(frequency, abs=1e-5)


@pytest.mark.parametrize(("pattern", "theta"), [("00000", -4.13707195), ("10011", -1.26060026), ("11111", 1.08818731)])
def test_weighted_likelihood_of_lsat7_is_the_published_one(pattern: str, theta: float) -> None:
    """R mirt 1.47; its optimiser stops within 1e-6 of the root, which is the tolerance here."""
    assert ability.wle([int(x) for x in pattern], LSAT7).theta == pytest.approx(theta, abs=1e-6)


def test_extreme_patterns_are_finite_by_wle_with_a_wide_error_and_at_the_bound_by_mle() -> None:
    lowest = ability.wle([0] * 5, LSAT7)
    assert not lowest.is_at_bound
    assert lowest.se > 1.9
    for scores, bound in (([0] * 5, -ability.BOUND), ([1] * 5, ability.BOUND)):
        estimate = ability.mle(scores, LSAT7)
        assert estimate.is_at_bound
        assert estimate.theta == bound


MIXED = (
    irt.Rasch(-1.0),
    irt.TwoPL(1.3, 0.2),
    irt.ThreePL(1.6, 0.5, 0.2),
    irt.GPCM(0.9, (-0.5, 0.6)),
    irt.Graded(1.2, (-1.0, 0.0, 1.0)),
)
PATTERNS = st.tuples(*(st.none() | st.integers(0, irt.max_score(item)) for item in MIXED))


def _slope(scores: tuple[int | None, ...], theta: float, h: float = 1e-5) -> float:
    up, down = (irt.log_likelihood(scores, MIXED, theta + e) for e in (h, -h))
    return (up - down) / (2 * h)


@given(PATTERNS)
def test_map_is_where_the_posterior_is_flat(scores: tuple[int | None, ...]) -> None:
    theta = ability.map_(scores, MIXED, ability.Normal(0.3, 0.8)).theta
    assert _slope(scores, theta) - (theta - 0.3) / 0.64 == pytest.approx(0.0, abs=1e-6)


@given(PATTERNS.filter(lambda scores: any(s is not None for s in scores)))
def test_mle_is_where_the_likelihood_is_flat_or_at_the_bound(scores: tuple[int | None, ...]) -> None:
    estimate = ability.mle(scores, MIXED)
    slope = _slope(scores, estimate.theta)
    if estimate.is_at_bound:
        assert math.copysign(1.0, slope) == math.copysign(1.0, estimate.theta)
    else:
        assert slope == pytest.approx(0.0, abs=1e-6)


@given(PATTERNS)
def test_not_presented_items_say_nothing(scores: tuple[int | None, ...]) -> None:
    kept = [(s, item) for s, item in zip(scores, MIXED, strict=True) if s is not None]
    short = ability.eap([s for s, _ in kept], [item for _, item in kept])
    assert ability.eap(scores, MIXED).theta == pytest.approx(short.theta, abs=1e-12)


def test_with_nothing_presented_eap_is_the_prior_and_likelihood_refuses() -> None:
    nothing = [None] * len(MIXED)
    estimate = ability.eap(nothing, MIXED, ability.Normal(0.5, 0.7))
    assert (estimate.theta, estimate.se) == pytest.approx((0.5, 0.7), abs=1e-7)
    for method in (ability.mle, ability.wle):
        with pytest.raises(irt.TooFewItemsError):
            method(nothing, MIXED)


@given(st.floats(-2.0, 2.0), st.floats(0.3, 4.0))
def test_wide_and_shifted_priors_lose_no_digits(mean: float, sd: float) -> None:
    """The same posterior on many more nodes."""
    prior = ability.Normal(mean, sd)
    scores = (1, 0, 1, 2, 1)
    fine = [mean + sd * 6.0 * k / 500 for k in range(-500, 501)]
    weights = [math.exp(irt.log_likelihood(scores, MIXED, x) + prior.log_density(x)) for x in fine]
    expected = sum(x * w for x, w in zip(fine, weights, strict=True)) / sum(weights)
    assert ability.eap(scores, MIXED, prior).theta == pytest.approx(expected, abs=1e-7)


def test_sum_score_of_rasch_items_says_all_that_the_pattern_says() -> None:
    items = tuple(irt.Rasch(b) for b in (-1.0, 0.0, 0.5, 2.0))
    for pattern in ((1, 0, 0, 1), (0, 1, 1, 0)):
        assert ability.eap_sum_score(items, 2).theta == pytest.approx(ability.eap(pattern, items).theta, abs=1e-12)


def test_route_scores_outside_the_interval_are_impossible() -> None:
    items = tuple(irt.TwoPL(1.0 + 0.2 * k, 0.0) for k in range(4))
    route = (irt.RouteModule(items[:2], 2, 2), irt.RouteModule(items[2:]))
    rows = ability.route_score_table(route)
    assert [row.probability for row in rows[:2]] == [0.0, 0.0]
    assert all(math.isnan(row.theta) for row in rows[:2])
    assert all(low.theta < high.theta for low, high in pairwise(rows[2:]))
    assert ability.route_score_posterior(route, 3).mean == pytest.approx(rows[3].theta, abs=1e-12)


@given(st.floats(-1.5, 1.5), st.floats(0.25, 1.0))
def test_level_probabilities_of_a_normal_posterior_are_normal_areas(cut: float, sd: float) -> None:
    nodes = ability.Normal(0.0, 1.0).nodes()
    density = [math.exp(-0.5 * (x / sd) ** 2) for x in nodes]
    given_scores = ability.Posterior(nodes, tuple(p / sum(density) for p in density))
    expected = 0.5 * (1.0 + math.erf(cut / sd / math.sqrt(2.0)))
    below, above = ability.level_probabilities(given_scores, (cut,))
    assert below == pytest.approx(expected, abs=2e-4)
    assert below + above == pytest.approx(1.0)


def test_levels_between_falling_cuts_are_refused() -> None:
    with pytest.raises(irt.CutScoreError, match="increasing order"):
        ability.level_probabilities(ability.sum_score_posterior(LSAT7, 3), (0.5, 0.0))


@given(st.floats(0.0, 60.0))
def test_sine_integral_has_its_derivative(x: float) -> None:
    h = 1e-3
    expected = math.sin(x) / x if x > 1e-6 else 1.0
    assert (ability.sine_integral(x + h) - ability.sine_integral(x - h)) / (2 * h) == pytest.approx(expected, abs=2e-5)


def test_sine_integral_is_odd_and_tends_to_half_pi() -> None:
    assert ability.sine_integral(-2.0) == -ability.sine_integral(2.0)
    assert ability.sine_integral(1e6) == pytest.approx(math.pi / 2.0, abs=2e-6)


def test_a_prior_without_width_is_refused() -> None:
    with pytest.raises(irt.PriorError, match="sd above 0"):
        ability.Normal(0.0, 0.0)
