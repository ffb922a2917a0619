"""Response functions: laws, limits and enumerated answers."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import irt
from engine.errors import EngineError

SLOPES = st.floats(0.2, 3.0)
PLACES = st.floats(-3.0, 3.0)
THETAS = st.floats(-5.0, 5.0)


@st.composite
def _items(draw: st.DrawFn) -> irt.ItemParameters:
    a, b = draw(SLOPES), draw(PLACES)
    steps = draw(st.lists(PLACES, min_size=1, max_size=4))
    rising = tuple(b + 0.3 * k + abs(s) for k, s in enumerate(sorted(abs(s) for s in steps)))
    return draw(
        st.sampled_from(
            (
                irt.Rasch(b),
                irt.TwoPL(a, b),
                irt.ThreePL(a, b, draw(st.floats(0.0, 0.5))),
                irt.GPCM(a, tuple(steps)),
                irt.Graded(a, rising),
                irt.Nominal(tuple(steps), tuple(reversed(steps))),
            )
        )
    )


ITEMS = _items()


@given(ITEMS, THETAS)
def test_category_probabilities_sum_to_one(item: irt.ItemParameters, theta: float) -> None:
    assert math.fsum(irt.category_probabilities(item, theta)) == pytest.approx(1.0, abs=1e-12)


@given(ITEMS, THETAS)
def test_first_derivatives_agree_with_finite_differences(item: irt.ItemParameters, theta: float) -> None:
    h = 1e-5
    first, _ = irt.log_derivatives(item, theta)
    up, down = irt.log_probabilities(item, theta + h), irt.log_probabilities(item, theta - h)
    for k, value in enumerate(first):
        assert value == pytest.approx((up[k] - down[k]) / (2 * h), abs=1e-6)


@given(ITEMS, THETAS)
def test_second_derivatives_agree_with_finite_differences(item: irt.ItemParameters, theta: float) -> None:
    h = 1e-5
    _, second = irt.log_derivatives(item, theta)
    up, down = irt.log_derivatives(item, theta + h)[0], irt.log_derivatives(item, theta - h)[0]
    for k, value in enumerate(second):
        assert value == pytest.approx((up[k] - down[k]) / (2 * h), abs=1e-6)


@given(ITEMS, THETAS)
def test_probability_derivatives_sum_to_zero(item: irt.ItemParameters, theta: float) -> None:
    _, first, second = irt.probability_derivatives(item, theta)
    assert math.fsum(first) == pytest.approx(0.0, abs=1e-10)
    assert math.fsum(second) == pytest.approx(0.0, abs=1e-10)


@given(ITEMS, THETAS)
def test_information_is_minus_the_expected_second_derivative(item: irt.ItemParameters, theta: float) -> None:
    p, _, d2 = irt.probability_derivatives(item, theta)
    _, second = irt.log_derivatives(item, theta)
    expected = -math.fsum(q * s for q, s in zip(p, second, strict=True))
    assert irt.information(item, theta) == pytest.approx(expected, rel=1e-8, abs=1e-10)
    assert math.fsum(d2) == pytest.approx(0.0, abs=1e-10)


@given(SLOPES, PLACES, st.floats(0.0, 0.5), THETAS)
def test_curves_rise(a: float, b: float, c: float, theta: float) -> None:
    for item in (irt.Rasch(b), irt.TwoPL(a, b), irt.ThreePL(a, b, c), irt.GPCM(a, (b, b)), irt.Graded(a, (b, b + 1))):
        assert irt.expected_score(item, theta) < irt.expected_score(item, theta + 0.1)


@given(SLOPES, PLACES, THETAS)
def test_two_category_models_are_one_family(a: float, b: float, theta: float) -> None:
    p = irt.category_probabilities(irt.TwoPL(a, b), theta)
    same = (
        irt.ThreePL(a, b, 0.0),
        irt.GPCM(a, (b,)),
        irt.Graded(a, (b,)),
        irt.Nominal((a,), (-a * b,)),
    )
    for item in same:
        assert irt.category_probabilities(item, theta) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize("theta", [-800.0, 800.0])
@pytest.mark.parametrize(
    "item",
    [irt.Rasch(0), irt.ThreePL(2, 0, 0.2), irt.GPCM(1, (0, 1)), irt.Graded(1, (0, 1)), irt.Nominal((1, 2), (0, 1))],
    ids=lambda item: type(item).__name__,
)
def test_far_tails_stay_finite(item: irt.ItemParameters, theta: float) -> None:
    assert all(math.isfinite(value) for value in irt.log_probabilities(item, theta))
    assert math.fsum(irt.category_probabilities(item, theta)) == pytest.approx(1.0)


def test_score_distribution_is_the_published_one() -> None:
    """Three 2PL items a = .8 1.2 1.6, b = -1 0 .5 at theta 0, by enumeration of the eight patterns."""
    items = (irt.TwoPL(0.8, -1.0), irt.TwoPL(1.2, 0.0), irt.TwoPL(1.6, 0.5))
    assert irt.score_distribution(items, 0.0) == pytest.approx(
        (0.10695485, 0.39304515, 0.39304515, 0.10695485), abs=5e-9
    )


@given(st.lists(ITEMS, min_size=1, max_size=4), THETAS)
def test_recursion_equals_enumeration(items: list[irt.ItemParameters], theta: float) -> None:
    expected = [0.0] * (sum(irt.max_score(item) for item in items) + 1)
    for pattern in product(*(range(irt.max_score(item) + 1) for item in items)):
        expected[sum(pattern)] += math.exp(irt.log_likelihood(pattern, items, theta))
    assert irt.score_distribution(items, theta) == pytest.approx(expected, abs=1e-12)


@given(THETAS, st.integers(0, 3), st.sampled_from(("module", "total")))
def test_routes_from_one_module_share_its_probability(theta: float, cut: int, counts: str) -> None:
    first = (irt.Rasch(-1.0), irt.Rasch(0.0), irt.TwoPL(1.5, 1.0))
    easy, hard = (irt.Rasch(-2.0), irt.Rasch(-1.5)), (irt.GPCM(1.0, (1.0, 2.0)),)
    rule = "total" if counts == "total" else "module"
    low = irt.route_score_distribution((irt.RouteModule(first, 0, cut, rule), irt.RouteModule(easy)), theta)
    high = irt.route_score_distribution((irt.RouteModule(first, cut + 1, 3, rule), irt.RouteModule(hard)), theta)
    assert math.fsum(low) + math.fsum(high) == pytest.approx(1.0)
    assert math.fsum(low) == pytest.approx(math.fsum(irt.score_distribution(first, theta)[: cut + 1]))


def test_interval_on_the_total_counts_every_module_so_far() -> None:
    one, two = (irt.Rasch(0.0),), (irt.Rasch(0.0),)
    route = (irt.RouteModule(one), irt.RouteModule(two, 2, 2, "total"))
    assert irt.route_score_distribution(route, 0.0) == pytest.approx((0.0, 0.0, 0.25))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: irt.ThreePL(1.0, 0.0, 1.0), "c is 1.0"),
        (lambda: irt.TwoPL(math.nan, 0.0), "a is nan"),
        (lambda: irt.Graded(1.0, (1.0, 0.0)), "increasing order"),
        (lambda: irt.GPCM(1.0, ()), "at least one"),
        (lambda: irt.Graded(1.0, ()), "at least one"),
        (lambda: irt.Nominal((1.0,), ()), "as many as intercepts"),
    ],
)
def test_impossible_parameters_are_refused(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(EngineError, match=words):
        make()


def test_scores_outside_the_item_are_refused() -> None:
    with pytest.raises(irt.ScoreRangeError, match="Item number 2: score 2 is not between 0 and 1"):
        irt.log_likelihood((0, 2), (irt.Rasch(0.0), irt.Rasch(0.0)), 0.0)
    with pytest.raises(irt.LengthError, match="1 scores for 2 items"):
        irt.log_likelihood((0,), (irt.Rasch(0.0), irt.Rasch(0.0)), 0.0)


def test_graded_middle_category_keeps_its_digits_in_the_tail() -> None:
    """log P of a middle category at theta 60 is a (b2 - theta) + log(1 - exp(-a (b2 - b1))) to first order."""
    log_p = irt.log_probabilities(irt.Graded(1.0, (0.0, 1.0)), 60.0)[1]
    assert log_p == pytest.approx(-59.0 + math.log(1.0 - math.exp(-1.0)), rel=1e-14)
