"""Sittings, candidates and places: what is refused when it is planned."""

from __future__ import annotations

from typing import Any

import pytest

from centralstore.errors import FieldError, NoRightError, NotFoundError, NotNowError, TakenError
from centralstore.records import NewCandidate, NewEnrolment, NewPlace, PlannedPart
from centralstore.rights import COMMAND_LINE
from itembank.keyring import KeyFolder
from tests.centralstore.place import ALL_PARTS, START_MS, Site, hunter_package, new_sitting, plan

MINUTE = 60_000


@pytest.mark.rule("NP-3.8-6")
def test_three_parts_on_one_day_without_a_break_are_refused(site: Site) -> None:
    without = (
        PlannedPart("listening", START_MS, START_MS + 50 * MINUTE),
        PlannedPart("reading", START_MS + 50 * MINUTE, START_MS + 125 * MINUTE),
        PlannedPart("writing", START_MS + 125 * MINUTE, START_MS + 215 * MINUTE),
    )
    with pytest.raises(FieldError, match="no break"):
        site.store.create_sitting(site.manager, new_sitting(id="s2", parts=without))
    with pytest.raises(NotFoundError):
        site.store.sitting(site.manager, "s2")
    site.store.create_sitting(site.manager, new_sitting(id="s2"))
    assert [part.part for part in site.store.sitting(site.manager, "s2").parts] == ["listening", "reading", "writing"]


@pytest.mark.rule("NP-3.9-5")
@pytest.mark.parametrize("level", ["", "A1", "C1"])
def test_enrolment_for_writing_names_one_of_its_levels(site: Site, level: str) -> None:
    site.store.add_candidate(site.manager, NewCandidate("100300", "Li Wei", False, "k100300", "rød hest 12"))
    with pytest.raises(FieldError, match="A1-A2, A2-B1, B1-B2"):
        site.store.add_place(site.manager, NewPlace("s1", "100300", 9, (NewEnrolment("writing", level),)))
    for seat, right in enumerate(("A1-A2", "A2-B1", "B1-B2"), start=9):
        number = f"10030{seat}"
        site.store.add_candidate(site.manager, NewCandidate(number, "Li Wei", False, f"k{number}", "rød hest 12"))
        site.store.add_place(site.manager, NewPlace("s1", number, seat, (NewEnrolment("writing", right),)))


@pytest.mark.rule("NP-4.4-2")
def test_only_the_test_manager_adds_a_candidate_to_a_sitting_and_it_is_logged(site: Site) -> None:
    site.store.add_candidate(site.manager, NewCandidate("100300", "Li Wei", False, "k100300", "rød hest 12"))
    new = NewPlace("s1", "100300", 9, ALL_PARTS)
    with pytest.raises(NoRightError, match="Ask the test manager"):
        site.store.add_place(site.leader, new)
    site.store.add_place(site.manager, new)
    added = [entry for entry in site.store.audit(site.manager) if entry.candidate == "100300" and entry.sitting == "s1"]
    assert [(entry.user, entry.is_allowed) for entry in added] == [("lars", False), ("mona", True)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": "s 2"}, "'s 2' is not an id"),
        ({"date": "23.11.2026"}, "is not a date"),
        ({"releases": ("norskprove-test.v9",)}, "is not here"),
        ({"parts": ()}, "no part is named"),
        ({"parts": plan()[:1] * 2}, "named twice"),
        ({"parts": (PlannedPart("listening", START_MS, START_MS),)}, "ends before it starts"),
        ({"parts": (plan()[1], plan()[0])}, "starts before"),
        ({"parts": (PlannedPart("theory", START_MS, START_MS + 1),)}, "has no part 'theory'"),
    ],
)
def test_a_faulty_sitting_is_refused_and_nothing_of_it_is_kept(site: Site, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(FieldError, match=told):
        site.store.create_sitting(site.manager, new_sitting(**{"id": "s2", **changes}))
    assert [view.id for view in site.store.sittings(site.manager)] == ["s1"]


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (NewPlace("s1", "100300", 9, ()), "no part is named"),
        (NewPlace("s1", "100300", 1, ALL_PARTS), "seat 1 is taken"),
        (NewPlace("s1", "100300", 9, (NewEnrolment("oral"),)), "no part 'oral'"),
        (NewPlace("s1", "100300", 9, (NewEnrolment("reading", "A2-B1"),)), "no levels to enrol for"),
        (NewPlace("s1", "100300", 9, (NewEnrolment("reading", "", 16 * MINUTE),)), "reading"),
        (NewPlace("s1", "100300", 9, (NewEnrolment("listening", "", 1),)), "listening"),
    ],
)
def test_a_faulty_place_is_refused(site: Site, new: NewPlace, told: str) -> None:
    site.store.add_candidate(site.manager, NewCandidate("100300", "Li Wei", False, "k100300", "rød hest 12"))
    with pytest.raises(FieldError, match=told):
        site.store.add_place(site.manager, new)
    assert len(site.store.board(site.leader, "s1").seats) == 3


def test_a_protected_candidate_has_no_name_and_others_have_one(site: Site) -> None:
    with pytest.raises(FieldError, match="protected identity has no name"):
        site.store.add_candidate(site.manager, NewCandidate("100300", "Li Wei", True, "k100300", "rød hest 12"))
    with pytest.raises(FieldError, match="it is empty"):
        site.store.add_candidate(site.manager, NewCandidate("100300", "", False, "k100300", "rød hest 12"))
    with pytest.raises(FieldError, match="another candidate has this user name"):
        site.store.add_candidate(site.manager, NewCandidate("100300", "Li Wei", False, "k100234", "rød hest 12"))
    with pytest.raises(TakenError, match="100234"):
        site.store.add_candidate(site.manager, NewCandidate("100234", "Li Wei", False, "ny", "rød hest 12"))


def test_nobody_is_added_to_a_closed_sitting(site: Site) -> None:
    site.grant()
    site.store.open_sitting(site.leader, "s1")
    site.store.close_sitting(site.leader, "s1")
    site.store.add_candidate(site.manager, NewCandidate("100300", "Li Wei", False, "k100300", "rød hest 12"))
    with pytest.raises(NotNowError, match="closed"):
        site.store.add_place(site.manager, NewPlace("s1", "100300", 9, ALL_PARTS))


@pytest.fixture(scope="module")
def hunter(authority: KeyFolder) -> bytes:
    return hunter_package(authority)


def test_another_exam_needs_nothing_but_its_release(site: Site, hunter: bytes) -> None:
    site.store.add_release(COMMAND_LINE, hunter)
    theory = PlannedPart("theory", START_MS, START_MS + 60 * MINUTE)
    site.store.create_sitting(
        site.manager, new_sitting(id="h1", programme="hunter-test", releases=("hunter-test.v1",), parts=(theory,))
    )
    site.store.add_place(site.manager, NewPlace("h1", "100234", 1, (NewEnrolment("theory"),)))
    assert site.store.programme("h1").levels == ("not_passed", "passed")


def test_nobody_is_on_a_list_twice(site: Site) -> None:
    with pytest.raises(TakenError, match="On the list of sitting s1, candidate '100234' exists already"):
        site.store.add_place(site.manager, NewPlace("s1", "100234", 9, ALL_PARTS))
    assert [seat.seat for seat in site.store.board(site.leader, "s1").seats if seat.candidate == "100234"] == [1]


def test_a_sittings_id_is_given_once(site: Site) -> None:
    before = site.store.sitting(site.manager, "s1")
    with pytest.raises(TakenError, match="Sitting 's1' exists already"):
        site.store.create_sitting(site.manager, new_sitting(date="2026-11-24"))
    assert site.store.sitting(site.manager, "s1") == before
