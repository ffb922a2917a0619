"""Results: the level table decides, ability goes with it, and the receipt is enough to compute both again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from engine.ability import Normal, level_probabilities, route_score_posterior
from engine.errors import ResultError
from engine.events import Answered, Expelled, ResetByOrder, Started, Submitted
from engine.ids import ModuleId
from engine.irt import RouteModule
from engine.panel import parse_panel
from engine.result import result, route_ability
from engine.scoring import SCORING_VERSION
from tests.strategies import CUTS, MINUTE_MS, panel_plain, running, sitting


@pytest.mark.rule("NP-3.9-8")
@for_all(st.lists(st.integers(0, 8), min_size=4, max_size=4))
def test_scoring_twice_gives_the_key_count_twice(counts):
    queue = iter(counts)
    right = 0

    def correct(attempt):
        nonlocal right
        number = min(next(queue), len(attempt.items))
        right += number
        return number

    attempt = running().take(correct).attempt
    first, second = result(attempt), result(attempt)
    assert first == second
    assert first.total_correct == sum(first.number_correct.values()) == sum(first.scores.values()) == right
    assert first.scoring_version == SCORING_VERSION


def test_the_receipt_alone_gives_the_level_again():
    panel = parse_panel(panel_plain(), "test")
    for correct in range(9):
        receipt = result(running().take(lambda attempt, n=correct: min(n, len(attempt.items))).attempt)
        modules = [panel.first]
        for step in receipt.route:
            assert step.low <= receipt.number_correct[step.module] <= step.high
            modules.append(step.target)
        assert tuple(modules) == receipt.modules
        assert receipt.level == panel.level_table[receipt.modules][receipt.total_correct]


def test_ability_is_the_sum_scores_on_the_route():
    run = running().take(lambda _: 4)
    outcome = result(run.attempt)
    panel = run.panel
    steps = [(step.low, step.high) for step in outcome.route] + [(None, None)]
    route = [
        RouteModule(tuple(item.parameters for item in panel.scored_items[module] if item.parameters), low, high)
        for module, (low, high) in zip(outcome.modules, steps, strict=True)
    ]
    posterior = route_score_posterior(route, outcome.total_correct, Normal(0.0, 1.5))
    assert (outcome.theta, outcome.se) == (posterior.mean, posterior.sd)
    assert outcome.level_probabilities == level_probabilities(posterior, CUTS)
    assert sum(outcome.level_probabilities) == pytest.approx(1.0, abs=1e-9)


@settings(max_examples=10)
@for_all(st.floats(-1.0, 1.0))
def test_more_correct_on_a_route_is_more_ability(shift):
    plain = panel_plain()
    for item in plain["items"]:
        item["parameters"] = {"model": "rasch", "b": item["parameters"]["b"] + shift}
    panel = parse_panel(plain, "test")
    receipt = result(running().take(lambda attempt: len(attempt.items) if attempt.module == "RM1" else 1).attempt)
    assert receipt.modules == ("RM1", "RM2", "FM-A1A2")
    # 4 to 8 correct in RM1 and 0 or 1 in RM2 lead here; FM-A1A2 adds 0 to 8
    abilities = [route_ability(panel, receipt.route, receipt.modules, total) for total in range(4, 18)]
    assert all(one and other and one.theta < other.theta for one, other in pairwise(abilities))


def test_a_route_cut_short_is_completed_as_if_the_rest_were_left_empty():
    cut = running().answer_module(8)
    cut.tick(75 * MINUTE_MS)
    clicked = running().answer_module(8).leave_module().leave_module().do(Submitted, "candidate")
    short, whole = result(cut.attempt), result(clicked.attempt)
    assert short.completed_modules == ("RM2", "FM-A1A2")
    assert whole.completed_modules == ()
    assert (short.modules, short.level, short.total_correct, short.ability) == (
        whole.modules,
        whole.level,
        whole.total_correct,
        whole.ability,
    )
    assert short.statuses["RM2-1"] != whole.statuses["RM2-1"]


def test_uncalibrated_panels_give_a_level_and_no_ability():
    outcome = result(running("theory").answer_module(9).do(Submitted, "candidate").attempt)
    assert (outcome.level, outcome.theta, outcome.se, outcome.level_probabilities) == ("passed", None, None, ())


def test_a_scored_item_without_parameters_leaves_ability_out():
    plain = panel_plain()
    plain["items"][0]["parameters"] = None
    assert route_ability(parse_panel(plain, "test"), (), (ModuleId("RM1"),), 2) is None


@pytest.mark.parametrize(
    "ended",
    [
        lambda: sitting().log_in(),
        running,
        lambda: running().do(ResetByOrder, 1),
        lambda: sitting().log_in().do(Expelled, 1),
    ],
)
def test_what_never_started_has_not_ended_or_was_reset_has_no_result(ended):
    with pytest.raises(ResultError, match="phase is"):
        result(ended().attempt)


def test_an_expelled_candidates_answers_stand():
    run = running().answer_module(3).do(Expelled, 4)
    assert result(run.attempt).total_correct == 3
    assert run.refusal_code(Started) == "not_in_phase"
    assert run.refusal_code(Answered, "RM1-1", ("A",)) == "not_in_phase"
