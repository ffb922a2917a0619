"""Bulk scores: equal to the engine's, and the tables that go with them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine import ability, irt
from psychometrics import scoring
from psychometrics.data import ColumnRoles, Design, ResponseMatrix, RoutingRule, read_responses
from psychometrics.errors import NoParametersError, ParameterMismatchError
from psychometrics.items import ItemParameters

GOLDEN = Path(__file__).parents[1] / "golden" / "irt"
TRUTH = json.loads((GOLDEN / "truth_ml.json").read_text())["lsat7 2PL"]
LSAT7 = read_responses(GOLDEN / "lsat7_patterns.csv", ColumnRoles(weights="freq"))
LSAT7_ITEMS = tuple(
    ItemParameters(name, "2pl", a, (b,)) for name, a, b in zip(LSAT7.item_ids, TRUTH["a"], TRUTH["b"], strict=True)
)
MIXED = (
    ItemParameters("r", "rasch", 1.0, (-1.0,)),
    ItemParameters("t", "2pl", 1.5, (0.3,)),
    ItemParameters("c", "3pl", 1.6, (0.5,), 0.2),
    ItemParameters("p", "gpcm", 0.8, (-0.5, 0.6)),
    ItemParameters("g", "graded", 1.2, (-1.0, 0.0, 1.0)),
    ItemParameters("n", "nominal", slopes=(0.5, 1.2), intercepts=(0.1, -0.3)),
    ItemParameters("h", "3pl", 2.6, (1.5,), 0.3),
)
POWER = (MIXED[0], MIXED[1], MIXED[3])
PRIOR = ability.Normal(0.2, 1.3)
ONE = {
    "eap": lambda scores, items: ability.eap(scores, items, PRIOR),
    "map": lambda scores, items: ability.map_(scores, items, PRIOR),
    "mle": ability.mle,
    "wle": ability.wle,
}


def _matrices(items: tuple[ItemParameters, ...]) -> st.SearchStrategy[np.ndarray]:
    tops = [item.max_score for item in items]
    cells = st.tuples(*(st.integers(-1, top) for top in tops))
    return st.lists(cells, min_size=1, max_size=6).map(lambda rows: np.array(rows, dtype=np.int8))


@pytest.mark.parametrize("method", ["eap", "map", "mle", "wle"])
@pytest.mark.parametrize("items", [MIXED, POWER], ids=["mixed", "power"])
def test_bulk_and_engine_agree_to_nine_digits(method: scoring.Method, items: tuple[ItemParameters, ...]) -> None:
    scalar = [item.to_engine() for item in items]
    names = tuple(item.item_id for item in items)

    @settings(max_examples=25, deadline=None)
    @given(_matrices(items))
    def check(scores: np.ndarray) -> None:
        found = scoring.score(ResponseMatrix(scores, names), items, method, priors=PRIOR)
        for k, row in enumerate(scores.tolist()):
            pattern = [cell if cell >= 0 else None for cell in row]
            if method in {"mle", "wle"} and not any(cell is not None for cell in pattern):
                assert math.isnan(found.theta[k])
                continue
            expected = ONE[method](pattern, scalar)
            assert found.theta[k] == pytest.approx(expected.theta, abs=1e-9)
            assert found.se[k] == pytest.approx(expected.se, rel=1e-8)
            assert bool(found.is_at_bound[k]) == expected.is_at_bound

    check()


def test_many_persons_at_once_are_each_the_engines() -> None:
    """More than one chunk, with forms mixed in every order."""
    rng = np.random.default_rng(3)
    scores = np.array([[rng.integers(-1, item.max_score + 1) for item in MIXED] for _ in range(2500)], dtype=np.int8)
    found = scoring.score(ResponseMatrix(scores, tuple(i.item_id for i in MIXED)), MIXED, "wle")
    scalar = [item.to_engine() for item in MIXED]
    for k in range(0, 2500, 83):
        pattern = [cell if cell >= 0 else None for cell in scores[k].tolist()]
        if any(cell is not None for cell in pattern):
            assert found.theta[k] == pytest.approx(ability.wle(pattern, scalar).theta, abs=1e-9)


def test_of_two_likelihood_peaks_the_higher_is_taken() -> None:
    """Easy items wrong and hard 3PL items right: the likelihood has two maxima, and both packages take the higher."""
    items = (
        *(ItemParameters(f"e{k}", "2pl", 1.2, (-1.0,)) for k in range(3)),
        *(ItemParameters(f"h{k}", "3pl", 4.0, (2.0,), 0.2) for k in range(2)),
    )
    pattern = (0, 0, 1, 1, 1)
    scores = np.array([pattern], dtype=np.int8)
    scalar = [item.to_engine() for item in items]
    grid = np.linspace(-6.0, 6.0, 2401)
    heights = [irt.log_likelihood(pattern, scalar, x) for x in grid.tolist()]
    peaks = [k for k in range(1, 2400) if heights[k - 1] < heights[k] >= heights[k + 1]]
    assert len(peaks) == 2
    expected = grid[max(peaks, key=lambda k: heights[k])]
    found = scoring.score(ResponseMatrix(scores, tuple(i.item_id for i in items)), items, "mle")
    assert found.theta[0] == pytest.approx(expected, abs=0.01)
    assert ability.mle(pattern, scalar).theta == pytest.approx(found.theta[0], abs=1e-9)


def test_sum_score_abilities_of_lsat7_are_the_published_ones() -> None:
    """EAPsum and SE of R mirt, to the digits printed."""
    table = scoring.score_tables(LSAT7_ITEMS)[0]
    theta = (-1.8697835, -1.4318646, -0.9488539, -0.4131964, 0.1517329, 0.7271848)
    np.testing.assert_allclose(table.theta, theta, atol=1e-7)
    np.testing.assert_allclose(table.se, (0.69270, 0.68387, 0.69423, 0.72110, 0.75877, 0.80093), atol=5e-6)
    frequency = (10.08986, 44.65899, 109.77300, 207.73827, 319.18596, 308.55391)
    np.testing.assert_allclose(1000.0 * table.probability, frequency, atol=1e-5)
    found = scoring.score(LSAT7, LSAT7_ITEMS, "eapsum")
    np.testing.assert_allclose(found.theta, np.array(theta)[LSAT7.scores.sum(axis=1)], atol=1e-7)


def test_weighted_likelihood_of_lsat7_is_the_published_one() -> None:
    """R mirt 1.47, whose optimiser stops within 1e-6 of the root."""
    found = scoring.score(LSAT7, LSAT7_ITEMS, "wle")
    by_pattern = {"".join(map(str, row)): theta for row, theta in zip(LSAT7.scores.tolist(), found.theta, strict=True)}
    assert by_pattern["00000"] == pytest.approx(-4.13707195, abs=1e-6)
    assert by_pattern["10011"] == pytest.approx(-1.26060026, abs=1e-6)
    assert by_pattern["11111"] == pytest.approx(1.08818731, abs=1e-6)


def test_extreme_patterns_are_flagged_and_wide() -> None:
    """The trap: maximum likelihood of all wrong is -infinity; the weighted estimate is finite, its error above 1.9."""
    found = scoring.score(LSAT7, LSAT7_ITEMS, "mle")
    is_extreme = np.isin(LSAT7.scores.sum(axis=1), (0, 5))
    np.testing.assert_array_equal(found.is_at_bound, is_extreme)
    assert scoring.score(LSAT7, LSAT7_ITEMS, "wle").se[0] > 1.9


@settings(max_examples=20, deadline=None)
@given(arrays.arrays(np.int8, (3, 7), elements=st.integers(0, 1)))
def test_not_reached_is_incorrect_unless_told_otherwise(scores: np.ndarray) -> None:
    names = tuple(item.item_id for item in MIXED)
    late = scores.copy()
    late[:, 5:] = -2
    wrong, missing = scores.copy(), scores.copy()
    wrong[:, 5:], missing[:, 5:] = 0, -1
    np.testing.assert_array_equal(
        scoring.score(ResponseMatrix(late, names), MIXED).theta,
        scoring.score(ResponseMatrix(wrong, names), MIXED).theta,
    )
    np.testing.assert_array_equal(
        scoring.score(ResponseMatrix(late, names), MIXED, not_reached="missing").theta,
        scoring.score(ResponseMatrix(missing, names), MIXED).theta,
    )


def test_each_group_has_its_prior() -> None:
    scores = np.array([[1, 0, 1], [1, 0, 1]], dtype=np.int8)
    data = ResponseMatrix(scores, tuple(i.item_id for i in POWER), groups=np.array(["a", "b"]))
    priors = {"a": ability.Normal(0.0, 1.0), "b": ability.Normal(1.0, 0.5)}
    found = scoring.score(data, POWER, "eap", priors=priors)
    scalar = [item.to_engine() for item in POWER]
    for k, name in enumerate("ab"):
        assert found.theta[k] == pytest.approx(ability.eap((1, 0, 1), scalar, priors[name]).theta, abs=1e-9)


DESIGN = Design(
    {"A": ("r", "t"), "B": ("c", "p"), "C": ("g", "n", "h")},
    (RoutingRule("A", "B", 0, 1), RoutingRule("A", "C", 2, 2)),
)


def test_route_tables_are_the_engines() -> None:
    known = {item.item_id: item.to_engine() for item in MIXED}
    tables = scoring.score_tables(MIXED, DESIGN, PRIOR)
    assert [table.route for table in tables] == ["A-B", "A-C"]
    first = irt.RouteModule((known["r"], known["t"]), 0, 1)
    rows = ability.route_score_table((first, irt.RouteModule((known["c"], known["p"]))), PRIOR)
    np.testing.assert_allclose(tables[0].theta, [row.theta for row in rows], atol=1e-12)
    np.testing.assert_allclose(tables[0].se, [row.se for row in rows], atol=1e-12)
    np.testing.assert_allclose(tables[0].probability, [row.probability for row in rows], atol=1e-12)
    assert sum(float(table.probability.sum()) for table in tables) == pytest.approx(1.0)


def test_routing_on_the_total_is_the_engines_too() -> None:
    design = Design(DESIGN.modules, (RoutingRule("A", "B", 0, 2, "total"), RoutingRule("B", "C", 2, 9, "total")))
    known = {item.item_id: item.to_engine() for item in MIXED}
    route = (
        irt.RouteModule((known["r"], known["t"]), 0, 2, "total"),
        irt.RouteModule((known["c"], known["p"]), 2, 9, "total"),
        irt.RouteModule((known["g"], known["n"], known["h"])),
    )
    table = scoring.score_tables(MIXED, design)[0]
    expected = [row.probability for row in ability.route_score_table(route)]
    np.testing.assert_allclose(table.probability, expected, atol=1e-12)


def test_the_route_taken_counts_in_the_ability_given_the_sum_score() -> None:
    """Persons on route A-B with the same total: 0 or 1 on module A led there, so 2 on it is impossible."""
    known = {item.item_id: item.to_engine() for item in MIXED}
    scores = np.array([[1, 0, 1, 2, -1, -1, -1], [1, 1, -1, -1, 2, 1, 0]], dtype=np.int8)
    data = ResponseMatrix(scores, tuple(item.item_id for item in MIXED))
    found = scoring.score(data, MIXED, "eapsum", priors=PRIOR, design=DESIGN)
    easy = (irt.RouteModule((known["r"], known["t"]), 0, 1), irt.RouteModule((known["c"], known["p"])))
    hard = (irt.RouteModule((known["r"], known["t"]), 2, 2), irt.RouteModule((known["g"], known["n"], known["h"])))
    for k, (route, total) in enumerate(((easy, 4), (hard, 5))):
        row = ability.route_score_table(route, PRIOR)[total]
        assert (found.theta[k], found.se[k]) == pytest.approx((row.theta, row.se), abs=1e-12)
    plain = scoring.score(data, MIXED, "eapsum", priors=PRIOR)
    assert (np.abs(plain.theta - found.theta) > 0.01).all()


def test_inverse_tcc_scores_are_those_of_the_table_and_flagged_beyond_it() -> None:
    names = tuple(item.item_id for item in POWER)
    scores = np.array([[0, 0, 0], [1, 0, 1], [1, 1, 2]], dtype=np.int8)
    found = scoring.score(ResponseMatrix(scores, names), POWER, "inverse_tcc")
    theta, se = scoring.inverse_tcc(POWER)
    assert found.is_at_bound.tolist() == [True, False, True]
    assert (found.theta[1], found.se[1]) == (theta[2], se[2])
    assert found.theta[[0, 2]].tolist() == [-ability.BOUND, ability.BOUND]


def test_inverse_tcc_gives_the_score_back() -> None:
    theta, se = scoring.inverse_tcc(MIXED)
    scalar = [item.to_engine() for item in MIXED]
    inside = np.flatnonzero(np.isfinite(theta))
    assert inside.tolist() == list(range(1, 11))
    for k in inside.tolist():
        assert sum(irt.expected_score(item, float(theta[k])) for item in scalar) == pytest.approx(k, abs=1e-9)
    assert (se[inside] > 0.0).all()


def test_plausible_values_have_the_populations_spread_which_eap_has_not() -> None:
    rng = np.random.default_rng(8)
    theta = rng.normal(0.2, 1.3, 4000)
    p = 1.0 / (1.0 + np.exp(-(theta[:, None] - np.linspace(-2, 2, 12))))
    items = tuple(ItemParameters(f"i{k}", "rasch", 1.0, (b,)) for k, b in enumerate(np.linspace(-2, 2, 12).tolist()))
    data = ResponseMatrix((rng.random(p.shape) < p).astype(np.int8), tuple(i.item_id for i in items))
    drawn = scoring.plausible_values(data, items, 3, seed=1, priors=PRIOR)
    assert drawn.std() == pytest.approx(1.3, abs=0.05)
    assert drawn.mean() == pytest.approx(0.2, abs=0.05)
    found = scoring.score(data, items, "eap", priors=PRIOR)
    assert found.theta.std() < 1.2
    np.testing.assert_allclose(drawn.mean(axis=1).mean(), found.theta.mean(), atol=0.03)
    np.testing.assert_array_equal(drawn, scoring.plausible_values(data, items, 3, seed=1, priors=PRIOR))
    assert not np.array_equal(drawn, scoring.plausible_values(data, items, 3, seed=2, priors=PRIOR))


def test_reliability_is_the_squared_correlation_with_true_ability() -> None:
    rng = np.random.default_rng(9)
    theta = rng.standard_normal(20000)
    b = rng.normal(0.0, 1.0, 30)
    items = tuple(ItemParameters(f"i{k}", "rasch", 1.0, (float(x),)) for k, x in enumerate(b))
    scores = (rng.random((20000, 30)) < 1.0 / (1.0 + np.exp(-(theta[:, None] - b)))).astype(np.int8)
    data = ResponseMatrix(scores, tuple(i.item_id for i in items))
    for method in ("eap", "wle"):
        found = scoring.score(data, items, method)
        assert found.reliability() == pytest.approx(np.corrcoef(found.theta, theta)[0, 1] ** 2, abs=0.03)


def test_items_without_parameters_and_impossible_scores_are_told() -> None:
    with pytest.raises(NoParametersError, match="'z'"):
        scoring.score(ResponseMatrix(np.zeros((1, 1), np.int8), ("z",)), MIXED)
    with pytest.raises(ParameterMismatchError, match="have score 2, but its parameters end at 1"):
        scoring.score(ResponseMatrix(np.full((1, 1), 2, np.int8), ("r",)), MIXED)
