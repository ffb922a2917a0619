"""Simulation runs the very panel that candidates get: held equal to the engine, simulee by simulee."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Submitted
from engine.ids import ModuleId
from engine.panel import Panel
from engine.result import result
from psychometrics.data import NOT_PRESENTED
from psychometrics.exact import evaluate, normal_weights
from psychometrics.panels import level_numbers, panel_items
from psychometrics.simulation import simulate
from psychometrics.streams import uniforms
from tests.psychometrics.panels_for_tests import small_panels, walk
from tests.psychometrics.published import published_panel
from tests.strategies import Sitting, panel, panels, running


def _given(of: Panel) -> Sitting:
    """A candidate who has just started this very panel."""
    import dataclasses

    from engine.attempt import Attempt

    sitting = running()
    other = dataclasses.replace(sitting.given, form=of)
    return Sitting(other, Attempt.waiting(other)).log_in().prepare().start()


@settings(max_examples=12)
@given(panels(), st.integers(0, 2**32))
def test_routes_scores_and_levels_are_those_of_the_engine(of: Panel, seed: int) -> None:
    items = panel_items(of)
    theta = np.random.default_rng(seed).normal(0.0, 1.5, 6)
    run = simulate(items.model, theta, seed=seed)
    levels = run.levels(level_numbers(of))
    for k in range(len(theta)):
        right = {item for item, score in zip(items.item_ids, run.scores[k], strict=True) if score == 1}
        sitting = _given(of)
        while not sitting.attempt.is_last_module:
            sitting.answer_module(right).leave_module()
        sitting.answer_module(right).do(Submitted, "candidate")
        official = result(sitting.attempt)
        assert official.modules == run.routes[run.route[k]]
        assert official.total_correct == run.number_correct[k]
        assert of.levels.index(official.level) == levels[k]
        presented = {item for item, score in zip(items.item_ids, run.scores[k], strict=True) if score != NOT_PRESENTED}
        assert presented == {item for module in official.modules for item in of.modules[module].items}


@given(small_panels(), st.integers(0, 2**63))
def test_every_simulee_follows_the_route_tree(of, seed: int) -> None:
    theta = np.linspace(-2.0, 2.0, 40)
    run = simulate(of, theta, seed=seed)
    for k, scores in enumerate(run.scores):
        route = run.routes[run.route[k]]
        assert walk(of, np.maximum(scores, 0)) == (route, run.number_correct[k])
        np.testing.assert_array_equal(np.flatnonzero(scores != NOT_PRESENTED), np.sort(of.route_items(route)))


def test_shares_of_routes_and_scores_lie_within_chance_of_exact_evaluation() -> None:
    of, _ = published_panel()
    n = 60_000
    theta = np.random.default_rng(3).standard_normal(n)
    run = simulate(of, theta, seed=11)
    nodes = np.linspace(-6.0, 6.0, 241)
    exact = evaluate(of, nodes)
    for route, share in run.route_shares().items():
        expected = float(exact.route_probability()[route] @ normal_weights(nodes))
        assert abs(share - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n)


def test_any_part_of_a_simulation_can_be_made_again_by_itself() -> None:
    of, _ = published_panel()
    theta = np.linspace(-2.0, 2.0, 300)
    whole = simulate(of, theta, seed=4)
    part = simulate(of, theta[120:150], seed=4, first_simulee=120)
    np.testing.assert_array_equal(part.scores, whole.scores[120:150])


def test_no_single_number_drives_a_whole_test() -> None:
    """The trap of a simulator that seeds anew for each item: then one uniform decides every answer, residuals of the
    items correlate fully, and ability is estimated with several times its error.
    """
    of, _ = published_panel()
    n = 4000
    run = simulate(of, np.zeros(n), seed=2)
    first = of.members[of.tree.first]
    answers = run.scores[:, first].astype(float)
    between = np.corrcoef(answers.T)[np.triu_indices(len(first), 1)]
    assert np.abs(between).max() < 4.5 / np.sqrt(n)
    # the same check does see the trap: every item answered from the simulee's first number
    p = of.curves.subset(first).correct(np.zeros(1))[:, 0]
    reseeded = (uniforms(2, np.arange(n, dtype=np.uint64), 1) < p).astype(float)
    assert np.corrcoef(reseeded.T)[np.triu_indices(len(first), 1)].max() > 0.8


def test_pilot_items_neither_route_nor_score() -> None:
    from engine.panel import parse_panel
    from tests.strategies import panel_plain

    plain = panel_plain()
    plain["items"][0]["is_scored"] = False
    of = parse_panel(plain, "test")
    items = panel_items(of)
    assert plain["items"][0]["id"] not in items.item_ids
    first = ModuleId("RM1")
    assert items.model.tree.max_scores[first] == len(of.modules[first].items) - 1


def test_an_item_without_parameters_is_named() -> None:
    from dataclasses import replace

    from psychometrics.errors import NotCalibratedError

    of = panel()
    bare = replace(of, items={k: replace(v, parameters=None) for k, v in of.items.items()})
    with pytest.raises(NotCalibratedError, match="has no parameters"):
        panel_items(bare)
