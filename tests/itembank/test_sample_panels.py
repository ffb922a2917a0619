"""The sample panels taken by simulated candidates through the real engine."""

from __future__ import annotations

import math
import random
from functools import cache
from pathlib import Path

import pytest

from engine.attempt import Attempt
from engine.events import Answered, ModuleLeft, Submitted
from engine.ids import ItemId, ModuleId
from engine.irt import TwoPL
from engine.panel import ModuleKind, Panel
from engine.result import Result, result
from engine.scoring import ChoiceKey, GapsKey, Key, TextKey
from engine.state import Given
from itembank.bank import Bank, read_bank
from itembank.forms import engine_panel
from tests.strategies import Sitting

BANKS = Path(__file__).parents[2] / "banks"
WRONG = ("nothing of the kind",)
CANDIDATES = 240


@cache
def bank(name: str) -> Bank:
    return read_bank(BANKS / name)


@cache
def given(name: str, panel: str, programme: str) -> Given:
    held = bank(name)
    return Given.of(held.programmes[programme], engine_panel(held, held.panels[panel]))


def right(key: Key) -> tuple[str, ...]:
    match key:
        case ChoiceKey(correct):
            return tuple(sorted(correct))
        case GapsKey(gaps):
            return gaps
        case TextKey(gaps, _, _):
            return tuple(accepted[-1] for accepted in gaps)
        case _:
            raise AssertionError(key)


def take(of: Given, theta: float, chance: random.Random) -> Sitting:
    """One candidate of this ability goes through the part; theta of ±infinity answers all right or wrong."""
    run = Sitting(of, Attempt.waiting(of)).log_in().prepare().start()
    while not run.attempt.has_ended:
        for item_id in run.attempt.items:
            item = run.panel.items[item_id]
            b = item.parameters.b if isinstance(item.parameters, TwoPL) else 0.0
            a = item.parameters.a if isinstance(item.parameters, TwoPL) else 1.0
            is_right = chance.random() < (0.5 + 0.5 * math.tanh(a * (theta - b) / 2))
            run.do(Answered, item_id, right(item.key) if is_right else WRONG)
        if run.attempt.is_last_module:
            run.do(Submitted, "candidate")
        else:
            run.do(ModuleLeft, run.attempt.module)
    return run


def panel_of(of: Given) -> Panel:
    assert isinstance(of.form, Panel)
    return of.form


def path(outcome: Result) -> tuple[ModuleId, ...]:
    """All modules of a route, by where each branch led."""
    return (outcome.route[0].module, *(step.target for step in outcome.route))


READING = [("reading", "norskprove"), ("reading-today", "norskprove-today"), ("reading-demo", "norskprove-demo")]


@cache
def simulated(panel: str, programme: str) -> list[tuple[float, Result]]:
    chance = random.Random(20261122)
    of = given("norskprove-sample", panel, programme)
    thetas = [-3.5 + 7.0 * number / (CANDIDATES - 1) for number in range(CANDIDATES)]
    return [(theta, result(take(of, theta, chance).check_replay().attempt)) for theta in thetas]


@pytest.mark.parametrize(("panel", "programme"), READING)
def test_abler_candidates_get_higher_levels(panel: str, programme: str) -> None:
    of = given("norskprove-sample", panel, programme)
    places = [of.programme.levels.index(outcome.level) for _, outcome in simulated(panel, programme)]
    quarter = CANDIDATES // 4
    means = [sum(places[start : start + quarter]) / quarter for start in range(0, CANDIDATES, quarter)]
    assert means == sorted(means)
    assert means[-1] - means[0] > 2.5


@pytest.mark.parametrize(("panel", "programme"), READING)
def test_every_level_and_every_route_is_met(panel: str, programme: str) -> None:
    of = given("norskprove-sample", panel, programme)
    outcomes = [outcome for _, outcome in simulated(panel, programme)]
    assert {outcome.level for outcome in outcomes} == set(of.programme.levels)
    assert {path(outcome) for outcome in outcomes} == set(panel_of(of).level_table)


@pytest.mark.parametrize(("panel", "programme"), READING)
def test_all_wrong_is_the_lowest_level_and_all_right_the_highest(panel: str, programme: str) -> None:
    of = given("norskprove-sample", panel, programme)
    chance = random.Random(1)
    ends = [result(take(of, theta, chance).attempt).level for theta in (-math.inf, math.inf)]
    assert ends == [of.programme.levels[0], of.programme.levels[-1]]


def test_todays_panel_has_two_routing_modules_and_a_final_one_for_everybody() -> None:
    of = given("norskprove-sample", "reading-today", "norskprove-today")
    for _, outcome in simulated("reading-today", "norskprove-today"):
        kinds = [panel_of(of).modules[module].kind for module in path(outcome)]
        assert kinds == [ModuleKind.ROUTING, ModuleKind.ROUTING, ModuleKind.FINAL]


@pytest.mark.parametrize(("correct", "level"), [(7, "not_passed"), (8, "passed"), (10, "passed")])
def test_the_hunters_exam_is_passed_with_eight_of_ten(correct: int, level: str) -> None:
    of = given("jegerprove-sample", "theory", "jegerprove-demo")
    run = Sitting(of, Attempt.waiting(of)).log_in().prepare().start()
    for number, item in enumerate(run.attempt.items):
        run.do(Answered, item, right(run.panel.items[item].key) if number < correct else WRONG)
    run.do(Submitted, "candidate")
    assert result(run.check_replay().attempt).level == level


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("panel", "programme"), [("listening", "norskprove"), ("listening-today", "norskprove-today")])
def test_listening_runs_to_its_end_by_itself_in_the_minutes_planned(
    panel: str, programme: str, built_sample: Bank
) -> None:
    assert built_sample.panels[panel].part == "listening"
    of = given("norskprove-sample", panel, programme)
    run = Sitting(of, Attempt.waiting(of)).log_in().prepare().start()
    started_ms = run.now_ms
    run.listen(lambda item: right(run.panel.items[ItemId(item)].key)[0])
    assert run.attempt.has_ended
    assert run.now_ms - started_ms == run.planned_ms
    assert of.rules.duration_min_ms is not None
    assert of.rules.duration_max_ms is not None
    assert of.rules.duration_min_ms <= run.planned_ms <= of.rules.duration_max_ms
