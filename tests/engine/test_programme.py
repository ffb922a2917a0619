"""Programme files: what is read, and one fault after the other."""

from __future__ import annotations

import pytest

from engine.errors import ProgrammeError
from engine.ids import ModuleId
from engine.programme import AidPolicy, DayCodeScope, Delivery, Navigation, parse_programme
from tests.strategies import LEVELS, MINUTE_MS, hunter_plain, part_plain, programme, programme_plain


def faulty(**changes):
    return programme_plain(**changes)


def in_part(part, **changes):
    parts = [part_plain(each, **(changes if each == part else {})) for each in ("listening", "reading", "writing")]
    return programme_plain(parts=parts)


def without(field, plain):
    return {name: value for name, value in plain.items() if name != field}


def test_a_programme_is_read_as_it_is_written():
    read = programme()
    assert read.levels == LEVELS
    assert read.day_code_scope is DayCodeScope.SITE_AND_DATE
    listening, reading, writing = read.parts
    assert (listening.delivery, listening.navigation) == (Delivery.ADAPTIVE, Navigation.SELF_MOVING)
    assert listening.is_script_driven
    assert listening.plays_by_level == {"A1": 2, "A2": 2, "B1": 2, "B2": 1}
    assert reading.limit_ms == 75 * MINUTE_MS
    assert reading.route_graph[ModuleId("RM3")] == ("FM-A2B1", "FM-B1B2")
    assert writing.tasks_by_level == {"A1-A2": 3, "A2-B1": 3, "B1-B2": 2}
    assert read.part("writing") is writing


def test_another_exam_is_another_file():
    hunter = parse_programme(hunter_plain(), "test")
    assert hunter.levels == ("not_passed", "passed")
    assert hunter.part("theory").delivery is Delivery.FIXED_FORM


@pytest.mark.rule("FP-9")
def test_where_all_aids_are_allowed_the_pc_is_not_locked_down():
    craft = parse_programme({**hunter_plain(), "aid_policy": "all"}, "craft")
    assert craft.aid_policy is AidPolicy.ALL
    assert not craft.locks_down
    assert programme().locks_down


FAULTS = {
    "no_id": (without("id", faulty()), "id"),
    "empty_id": (faulty(id=" "), "id"),
    "version_as_text": (faulty(version="1"), "version"),
    "version_true": (faulty(version=True), "version"),
    "version_zero": (faulty(version=0), "version"),
    "unknown_field": (faulty(colour="blue"), "colour"),
    "demo_as_number": (faulty(is_demo=1), "is_demo"),
    "one_level": (faulty(levels=["passed"]), "levels"),
    "level_twice": (faulty(levels=["A1", "A1"]), "levels"),
    "level_a_number": (faulty(levels=["A1", 2]), "levels[1]"),
    "no_parts": (faulty(parts=[]), "parts"),
    "parts_no_list": (faulty(parts={}), "parts"),
    "part_twice": (faulty(parts=[part_plain("reading"), part_plain("reading")]), "parts"),
    "part_a_text": (faulty(parts=["reading"]), "parts[0]"),
    "scope": (faulty(day_code_scope="nation"), "day_code_scope"),
    "complaint_days_missing": (without("complaint_days", faulty()), "complaint_days"),
    "complaint_days_zero": (faulty(complaint_days=0), "complaint_days"),
    "ban_negative": (faulty(ban_test_periods=-1), "ban_test_periods"),
    "aid_policy": (faulty(aid_policy="some"), "aid_policy"),
    "title_missing": (faulty(titles={"nb": "Prøve"}), "titles"),
    "title_language": (faulty(titles={"nb": "a", "nn": "b", "xx": "c"}), "titles.xx"),
    "delivery": (in_part("reading", delivery="by_post"), "parts[1].delivery"),
    "navigation": (in_part("reading", navigation="none"), "parts[1].navigation"),
    "no_limit": (in_part("reading", limit_ms=None), "parts[1].limit_ms"),
    "limit_zero": (in_part("reading", limit_ms=0), "parts[1].limit_ms"),
    "limit_in_listening": (in_part("listening", limit_ms=1), "parts[0].limit_ms"),
    "no_plays": (in_part("listening", plays_by_level={}), "parts[0].plays_by_level"),
    "plays_zero": (in_part("listening", plays_by_level={"A1": 0}), "parts[0].plays_by_level.A1"),
    "plays_level": (in_part("listening", plays_by_level={"C1": 1}), "parts[0].plays_by_level"),
    "extra_time_in_listening": (in_part("listening", allows_extra_time=True), "parts[0].accommodation_cap_ms"),
    "accommodation_in_listening": (in_part("listening", accommodation_cap_ms=1), "parts[0].accommodation_cap_ms"),
    "warning_before_start": (in_part("reading", warnings_ms=[75 * MINUTE_MS]), "parts[1].warnings_ms"),
    "warnings_out_of_order": (in_part("reading", warnings_ms=[5, 15]), "parts[1].warnings_ms"),
    "warning_twice": (in_part("reading", warnings_ms=[5, 5]), "parts[1].warnings_ms"),
    "warning_zero": (in_part("reading", warnings_ms=[0]), "parts[1].warnings_ms[0]"),
    "durations": (in_part("listening", duration_min_ms=9, duration_max_ms=8), "parts[0].duration_min_ms"),
    "tasks_missing": (in_part("writing", tasks_by_level={}), "parts[2].tasks_by_level"),
    "tasks_in_reading": (in_part("reading", tasks_by_level={"A1": 1}), "parts[1].tasks_by_level"),
    "tasks_zero": (in_part("writing", tasks_by_level={"A1-A2": 0}), "parts[2].tasks_by_level.A1-A2"),
    "tasks_not_free": (in_part("writing", navigation="free_in_module"), "parts[2].navigation"),
    "graph_in_writing": (in_part("writing", route_graph={"a": ["b"]}), "parts[2].route_graph"),
    "graph_a_text": (in_part("reading", route_graph={"RM1": "RM2"}), "parts[1].route_graph.RM1"),
    "first_module": (in_part("reading", first_module="RM9"), "parts[1].first_module"),
    "logs": (in_part("writing", logs=["camera"]), "parts[2].logs"),
    "part_field_missing": (
        faulty(parts=[without("shows_time", part_plain("reading"))]),
        "parts[0].shows_time",
    ),
    "part_field_unknown": (in_part("reading", breaks=1), "parts[1].breaks"),
    "no_object": ([], "(whole)"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_file_field_and_remedy(name):
    plain, field = FAULTS[name]
    with pytest.raises(ProgrammeError) as caught:
        parse_programme(plain, "exam.json")
    assert caught.value.field == field
    assert str(caught.value).startswith(f"Programme exam.json, field '{field}': ")
    assert caught.value.fault
    assert caught.value.remedy
    assert str(caught.value).endswith(".")


def test_a_part_that_is_not_there_is_told():
    with pytest.raises(ProgrammeError, match=r"there is no part 'oral'\. Use one of listening, reading, writing"):
        programme().part("oral")
