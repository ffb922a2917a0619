"""Panel and task-set files: what is read, and one fault after the other; and the check against the programme."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given as for_all

from engine.check import check_panel, check_task_set, route_durations_ms
from engine.errors import PanelError, ProgrammeError, TaskSetError
from engine.ids import ItemId, WrittenStandard
from engine.irt import ThreePL, TwoPL
from engine.panel import parse_panel, parse_task_set, routes
from engine.programme import parse_programme
from tests.strategies import (
    MINUTE_MS,
    TODAY_GRAPH,
    form_plain,
    hunter_plain,
    item_plain,
    panel_plain,
    panels,
    part_plain,
    programme,
    programme_plain,
    task_set_plain,
)


def at(plain, path):
    for step in path:
        plain = plain[step]
    return plain


def with_value(plain, *path_and_value):
    *path, last, value = path_and_value
    plain = copy.deepcopy(plain)
    at(plain, path)[last] = value
    return plain


def without(plain, *path):
    plain = copy.deepcopy(plain)
    *before, last = path
    del at(plain, before)[last]
    return plain


READING = panel_plain()
LISTENING = panel_plain("listening")
PARSE_FAULTS = {
    "no_id": (without(READING, "id"), "id"),
    "unknown_field": (with_value(READING, "colour", "blue"), "colour"),
    "module_twice": (with_value(READING, "modules", 1, "id", "RM1"), "modules[1].id"),
    "module_empty": (with_value(READING, "modules", 0, "items", []), "modules[0].items"),
    "module_kind": (with_value(READING, "modules", 0, "kind", "start"), "modules[0].kind"),
    "item_twice": (with_value(READING, "items", 1, "id", "RM1-1"), "items[1].id"),
    "item_unknown": (with_value(READING, "modules", 0, "items", ["X"]), "modules.RM1"),
    "item_in_two_modules": (with_value(READING, "modules", 1, "items", ["RM1-1"]), "modules.RM2"),
    "item_in_none": (with_value(READING, "modules", 0, "items", ["RM1-1"]), "items.RM1-2"),
    "item_level": (with_value(READING, "items", 0, "level", "C1"), "items[0].level"),
    "item_max_score": (with_value(READING, "items", 0, "max_score", 0), "items[0].max_score"),
    "item_scored": (with_value(READING, "items", 0, "is_scored", "yes"), "items[0].is_scored"),
    "item_key": (with_value(READING, "items", 0, "key", {"kind": "choice", "correct": []}), "items[0].key.correct"),
    "model": (with_value(READING, "items", 0, "parameters", {"model": "4pl", "b": 0}), "items[0].parameters.model"),
    "b_missing": (with_value(READING, "items", 0, "parameters", {"model": "rasch"}), "items[0].parameters.b"),
    "b_a_text": (with_value(READING, "items", 0, "parameters", {"model": "rasch", "b": "0"}), "items[0].parameters.b"),
    "b_not_finite": (
        with_value(READING, "items", 0, "parameters", {"model": "rasch", "b": float("nan")}),
        "items[0].parameters.b",
    ),
    "c_above_1": (
        with_value(READING, "items", 0, "parameters", {"model": "3pl", "a": 1.0, "b": 0.0, "c": 1.0}),
        "items[0].parameters",
    ),
    "first": (with_value(READING, "first", "RM0"), "first"),
    "basis": (with_value(READING, "routing_basis", "luck"), "routing_basis"),
    "target": (with_value(READING, "routing", "RM1", 0, "target", "FM"), "routing.RM1"),
    "source": (with_value(READING, "routing", "RM9", []), "routing.RM9"),
    "low_negative": (with_value(READING, "routing", "RM1", 0, "low", -1), "routing.RM1[0].low"),
    "rule_field": (with_value(READING, "routing", "RM1", 0, "theta", 1), "routing.RM1[0].theta"),
    "table_level": (
        with_value(READING, "level_table", 0, "levels", 0, "C1"),
        "level_table.RM1 → RM2 → RM3 → FM-A2B1",
    ),
    "table_route_twice": (
        with_value(READING, "level_table", 1, "route", READING["level_table"][0]["route"]),
        "level_table[1].route",
    ),
    "cuts_do_not_rise": (with_value(READING, "scale", "cuts", [0.0, 0.0]), "scale.cuts"),
    "cut_a_text": (with_value(READING, "scale", "cuts", ["0"]), "scale.cuts[0]"),
    "prior": (with_value(READING, "scale", "prior_sd", 0), "scale.prior_sd"),
    "clip_missing": (without(LISTENING, "items", 0, "listening", "clips", "nn"), "items[0].listening.clips"),
    "clip_empty": (
        with_value(LISTENING, "items", 0, "listening", "clips", "nb", "frames", 0),
        "items[0].listening.clips.nb.frames",
    ),
    "reading_time": (
        with_value(LISTENING, "items", 0, "listening", "reading_ms", 1.5),
        "items[0].listening.reading_ms",
    ),
    "no_object": ("panel", "(whole)"),
}


@pytest.mark.parametrize("name", PARSE_FAULTS)
def test_a_fault_in_a_panel_is_told_with_file_field_and_remedy(name):
    plain, field = PARSE_FAULTS[name]
    with pytest.raises(PanelError) as caught:
        parse_panel(plain, "panel.json")
    assert caught.value.field == field
    assert str(caught.value).startswith("Panel panel.json, field '")
    assert caught.value.remedy


def test_two_and_three_parameter_items_are_read():
    plain = with_value(READING, "items", 0, "parameters", {"model": "2pl", "a": 1.5, "b": -1})
    plain = with_value(plain, "items", 1, "parameters", {"model": "3pl", "a": 1.5, "b": 0.5, "c": 0.25})
    items = parse_panel(plain, "test").items
    assert items[ItemId("RM1-1")].parameters == TwoPL(1.5, -1.0)
    assert items[ItemId("RM1-2")].parameters == ThreePL(1.5, 0.5, 0.25)


TASK_SET_FAULTS = {
    "no_level": (without(task_set_plain(), "level"), "level"),
    "slot_twice": (with_value(task_set_plain(), "slots", 1, "id", "S1"), "slots"),
    "slot_empty": (with_value(task_set_plain(), "slots", 0, "tasks", []), "slots[0].tasks"),
    "task_in_two_slots": (with_value(task_set_plain(), "slots", 0, "tasks", ["W-2a"]), "slots"),
    "unknown_field": (with_value(task_set_plain(), "words", 100), "words"),
}


@pytest.mark.parametrize("name", TASK_SET_FAULTS)
def test_a_fault_in_a_task_set_is_told(name):
    plain, field = TASK_SET_FAULTS[name]
    with pytest.raises(TaskSetError) as caught:
        parse_task_set(plain, "set.json")
    assert caught.value.field == field


@pytest.mark.parametrize("level", ["A1-A2", "A2-B1", "B1-B2"])
def test_a_task_set_has_its_levels_number_of_tasks(level):
    check_task_set(parse_task_set(task_set_plain(level), "set.json"), programme())
    short = with_value(task_set_plain(level), "slots", task_set_plain(level)["slots"][:1])
    with pytest.raises(TaskSetError, match=r"has 1 tasks where level '.*' needs [23]"):
        check_task_set(parse_task_set(short, "set.json"), programme())


def test_a_task_set_of_an_unknown_level_or_part_is_refused():
    with pytest.raises(TaskSetError, match="no level 'B2-C1'"):
        check_task_set(parse_task_set(with_value(task_set_plain(), "level", "B2-C1"), "set.json"), programme())
    with pytest.raises(ProgrammeError, match="no part 'essay'"):
        check_task_set(parse_task_set(with_value(task_set_plain(), "part", "essay"), "set.json"), programme())


# --- against the programme --------------------------------------------------------------------------------------------


def exam(part, **rules):
    return parse_programme(programme_plain(parts=[part_plain(part, **rules)]), "exam.json")


def refused(plain, exam_=None):
    with pytest.raises(PanelError) as caught:
        check_panel(parse_panel(plain, "panel.json"), exam_ or programme())
    assert caught.value.remedy
    return caught.value


def test_the_regulations_and_todays_panels_and_a_fixed_form_pass():
    check_panel(parse_panel(READING, "p"), programme())
    check_panel(parse_panel(LISTENING, "p"), programme())
    today = parse_panel(panel_plain(graph=TODAY_GRAPH), "p")
    check_panel(today, exam("reading", route_graph=TODAY_GRAPH))
    check_panel(today, exam("reading", route_graph={}))
    assert len(routes(today)) == 4
    check_panel(parse_panel(form_plain(), "p"), parse_programme(hunter_plain(), "h"))


@for_all(panels())
def test_every_route_ends_in_a_module_that_leads_nowhere(panel):
    for route in routes(panel):
        assert route[-1] not in panel.routing
        assert all(module in panel.routing for module in route[:-1])


def test_a_panel_that_goes_round_in_a_circle_is_refused():
    plain = with_value(READING, "routing", "RM3", 0, "target", "RM2")
    assert "goes round in a circle" in refused(plain, exam("reading", route_graph={})).fault


def test_a_routing_module_that_leads_nowhere_is_refused():
    assert refused(without(READING, "routing", "RM3")).field == "routing.RM3"


def test_a_final_module_that_leads_on_is_refused():
    plain = with_value(READING, "routing", "FM-A1A2", [{"low": 0, "high": 8, "target": "FM-B1B2"}])
    assert "a module that ends the part leads on" in refused(plain).fault


def test_a_module_that_no_route_comes_to_is_refused():
    plain = with_value(READING, "routing", "RM3", [{"low": 0, "high": 4, "target": "FM-B1B2"}])
    assert "no route comes to it" in refused(plain).fault


@pytest.mark.parametrize(
    ("rule", "end", "value", "fault"),
    [
        (0, "low", 1, "the rules do not run from 0 to 8"),
        (1, "high", 7, "the rules do not run from 0 to 8"),
        (1, "high", 9, "the rules do not run from 0 to 8"),
        (1, "low", 5, "after 3 the next rule begins at 5"),
        (1, "low", 3, "after 3 the next rule begins at 3"),
        (1, "low", 9, "a rule's low is above its high"),
    ],
)
def test_a_score_that_is_not_covered_exactly_once_is_refused(rule, end, value, fault):
    assert refused(with_value(READING, "routing", "RM1", rule, end, value)).fault == fault


def test_pilot_items_are_not_covered_by_routing():
    plain = with_value(READING, "items", 0, "is_scored", False)
    assert refused(plain).fault == "the rules do not run from 0 to 7"
    all_pilots = copy.deepcopy(READING)
    for item in all_pilots["items"][:8]:
        item["is_scored"] = False
    assert refused(all_pilots).fault == "none of its items counts"


def test_routing_over_the_route_covers_the_routes_scores():
    plain = with_value(READING, "routing_basis", "route")
    assert refused(plain).fault == "the rules do not run from 0 to 12"


def test_a_panel_may_route_by_the_whole_route_and_have_several_intervals_to_one_target():
    plain = with_value(READING, "routing_basis", "route")
    plain["routing"]["RM1"] = [
        {"low": 0, "high": 1, "target": "FM-A1A2"},
        {"low": 2, "high": 3, "target": "FM-A1A2"},
        {"low": 4, "high": 8, "target": "RM2"},
    ]
    plain["routing"]["RM2"] = [
        {"low": 0, "high": 5, "target": "FM-A1A2"},
        {"low": 6, "high": 12, "target": "RM3"},
    ]
    plain["routing"]["RM3"] = [
        {"low": 0, "high": 9, "target": "FM-A2B1"},
        {"low": 10, "high": 16, "target": "FM-B1B2"},
    ]
    check_panel(parse_panel(plain, "p"), programme())


@pytest.mark.rule("NP-4-9")
@pytest.mark.parametrize("module", ["RM1", "RM2", "RM3"])
@pytest.mark.parametrize("part", ["reading", "listening"])
def test_a_panel_that_sends_a_higher_score_to_a_lower_module_is_refused(part, module):
    plain = panel_plain(part)
    low, high = (rule["target"] for rule in plain["routing"][module])
    plain["routing"][module][0]["target"], plain["routing"][module][1]["target"] = high, low
    error = refused(plain)
    assert error.field == f"routing.{module}"
    assert error.remedy == "More correct answers may not give an easier or a shorter way"


@pytest.mark.rule("NP-4-9")
def test_a_higher_score_that_leads_to_fewer_routing_modules_is_refused_however_hard_its_items():
    plain = copy.deepcopy(READING)
    plain["routing"]["RM1"][0]["target"] = "RM2"
    plain["routing"]["RM1"][1]["target"] = "FM-B1B2"
    error = refused(plain, exam("reading", route_graph={}))
    assert error.fault == "4 correct leads to 'FM-B1B2' with fewer routing modules than 'RM2'"


@pytest.mark.rule("NP-4-9")
def test_a_harder_target_with_easier_items_is_refused_by_level_and_by_b():
    plain = copy.deepcopy(READING)
    for item in plain["items"]:
        if item["id"].startswith("FM-B1B2"):
            item["parameters"]["b"] = -3.0
    assert "easier items by b" in refused(plain).fault
    for item in plain["items"]:
        item["parameters"] = None
    plain["scale"] = None
    check_panel(parse_panel(plain, "p"), programme())
    for item in plain["items"]:
        if item["id"].startswith("FM-B1B2"):
            item["level"] = "A2"
    assert "easier items by level" in refused(plain).fault


def test_modules_are_compared_by_b_only_where_both_are_calibrated():
    plain = copy.deepcopy(READING)
    plain["scale"] = None
    for item in plain["items"]:
        if item["id"].startswith("FM-B1B2"):
            item["parameters"] = None
    check_panel(parse_panel(plain, "p"), programme())


@pytest.mark.rule("NP-A5-5")
def test_a_module_of_a_lower_level_than_the_first_is_refused():
    plain = copy.deepcopy(READING)
    for item in plain["items"]:
        if item["id"].startswith("RM1-"):
            item["level"] = "B1"
    error = refused(plain)
    assert error.field.startswith("modules.")
    assert "lower level than those of the first module 'RM1'" in error.fault


def test_a_route_that_the_programme_does_not_know_is_refused():
    plain = with_value(READING, "routing", "RM1", 0, "target", "FM-A2B1")
    assert refused(plain).fault == "it leads to 'FM-A2B1', which the programme does not allow"
    assert refused(panel_plain(graph=TODAY_GRAPH)).field.startswith("routing.")


def test_the_first_module_is_the_programmes():
    assert refused(READING, exam("reading", first_module="RM0", route_graph={})).field == "first"


def test_levels_are_the_programmes():
    plain = with_value(READING, "levels", [*READING["levels"], "C1"])
    assert refused(plain).field == "levels"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda table: table.pop(), "the route has no row"),
        (lambda table: table.append({"route": ["RM1"], "levels": ["A1"]}), "there is no such route"),
        (lambda table: table[0]["levels"].pop(), "it has 24 levels for 0 to 24 correct"),
        (lambda table: table[0]["levels"].__setitem__(0, "B1"), "more correct gives a lower level"),
    ],
)
def test_a_level_table_with_a_gap_or_a_fall_is_refused(change, fault):
    plain = copy.deepcopy(READING)
    change(plain["level_table"])
    assert refused(plain).fault == fault


@pytest.mark.parametrize("level", ["below_A1", "A1", "A2", "B1", "B2"])
def test_every_level_must_be_within_reach(level):
    plain = copy.deepcopy(READING)
    levels = plain["levels"]
    other = levels[1] if level == levels[0] else levels[levels.index(level) - 1]
    for row in plain["level_table"]:
        row["levels"] = [other if each == level else each for each in row["levels"]]
    assert f"nobody can reach '{level}'" in refused(plain).fault


def test_a_level_only_at_scores_that_a_route_never_sees_is_out_of_reach():
    plain = copy.deepcopy(READING)
    for row in plain["level_table"]:
        row["levels"] = ["A1" if level == "below_A1" else level for level in row["levels"]]
        if "RM2" in row["route"]:
            row["levels"][0] = "below_A1"  # with 0 correct nobody comes to RM2
    assert "nobody can reach 'below_A1'" in refused(plain).fault


def test_a_level_only_at_the_highest_score_is_within_reach():
    plain = copy.deepcopy(READING)
    for row in plain["level_table"]:
        row["levels"] = ["B1" if level == "B2" else level for level in row["levels"]]
        if row["route"][-1] == "FM-B1B2":
            row["levels"][-1] = "B2"
    check_panel(parse_panel(plain, "p"), programme())


def test_an_interval_of_a_single_score_is_an_interval():
    check_panel(parse_panel(panel_plain(cuts={"RM2": 1, "RM3": 4}), "p"), programme())


def test_a_scale_needs_all_cuts_and_all_parameters():
    assert refused(with_value(READING, "scale", "cuts", [0.0])).field == "scale.cuts"
    plain = copy.deepcopy(READING)
    plain["items"][3]["parameters"] = None
    assert refused(plain).field == "items.RM1-4"


# --- listening --------------------------------------------------------------------------------------------------------


def lengthened(module, by_ms):
    """The listening panel with a module so much longer, spread over the reading and answering times of its items."""
    plain = copy.deepcopy(LISTENING)
    scripts = [item["listening"] for item in plain["items"] if item["id"].startswith(f"{module}-")]
    times = [(script, field) for script in scripts for field in ("reading_ms", "answering_ms")]
    for place, (script, field) in enumerate(times):
        script[field] += by_ms // len(times) + (place < by_ms % len(times))
    return plain


def durations(plain):
    panel = parse_panel(plain, "p")
    by_route = route_durations_ms(panel, programme().part("listening"), WrittenStandard("nb"))
    return {" ".join(route): duration for route, duration in by_route.items()}


@pytest.mark.rule("NP-3.8-1")
@pytest.mark.parametrize(
    ("shortest_ms", "is_refused"), [(25 * MINUTE_MS, False), (24 * MINUTE_MS, True), (25 * MINUTE_MS - 1, True)]
)
def test_a_listening_route_below_25_minutes_is_refused(shortest_ms, is_refused):
    plain = lengthened("FM-A1A2", shortest_ms - durations(LISTENING)["RM1 FM-A1A2"])
    assert min(durations(plain).values()) == shortest_ms
    if is_refused:
        assert refused(plain).field == "modules on RM1 → FM-A1A2"
    else:
        check_panel(parse_panel(plain, "p"), programme())


@pytest.mark.rule("NP-3.8-1")
@pytest.mark.parametrize(
    ("longest_ms", "is_refused"), [(50 * MINUTE_MS, False), (51 * MINUTE_MS, True), (50 * MINUTE_MS + 1, True)]
)
def test_a_listening_route_above_50_minutes_is_refused(longest_ms, is_refused):
    plain = lengthened("RM3", longest_ms - max(durations(LISTENING).values()))
    assert max(durations(plain).values()) == longest_ms
    if is_refused:
        assert "minutes in nb, not 25 to 50" in refused(plain).fault
    else:
        check_panel(parse_panel(plain, "p"), programme())


@pytest.mark.rule("NP-3.8-1")
def test_both_written_standards_keep_the_bounds():
    plain = copy.deepcopy(LISTENING)
    for item in plain["items"]:
        item["listening"]["clips"]["nn"]["frames"] *= 3
    assert "in nn" in refused(plain).fault


@pytest.mark.rule("NP-4-10")
@pytest.mark.parametrize(("more_ms", "is_refused"), [(0, True), (-1000, True), (1, False)])
def test_a_route_with_more_routing_modules_must_last_longer(more_ms, is_refused):
    short, long = "RM1 RM2 FM-A1A2", "RM1 RM2 RM3 FM-B1B2"
    planned = durations(LISTENING)
    plain = lengthened("FM-B1B2", planned[short] + more_ms - planned[long])
    assert durations(plain)[long] == planned[short] + more_ms
    if is_refused:
        assert "it lasts no longer than RM1 → RM2 → FM-A1A2" in refused(plain).fault
    else:
        check_panel(parse_panel(plain, "p"), programme())


def test_a_heard_item_needs_a_script_and_a_level_with_plays():
    plain = with_value(LISTENING, "items", 0, "listening", None)
    assert refused(plain).field == "items.RM1-1.listening"
    fewer = {"A1": 2, "A2": 2, "B1": 2}
    assert refused(LISTENING, exam("listening", plays_by_level=fewer)).fault.endswith("how often level 'B2' is heard")


# --- kinds ------------------------------------------------------------------------------------------------------------


def test_kinds_of_modules_and_parts_belong_together():
    hunter = parse_programme(hunter_plain(), "h")
    two = form_plain()
    two["modules"].append({"id": "more", "kind": "form", "items": ["J-11"]})
    two["items"].append(item_plain("J-11", "passed", parameters=None))
    assert "a fixed form is one module of kind form" in refused(two, hunter).fault
    assert "has a module of kind form" in refused(with_value(READING, "modules", 3, "kind", "form")).fault
    tasks = with_value(READING, "part", "writing")
    assert "has tasks and no items" in refused(tasks).fault
