"""Exact evaluation of panels against the published answer, enumeration, and the engine's scalar formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import ndtr

from engine import ability, irt
from engine.panel import RoutingBasis
from psychometrics.curves import LogisticCurves
from psychometrics.errors import PanelShapeError
from psychometrics.exact import (
    PanelModel,
    RouteTree,
    classify,
    conditional_moments,
    eap_tables,
    evaluate,
    inverse_tcc_tables,
    normal_weights,
    number_correct_distribution,
    rudner,
    sum_score_distribution,
    warm_tables,
)
from tests.psychometrics.panels_for_tests import enumerate_panel, small_panels
from tests.psychometrics.published import published_panel, read_matrix

THETAS = np.linspace(-4.0, 4.0, 81).round(10)
NODES = np.linspace(-6.0, 6.0, 61)


def logistic(panel: PanelModel) -> LogisticCurves:
    assert isinstance(panel.curves, LogisticCurves)
    return panel.curves


def test_the_published_panel_has_its_seven_routes() -> None:
    panel, _ = published_panel()
    assert ["".join(route) for route in panel.tree.routes()] == ["125", "126", "135", "136", "137", "146", "147"]


def test_bias_and_conditional_error_are_those_of_lim_davey_and_wells() -> None:
    panel, _ = published_panel()
    tables = inverse_tcc_tables(panel, panel.tree.routes(), lower=-5.0, upper=5.0, tolerance=1e-4)
    found = conditional_moments(evaluate(panel, THETAS), tables)
    answer = read_matrix("simMST_eval_answer.csv")
    for column, ours in enumerate((found.mean, found.variance, found.bias, found.csem), start=1):
        np.testing.assert_allclose(ours, answer[:, column], rtol=0, atol=2e-9)
        # the answer is exact at every eighth theta only, and there we are too
        np.testing.assert_allclose(ours[::8], answer[::8, column], rtol=0, atol=1e-12)


def test_score_tables_of_the_published_routes_are_the_printed_ones() -> None:
    """Printed by irtQ: stage 2, route 3, and stage 3, routes 1 and 7."""
    panel, begun = published_panel()
    complete = inverse_tcc_tables(panel, panel.tree.routes(), lower=-5.0, upper=5.0, tolerance=1e-4)
    printed = {
        ("1", "4"): {1: -3.77701172, 7: -0.19230469, 8: 0.08628906, 15: 2.07894531},
        ("1", "2", "5"): {1: -4.24800781, 4: -2.24613281, 12: -0.81464844, 23: 1.89324219},
        ("1", "4", "7"): {2: -3.42513021, 12: 0.22449219, 18: 1.09160156, 23: 2.38699219},
    }
    tables = {**begun, **complete}
    for route, rows in printed.items():
        for score, theta in rows.items():
            assert tables[route][score] == pytest.approx(theta, abs=5e-9)


def test_inverse_tcc_inverts_the_expected_score() -> None:
    panel, _ = published_panel()
    for route, table in inverse_tcc_tables(panel, panel.tree.routes()).items():
        expected = panel.curves.subset(panel.route_items(route)).correct(table).sum(axis=0)
        guess = logistic(panel).c[panel.route_items(route)].sum()
        scores = np.arange(len(table))
        solvable = (scores > guess) & (scores < len(table) - 1)
        np.testing.assert_allclose(expected[solvable], scores[solvable], rtol=0, atol=1e-9)
        assert (np.diff(table) > 0).all()


@given(small_panels(), st.floats(-3.0, 3.0))
def test_joint_distribution_equals_enumeration_of_all_answer_patterns(panel: PanelModel, theta: float) -> None:
    found = evaluate(panel, np.array([theta]))
    for route, probabilities in enumerate_panel(panel, theta).items():
        np.testing.assert_allclose(found.joint[route][:, 0], probabilities, rtol=0, atol=1e-13)


@given(small_panels())
def test_routes_and_scores_share_out_all_probability(panel: PanelModel) -> None:
    found = evaluate(panel, NODES)
    np.testing.assert_allclose(sum(found.route_probability().values()), 1.0, atol=1e-12)
    np.testing.assert_allclose(found.exposure[panel.tree.first], 1.0, atol=1e-12)
    for module, exposure in found.exposure.items():
        by_routes = sum(p for route, p in found.route_probability().items() if module in route)
        np.testing.assert_allclose(exposure, by_routes, atol=1e-12)


@given(small_panels())
def test_eap_tables_equal_the_engines_scalar_table(panel: PanelModel) -> None:
    evaluation = evaluate(panel, NODES)
    assume(all(joint.any() for joint in evaluation.joint.values()))
    means, sds = eap_tables(evaluation, normal_weights(NODES))
    curves = logistic(panel)
    counts = "module" if panel.tree.basis is RoutingBasis.MODULE else "total"
    for route in panel.tree.routes():
        modules = []
        for k, module in enumerate(route):
            items = tuple(
                irt.ThreePL(float(curves.a[i]), float(curves.b[i]), float(curves.c[i])) for i in panel.members[module]
            )
            low = high = None
            if k < len(route) - 1:
                scores = [s for s, t in enumerate(panel.tree.next_module[route[: k + 1]]) if t == route[k + 1]]
                low, high = scores[0], scores[-1]
            modules.append(irt.RouteModule(items, low, high, counts))
        for row in ability.route_score_table(modules):
            if row.probability > 1e-12:
                assert means[route][row.score] == pytest.approx(row.theta, abs=1e-9)
                assert sds[route][row.score] == pytest.approx(row.se, abs=1e-9)


def test_lord_wingersky_by_hand() -> None:
    """a = .8 1.2 1.6, b = -1 0 .5, theta 0: by enumeration of the eight patterns."""
    curves = LogisticCurves(np.array([0.8, 1.2, 1.6]), np.array([-1.0, 0.0, 0.5]), np.zeros(3))
    p = number_correct_distribution(curves.correct(np.zeros(1)))[:, 0]
    np.testing.assert_allclose(p, [0.10695485, 0.39304515, 0.39304515, 0.10695485], atol=5e-9)


def test_sum_scores_of_two_categories_are_numbers_correct() -> None:
    p = np.random.default_rng(1).random((5, 7))
    by_categories = sum_score_distribution([np.array([1 - row, row]) for row in p])
    np.testing.assert_allclose(by_categories, number_correct_distribution(p), atol=1e-15)


def test_warm_table_of_rasch_items_is_the_engines_estimate() -> None:
    b = np.array([-1.2, -0.4, 0.1, 0.9, 1.6])
    panel = PanelModel(RouteTree("F", {"F": 5}, {}), LogisticCurves(np.ones(5), b, np.zeros(5)), {"F": np.arange(5)})
    table = warm_tables(panel, [("F",)])["F",]
    items = [irt.Rasch(float(x)) for x in b]
    for score in range(6):
        expected = ability.wle([1] * score + [0] * (5 - score), items).theta
        assert table[score] == pytest.approx(expected, abs=1e-6)


def test_classification_figures_agree_with_their_definitions() -> None:
    panel, _ = published_panel()
    weights = normal_weights(THETAS)
    evaluation = evaluate(panel, THETAS)
    cuts = np.array([-1.0, 0.0, 1.0])
    means, _ = eap_tables(evaluation, weights)
    levels = {route: np.searchsorted(cuts, mean, side="right") for route, mean in means.items()}
    found = classify(evaluation, levels, cuts, weights)
    np.testing.assert_allclose(found.level_probability.sum(axis=0), 1.0, atol=1e-12)
    assert found.confusion.sum() == pytest.approx(1.0)
    assert found.accuracy == pytest.approx(np.trace(found.confusion))
    above, below = found.cut_errors()
    upper, lower = np.triu(found.confusion, 1), np.tril(found.confusion, -1)
    assert above[1] == pytest.approx(upper[:2, 2:].sum())
    assert below[1] == pytest.approx(lower[2:, :2].sum())
    assert found.accuracy > found.consistency > 0.5
    # two testings that agree by chance only would agree this often
    by_chance = (found.confusion.sum(axis=0) ** 2).sum()
    assert found.kappa == pytest.approx((found.consistency - by_chance) / (1 - by_chance))


def test_a_panel_without_error_places_everybody_rightly() -> None:
    """Steep items at the cut: theta far from it is never misplaced."""
    n = 9
    panel = PanelModel(
        RouteTree("F", {"F": n}, {}), LogisticCurves(np.full(n, 60.0), np.zeros(n), np.zeros(n)), {"F": np.arange(n)}
    )
    theta = np.array([-1.0, 1.0])
    levels = {("F",): np.array([0] * 5 + [1] * 5)}
    found = classify(evaluate(panel, theta), levels, np.array([0.0]), np.array([0.5, 0.5]))
    assert found.accuracy == pytest.approx(1.0)
    assert found.consistency == pytest.approx(1.0)


def test_rudner_is_a_difference_of_normal_probabilities() -> None:
    theta, se = np.array([-0.5, 0.7]), np.array([0.4, 0.2])
    found = rudner(theta, se, np.array([0.1]), np.array([0.5, 0.5]))
    right = [ndtr(0.6 / 0.4), 1 - ndtr(-0.6 / 0.2)]
    np.testing.assert_allclose(found.conditional_accuracy, right, atol=1e-15)
    assert found.accuracy == pytest.approx(np.mean(right))


def test_routing_that_forgets_a_score_is_refused() -> None:
    with pytest.raises(PanelShapeError, match="Route R has 2 routing entries where its scores need 3"):
        RouteTree("R", {"R": 2, "E": 1}, {("R",): ("E", "E")})


def test_a_module_of_another_size_than_its_points_is_refused() -> None:
    curves = LogisticCurves(np.ones(2), np.zeros(2), np.zeros(2))
    with pytest.raises(PanelShapeError, match="has 2 items for 3 score points"):
        PanelModel(RouteTree("R", {"R": 3}, {}), curves, {"R": np.arange(2)})


def test_a_route_that_nobody_can_take_is_refused() -> None:
    """After 1 of 1 in R the total is 1 or 2, so a total of 0 never leads from M to E."""
    tree = RouteTree(
        "R",
        {"R": 1, "M": 1, "E": 1, "H": 1},
        {("R",): ("E", "M"), ("R", "M"): ("E", "H", "H")},
        RoutingBasis.ROUTE,
    )
    curves = LogisticCurves(np.ones(4), np.zeros(4), np.zeros(4))
    panel = PanelModel(tree, curves, {name: np.array([k]) for k, name in enumerate("RMEH")})
    with pytest.raises(PanelShapeError, match="Route R-M-E cannot be taken"):
        eap_tables(evaluate(panel, NODES), normal_weights(NODES))


def test_where_grid_points_lie_beside_the_cut_scores_hardly_matters() -> None:
    panel, _ = published_panel()
    cuts = np.array([-1.0, 0.0, 1.0])
    found = []
    for step, shift in ((0.02, 0.0), (0.02, 0.007), (0.01, 0.0)):
        theta = np.arange(-6.0, 6.0, step, dtype=np.float64) + shift
        weights = normal_weights(theta)
        evaluation = evaluate(panel, theta)
        nodes = np.linspace(-6, 6, 61)
        means, _ = eap_tables(evaluate(panel, nodes), normal_weights(nodes))
        levels = {route: np.searchsorted(cuts, mean, side="right") for route, mean in means.items()}
        found.append(classify(evaluation, levels, cuts, weights).accuracy)
    assert np.ptp(found) < 1e-4
