"""Where numbers correct lead, in both route graphs."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.attempt import Attempt, Given, Phase, RouteStep
from engine.errors import PanelError
from engine.events import Answered, ModuleLeft, Submitted
from engine.ids import ItemId, ModuleId
from engine.panel import ModuleKind, Panel, parse_panel
from engine.result import result
from tests.strategies import REGULATION_GRAPH, TODAY_GRAPH, Sitting, panel_plain, panels, part_plain, programme, running

GRAPHS = [REGULATION_GRAPH, TODAY_GRAPH]


def start(panel: Panel) -> Sitting:
    parts = [part_plain("reading", route_graph={})]
    of = Given.of(programme(parts=parts), panel)
    return Sitting(of, Attempt.waiting(of)).log_in().prepare().start()


def kinds(run: Sitting) -> list[ModuleKind]:
    panel = run.attempt.panel
    assert panel is not None
    return [panel.modules[module].kind for module in run.attempt.path]


@for_all(panels(), st.data())
def test_routing_ends_for_every_answer_pattern(panel, data):
    run = start(panel)
    for _ in range(len(panel.modules)):
        right = data.draw(st.sets(st.sampled_from(run.attempt.items)))
        run.answer_module(right)
        if run.attempt.is_last_module:
            break
        run.leave_module()
    run.do(Submitted, "candidate").check_replay()
    assert kinds(run)[-1] is ModuleKind.FINAL
    assert result(run.attempt).level in panel.levels


@pytest.mark.rule("NP-4-3")
@for_all(panels(), st.data())
def test_a_route_has_one_to_three_routing_modules_and_one_final_module_last(panel, data):
    run = start(panel).take(lambda attempt: data.draw(st.integers(0, len(attempt.items))))
    *before, last = kinds(run)
    assert 1 <= len(before) <= 3
    assert set(before) == {ModuleKind.ROUTING}
    assert last is ModuleKind.FINAL


@pytest.mark.rule("NP-4-4")
@pytest.mark.parametrize("part", ["reading", "listening"])
def test_everybody_starts_with_routing_module_1(part):
    run = running(part)
    assert run.attempt.path == ("RM1",)
    assert run.attempt.items[0] == "RM1-1"


@pytest.mark.parametrize(
    ("before", "module", "low", "high"),
    [
        pytest.param([], "RM1", "FM-A1A2", "RM2", marks=pytest.mark.rule("NP-4-5")),
        pytest.param([8], "RM2", "FM-A1A2", "RM3", marks=pytest.mark.rule("NP-4-6")),
        pytest.param([8, 4], "RM3", "FM-A2B1", "FM-B1B2", marks=pytest.mark.rule("NP-4-7")),
    ],
)
@pytest.mark.parametrize("part", ["reading", "listening"])
def test_each_score_on_a_routing_module_leads_to_one_of_its_two_targets(part, before, module, low, high):
    seen = set()
    size = 8 if module == "RM1" else 4
    for correct in range(size + 1):
        run = running(part)
        if part == "listening":
            scores = {"RM1": 8, "RM2": 4} | {module: correct}
            right = {f"{name}-{number}" for name, score in scores.items() for number in range(1, score + 1)}
            run.listen(lambda item, right=right: "A" if item in right else "B")
        else:
            for each in before:
                run.answer_module(each).leave_module()
            run.answer_module(correct).leave_module()
        step = next(step for step in run.attempt.route if step.module == module)
        assert step.number_correct == correct
        assert step.target == (low if correct < size // 2 else high)
        assert step.low <= correct <= step.high
        seen.add(step.target)
    assert seen == {low, high}


@pytest.mark.rule("NP-4-8")
def test_every_pattern_with_the_same_count_takes_the_same_route():
    for correct in range(9):
        targets = set()
        for right in combinations([f"RM1-{number}" for number in range(1, 9)], correct):
            run = running().answer_module(right).leave_module()
            targets.add(run.attempt.route)
        assert len(targets) == 1


@pytest.mark.rule("NP-4-8")
@for_all(panels(), st.data())
def test_equal_counts_give_equal_routes_and_levels(panel, data):
    counts = {module.id: data.draw(st.integers(0, len(module.items))) for module in panel.modules.values()}
    runs = []
    for _ in range(2):
        run = start(panel)
        while True:
            here = run.attempt
            order = data.draw(st.permutations(here.items))
            run.answer_module(order[: counts[here.module]])
            if here.is_last_module:
                break
            run.leave_module()
        runs.append(run.do(Submitted, "candidate").attempt)
    assert runs[0].route == runs[1].route
    assert result(runs[0]).level == result(runs[1]).level
    assert result(runs[0]).ability == result(runs[1]).ability


@pytest.mark.rule("NP-4-8")
def test_the_cut_score_is_the_panels():
    for cut in range(1, 9):
        run = running("reading", cuts={"RM1": cut}).answer_module(cut - 1).leave_module()
        assert run.attempt.module == "FM-A1A2"
        run = running("reading", cuts={"RM1": cut}).answer_module(cut).leave_module()
        assert run.attempt.route == (RouteStep(ModuleId("RM1"), cut, cut, 8, ModuleId("RM2")),)


@pytest.mark.rule("NP-4-20")
def test_a_finished_module_is_never_reopened():
    run = running().answer_module(8).leave_module()
    route = run.attempt.route
    assert run.refusal_code(Answered, "RM1-1", ("B",)) == "module_left"
    assert run.refusal_code(ModuleLeft, "RM1") == "not_present_module"
    assert run.responses["RM1-1"] == ("A",)
    run.answer_module(0).leave_module()
    assert run.attempt.route[:1] == route
    assert run.refusal_code(Answered, "RM2-1", ("A",)) == "module_left"
    assert run.refusal_code(Answered, "RM3-1", ("A",)) == "not_presented"


def test_an_answer_can_be_changed_until_the_module_is_finished():
    run = running().answer_module(0).answer_module(8).leave_module()
    assert run.attempt.route[0].number_correct == 8


def test_pilot_items_neither_route_nor_score():
    plain = panel_plain()
    for item in plain["items"]:
        if item["id"] == "RM1-1":
            item["is_scored"] = False
    plain["routing"]["RM1"][1]["high"] = 7
    run = start(parse_panel(plain, "test")).answer_module(4).leave_module()
    assert run.attempt.route[0].number_correct == 3
    assert run.attempt.module == "FM-A1A2"
    run.answer_module(0).do(Submitted, "candidate")
    assert result(run.attempt).scores[ItemId("RM1-1")] == 1
    assert result(run.attempt).total_correct == 3


def test_a_panel_may_route_by_the_whole_route_so_far():
    plain = panel_plain()
    plain["routing_basis"] = "route"
    plain["routing"]["RM2"] = [
        {"low": 0, "high": 9, "target": "FM-A1A2"},
        {"low": 10, "high": 12, "target": "RM3"},
    ]
    for first, second, target in ((8, 2, "RM3"), (7, 2, "FM-A1A2"), (6, 4, "RM3")):
        run = start(parse_panel(plain, "test")).answer_module(first).leave_module().answer_module(second).leave_module()
        assert run.attempt.module == target
        assert run.attempt.route[-1].number_correct == first + second


def test_a_panel_that_was_never_checked_fails_with_its_place_and_not_somewhere_else():
    plain = panel_plain()
    plain["routing"]["RM1"][1]["low"] = 6
    run = start(parse_panel(plain, "test")).answer_module(5)
    with pytest.raises(PanelError, match=r"field 'routing.RM1': 5 correct leads nowhere"):
        run.attempt.apply(ModuleLeft(run.now_ms, "RM1"))
    plain = panel_plain()
    plain["level_table"] = plain["level_table"][:-1]
    run = start(parse_panel(plain, "test")).leave_module().do(Submitted, "candidate")
    with pytest.raises(PanelError, match="RM1 → FM-A1A2': it has no level for 0 correct"):
        result(run.attempt)


def test_the_state_at_the_end_is_reached_by_the_candidate_alone():
    run = running().take(lambda _: 4)
    assert run.attempt.phase is Phase.SUBMITTED
    assert run.attempt.end_cause == "candidate"
