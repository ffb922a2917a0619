"""Number-correct intervals from the items: shares and information, held to their definitions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ids import ModuleId
from psychometrics.curves import LogisticCurves
from psychometrics.errors import RoutingGraphError
from psychometrics.exact import evaluate, normal_weights, number_correct_distribution
from psychometrics.panels import tree_of_rules
from psychometrics.thresholds import (
    RoutingProblem,
    by_information,
    by_population,
    information_crossing,
    number_correct_cut,
)

THETA = np.linspace(-6.0, 6.0, 121)
WEIGHTS = normal_weights(THETA)
FIRST = ModuleId("R")
GRAPH = {"R": ("E", "M", "H"), "E": ("e", "m"), "M": ("e", "m", "h"), "H": ("m", "h")}
CENTRES = {"R": 0.0, "E": -1.0, "M": 0.0, "H": 1.0, "e": -1.2, "m": 0.0, "h": 1.2}


def problem(seed: int, n: int = 8) -> RoutingProblem:
    rng = np.random.default_rng(seed)
    b = np.concatenate([rng.normal(centre, 0.5, n) for centre in CENTRES.values()])
    curves = LogisticCurves(rng.lognormal(0.1, 0.3, len(b)), b, np.zeros(len(b)))
    members = {name: np.arange(k * n, (k + 1) * n) for k, name in enumerate(CENTRES)}
    return RoutingProblem("R", GRAPH, curves, members, THETA, WEIGHTS)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_intervals_cover_every_score_once_from_easy_to_hard(seed: int) -> None:
    of = problem(seed)
    for rules in (by_information(of), by_population(of, {m: [1 / len(t)] * len(t) for m, t in GRAPH.items()})):
        for module, leads in rules.items():
            assert [rule.target for rule in leads] == list(GRAPH[module])
            assert leads[0].low == 0
            assert leads[-1].high == len(of.members[module])
            for below, above in pairwise(leads):
                assert above.low == below.high + 1


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_population_shares_are_as_near_as_whole_scores_allow(seed: int) -> None:
    of = problem(seed)
    rules = by_population(of, {"R": [0.3, 0.4, 0.3], "E": [0.5, 0.5], "M": [0.2, 0.6, 0.2], "H": [0.5, 0.5]})
    scores = number_correct_distribution(of.curves.subset(of.members["R"]).correct(THETA)) @ WEIGHTS
    below = np.concatenate([[0.0], np.cumsum(scores)])
    for rule, wanted in zip(rules[FIRST][1:], (0.3, 0.7), strict=True):
        assert abs(below[rule.low] - wanted) == pytest.approx(np.abs(below - wanted).min())


def test_no_other_cut_gives_more_information_to_those_who_are_routed() -> None:
    of = problem(3)
    rules = by_information(of)
    scores = number_correct_distribution(of.curves.subset(of.members["R"]).correct(THETA)) * WEIGHTS
    worth = np.array([
        scores @ of.curves.subset(of.members[target]).information(THETA).sum(axis=0) for target in GRAPH["R"]
    ])  # fmt: skip

    def total(low: int, high: int) -> float:
        return float(worth[0, :low].sum() + worth[1, low:high].sum() + worth[2, high:].sum())

    chosen = total(rules[FIRST][1].low, rules[FIRST][2].low)
    assert all(total(low, high) <= chosen + 1e-12 for low in range(1, 8) for high in range(low + 1, 9))


def test_routing_by_information_makes_a_working_panel() -> None:
    of = problem(5)
    tree = tree_of_rules("R", {m: len(i) for m, i in of.members.items()}, by_information(of))
    from psychometrics.exact import PanelModel

    found = evaluate(PanelModel(tree, of.curves, of.members), THETA)
    able, weak = np.searchsorted(THETA, [2.5, -2.5])
    assert found.exposure["h"][able] > 0.9
    assert found.exposure["e"][weak] > 0.9


def test_information_crosses_between_two_equal_items_halfway() -> None:
    curves = LogisticCurves(np.ones(2), np.array([-0.8, 1.4]), np.zeros(2))
    easy, hard = curves.information(THETA)
    assert information_crossing(easy, hard, THETA) == pytest.approx(0.3, abs=1e-3)
    assert number_correct_cut(8 * curves.correct(THETA)[0], THETA, -0.8) == 5


def test_modules_in_a_circle_are_refused() -> None:
    from dataclasses import replace

    with pytest.raises(RoutingGraphError, match="lead to one another in a circle"):
        by_information(replace(problem(1), graph={"R": ("E", "M"), "E": ("R", "m")}))
