"""The official level table: five results, all of them reachable from the start, by the engine's own routing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.check import check_panel
from engine.ids import ModuleId
from engine.panel import Panel
from engine.result import result, route_ability
from engine.state import RouteStep
from psychometrics.errors import CutOrderError, UnreachableLevelError
from psychometrics.exact import conditional_moments, evaluate, normal_weights
from psychometrics.levels import LevelTable, level_table, monotone_levels, official_table, population_grid
from psychometrics.panels import panel_items
from psychometrics.simulation import simulate
from tests.strategies import (
    CUTS,
    LEVELS,
    REGULATION_GRAPH,
    TODAY_GRAPH,
    Sitting,
    panel,
    panels,
    programme,
    running,
)

FIVE = ("below_A1", "A1", "A2", "B1", "B2")
PRIOR = {"prior_mean": 0.0, "prior_sd": 1.5}
LARGER = {"RM1": 12, "RM2": 8, "RM2A": 10, "RM2B": 10, "RM3": 8, "FM-A1A2": 14, "FM-A2B1": 14, "FM-B1B2": 14}


def sized(graph) -> Panel:
    names = {*graph, *(target for targets in graph.values() for target in targets)}
    return panel(graph=graph, sizes={name: LARGER[name] for name in names})


def candidate(of: Panel) -> Sitting:
    from engine.attempt import Attempt

    sitting = running()
    other = replace(sitting.given, form=of)
    return Sitting(other, Attempt.waiting(other)).log_in().prepare().start()


def official_levels_of_all_module_scores(of: Panel) -> dict[tuple[int, ...], str]:
    """Every way to score each module, driven through the engine's attempt from the start."""
    found: dict[tuple[int, ...], str] = {}
    sizes = [len(items) for items in of.scored_items.values()]
    names = list(of.scored_items)
    seen: set[tuple] = set()
    for scores in product(*(range(size + 1) for size in sizes)):
        wanted = dict(zip(names, scores, strict=True))
        route = route_of(of, wanted)
        taken = tuple(wanted[module] for module in route)
        if (route, taken) in seen:
            continue
        seen.add((route, taken))
        sitting = candidate(of)
        sitting.take(lambda attempt, wanted=wanted: wanted[attempt.path[-1]])
        official = result(sitting.attempt)
        assert official.modules == route
        found[*taken, len(seen)] = str(official.level)
    return found


def route_of(of: Panel, scores) -> tuple:
    route = (of.first,)
    while route[-1] in of.routing:
        rule = next(r for r in of.routing[route[-1]] if r.low <= scores[route[-1]] <= r.high)
        route = (*route, rule.target)
    return route


@pytest.mark.rule("NP-3.9-7", "NP-3.9-9")
@pytest.mark.parametrize("graph", [REGULATION_GRAPH, TODAY_GRAPH], ids=["regulation", "today"])
def test_all_answer_patterns_give_the_five_results_and_no_other(graph) -> None:
    """Within a module only the number correct counts, so all module scores stand for all answer patterns."""
    small = panel(graph=graph, sizes=dict.fromkeys({*graph, *(t for ts in graph.values() for t in ts)}, 3))
    of = official_table(small, (-1.3, -0.6, 0.3, 1.2), prior_mean=0.0, prior_sd=2.0).applied(small)
    levels = set(official_levels_of_all_module_scores(of).values())
    assert levels == set(FIVE)


@pytest.mark.rule("NP-3.9-9")
@pytest.mark.parametrize("graph", [REGULATION_GRAPH, TODAY_GRAPH], ids=["regulation", "today"])
def test_each_result_is_reached_by_a_route_from_the_start_and_the_engine_accepts_the_panel(graph) -> None:
    of = sized(graph)
    table = official_table(of, CUTS, **PRIOR)
    reached = {LEVELS[table.numbers[route][score]] for route, scores in table.reachable.items() for score in scores}
    assert reached == set(FIVE)
    if graph is REGULATION_GRAPH:
        check_panel(table.applied(of), programme())


@pytest.mark.rule("NP-3.9-7")
@settings(max_examples=15)
@given(panels(), st.integers(0, 2**32))
def test_simulees_of_any_panel_get_one_of_the_five_results(of: Panel, seed: int) -> None:
    try:
        table = official_table(of, CUTS, **PRIOR)
    except UnreachableLevelError:
        assume(False)
        raise
    run = simulate(panel_items(of).model, np.random.default_rng(seed).normal(0, 3, 500), seed=seed)
    assert {LEVELS[k] for k in run.levels(table.numbers)} <= set(FIVE)


def test_the_table_compares_the_engines_posterior_mean_with_the_cut_scores() -> None:
    of = sized(REGULATION_GRAPH)
    table = official_table(of, CUTS, **PRIOR)
    calibrated = table.applied(of)
    for route, scores in table.reachable.items():
        steps = []
        modules = tuple(ModuleId(module) for module in route)
        for module, target in pairwise(modules):
            rule = next(r for r in of.routing[module] if r.target == target)
            steps.append(RouteStep(module, 0, rule.low, rule.high, target))
        for score in (scores[0], scores[len(scores) // 2], scores[-1]):
            engine = route_ability(calibrated, tuple(steps), modules, int(score))
            assert engine is not None
            assert table.theta[route][score] == pytest.approx(engine.theta, abs=1e-9)
            assert table.se[route][score] == pytest.approx(engine.se, abs=1e-9)
            np.testing.assert_allclose(table.probabilities[route][score], engine.level_probabilities, atol=2e-4)
            level = int(np.searchsorted(CUTS, engine.theta, side="right"))
            assert table.numbers[route][score] == level


def test_more_correct_answers_never_give_a_lower_level() -> None:
    table = official_table(sized(TODAY_GRAPH), CUTS, **PRIOR)
    for row in table.numbers.values():
        assert (np.diff(row) >= 0).all()
    np.testing.assert_array_equal(monotone_levels(np.array([0.2, -0.1, 0.4]), np.array([0.1])), [1, 1, 1])


def test_a_final_module_gives_no_more_than_its_highest_level() -> None:
    of = sized(REGULATION_GRAPH)
    model = panel_items(of).model
    table = level_table(model, LEVELS, CUTS, highest={"FM-A1A2": "A2", "FM-A2B1": "B1"}, **PRIOR)
    for route, row in table.numbers.items():
        assert row.max() <= {"FM-A1A2": 2, "FM-A2B1": 3}.get(route[-1], 4)


def test_a_level_that_nobody_can_earn_is_refused_with_the_span_of_thetas() -> None:
    of = panel(sizes=dict.fromkeys(("RM1", "RM2", "RM3", "FM-A1A2", "FM-A2B1", "FM-B1B2"), 1))
    with pytest.raises(UnreachableLevelError, match=r"No answer pattern earns .*B2.* Add easier or harder items"):
        official_table(of, (-3.5, -1.0, 0.3, 3.5), **PRIOR)


def test_cut_scores_must_rise_and_be_one_fewer_than_levels() -> None:
    for cuts in ((-1.0, 0.0, 1.0), (-1.0, 0.5, 0.2, 1.0)):
        with pytest.raises(CutOrderError, match="do not part 5 levels"):
            official_table(panel(), cuts, **PRIOR)


def _simulated_accuracy(of: Panel, table: LevelTable) -> float:
    theta = np.random.default_rng(8).normal(0.0, 1.5, 40_000)
    run = simulate(panel_items(of).model, theta, seed=8)
    return float((run.levels(table.numbers) == np.searchsorted(CUTS, theta, side="right")).mean())


def test_the_classification_error_that_it_implies_is_what_simulation_finds() -> None:
    of = sized(TODAY_GRAPH)
    table = official_table(of, CUTS, **PRIOR)
    exact = table.classification.accuracy
    assert abs(_simulated_accuracy(of, table) - exact) < 4.5 * np.sqrt(exact * (1 - exact) / 40_000)


def test_reported_thetas_shrink_towards_the_population_but_not_past_it() -> None:
    of = sized(TODAY_GRAPH)
    table = official_table(of, CUTS, **PRIOR)
    theta = population_grid(0.0, 1.5)
    found = conditional_moments(evaluate(panel_items(of).model, theta), table.theta)
    weights = normal_weights(theta, mean=0.0, sd=1.5)
    assert abs(float(found.mean @ weights)) < 1e-6  # the posterior mean is unbiased over the population
    assert (np.diff(found.mean) > 0).all()
