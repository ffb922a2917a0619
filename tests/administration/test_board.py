"""Status, group and order of seats, by tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from administration.board import (
    CROWD,
    Colour,
    Group,
    Sign,
    Status,
    left_ms,
    minutes_left,
    room_view,
    shown_part,
)
from centralstore.records import PartView, SeatView
from centralstore.words import Attendance
from tests.administration.views import (
    MINUTE,
    NOW,
    STARTED,
    board,
    entry,
    first_sight,
    moment,
    progress,
    seat,
    sitting,
)

SILENT = {"received_ms": NOW - 31_000}
RESTARTED = {"incidents": (("restarted", 1_000),)}

STATUSES = {
    "running": (seat(), Status.RUNNING),
    "cannot save": (seat(told={"incidents": (("cannot_save", 5),)}), Status.CANNOT_SAVE),
    "sound fault": (seat(told={"incidents": (("sound_fault", 5),)}), Status.SOUND_FAULT),
    "locked": (seat(told={"is_locked": True}), Status.LOCKED),
    "silent for 31 s": (seat(told=SILENT), Status.NO_CONTACT),
    "silent for 30 s": (seat(told={"received_ms": NOW - 30_000}), Status.WEAK_CONTACT),
    "silent for 10 s": (seat(told={"received_ms": NOW - 10_000}), Status.RUNNING),
    "restarted": (seat(told=RESTARTED), Status.RESTARTED),
    "wrong code before the start": (
        seat(phase="logged_in", told={"incidents": (("day_code_refused", 5),)}),
        Status.REFUSED,
    ),
    "not started": (seat(phase="ready"), Status.NOT_STARTED),
    "present, never logged in": (seat(phase=""), Status.NOT_STARTED),
    "out with an invigilator": (seat(is_out=True), Status.OUT),
    "five minutes left": (seat(told={"left_ms": 5 * MINUTE}), Status.LOW_TIME),
    "six minutes left": (seat(told={"left_ms": 6 * MINUTE}), Status.RUNNING),
    "no limit": (seat(told={"left_ms": None}), Status.RUNNING),
    "another window": (seat(told={"incidents": (("focus_lost", 5),)}), Status.OTHER_WINDOW),
    "submitted": (seat(phase="submitted"), Status.WAITING_DELIVERY),
    "submitted long ago": (seat(phase="submitted", told={"received_ms": NOW - 11 * MINUTE}), Status.UNDELIVERED),
    "delivered": (seat(phase="submitted", is_delivered=True), Status.DELIVERED),
    "delivered and silent": (seat(phase="submitted", is_delivered=True, told=SILENT), Status.DELIVERED),
    "expelled": (seat(phase="expelled"), Status.EXPELLED),
    "left": (seat(phase="left"), Status.LEFT),
    "no show": (seat(phase="", attendance=Attendance.NO_SHOW), Status.NO_SHOW),
    "rejected": (seat(phase="", attendance=Attendance.REJECTED_ID), Status.REJECTED),
    "not noted": (seat(phase="", attendance=Attendance.EXPECTED), Status.EXPECTED),
    "another part only": (seat(entries=(entry(part="writing"),)), Status.NOT_ENROLLED),
}


@pytest.mark.parametrize(("found", "status"), STATUSES.values(), ids=STATUSES.keys())
def test_each_state_has_its_status(found: SeatView, status: Status) -> None:
    assert room_view(board(found), moment(), first_sight).tiles[0].status is status


BEFORE_START = {
    "logged_in": Status.LOGGED_IN,
    "ready": Status.READY,
    "": Status.NOT_LOGGED_IN,
}


@pytest.mark.parametrize(("phase", "status"), BEFORE_START.items(), ids=["logged in", "ready", "not logged in"])
def test_before_the_start_nobody_is_late(phase: str, status: Status) -> None:
    assert room_view(board(seat(phase=phase)), moment(started_ms=0), first_sight).tiles[0].status is status


def test_a_planned_sitting_expects_no_log_in() -> None:
    view = room_view(board(seat(phase="")), moment(started_ms=0, is_open=False), first_sight)
    assert view.tiles[0].status is Status.EXPECTED


# look.md §6, "Order": the six levels of what needs the leader now, then what to watch, then the others by seat.
LEVELS = [
    seat(1),
    seat(2, phase="submitted", told={"received_ms": NOW - 11 * MINUTE}),
    seat(3, phase="ready"),
    seat(4, told=RESTARTED),
    seat(5, told=SILENT),
    seat(6, told={"is_locked": True}),
    seat(7, told={"incidents": (("cannot_save", 5),)}),
    seat(8, told={"received_ms": NOW - 11_000}),
    seat(9, phase="submitted"),
    seat(10, is_out=True),
    seat(11, told={"left_ms": 3 * MINUTE}),
    seat(12, told={"left_ms": 2 * MINUTE}),
    seat(13, phase="submitted", is_delivered=True),
    seat(14, phase="", attendance=Attendance.NO_SHOW),
]


def test_who_needs_the_leader_first_stands_first() -> None:
    view = room_view(board(*LEVELS), moment(), first_sight)
    assert [tile.seat for tile in view.tiles] == [7, 6, 5, 4, 3, 2, 12, 11, 10, 9, 8, 1, 13, 14]
    assert [tile.seat for tile in view.in_group(Group.NEED)] == [7, 6, 5, 4, 3, 2]
    assert [tile.seat for tile in view.by_seat()] == list(range(1, 15))


def test_within_a_level_the_longest_waiting_stands_first() -> None:
    waits = {"100201": NOW - 60_000, "100202": NOW - 120_000, "100203": NOW - 90_000}
    seats = [seat(number, told={"is_locked": True}) for number in (1, 2, 3)]
    view = room_view(board(*seats), moment(), lambda key, _: waits[key.split("/")[0]])
    assert [tile.seat for tile in view.tiles] == [2, 3, 1]
    assert view.tiles[0].since_ms == NOW - 120_000


@pytest.mark.parametrize("status", [Status.NO_CONTACT, Status.LOW_TIME])
def test_what_many_share_becomes_one_line_and_tiles_stay(status: Status) -> None:
    told = SILENT if status is Status.NO_CONTACT else {"left_ms": 4 * MINUTE}
    view = room_view(board(*(seat(number, told=told) for number in range(1, 22))), moment(), first_sight)
    assert [(crowd.status, crowd.count) for crowd in view.crowds] == [(status, 21)]
    assert [tile.seat for tile in view.in_group(Group.RUNNING)] == list(range(1, 22))


def test_a_few_of_many_are_no_crowd() -> None:
    seats = [seat(number, told=SILENT if number <= CROWD else {}) for number in range(1, 2 * CROWD + 2)]
    view = room_view(board(*seats), moment(), first_sight)
    assert view.crowds == ()
    assert len(view.in_group(Group.NEED)) == CROWD


@pytest.mark.parametrize(("unlocked_ms", "status"), [(NOW - 2_000, Status.RESTARTED), (NOW, Status.RUNNING)])
def test_a_restart_is_confirmed_by_an_unlock_after_it(unlocked_ms: int, status: Status) -> None:
    confirmed = moment(unlocked_ms={"100201": unlocked_ms})
    assert room_view(board(seat(told=RESTARTED)), confirmed, first_sight).tiles[0].status is status


def test_a_second_restart_is_to_be_confirmed_again() -> None:
    seen = {"restarted@1000": NOW - 60_000, "restarted@9000": NOW}
    twice = seat(told={"incidents": (("restarted", 1_000), ("restarted", 9_000))})
    view = room_view(
        board(twice), moment(unlocked_ms={"100201": NOW - 30_000}), lambda key, _: seen[key.rsplit("/", 1)[1]]
    )
    assert view.tiles[0].status is Status.RESTARTED


def test_extra_time_and_granted_minutes_stand_under_the_seat() -> None:
    found = seat(extra_ms=10 * MINUTE, entries=(entry(accommodation_ms=15 * MINUTE),))
    assert room_view(board(found), moment(), first_sight).tiles[0].extra_minutes == 25


def test_the_room_ends_with_its_last_candidate() -> None:
    seats = [seat(1, told={"left_ms": 9 * MINUTE}), seat(2, told={"left_ms": 22 * MINUTE}), seat(3, phase="submitted")]
    assert room_view(board(*seats), moment(), first_sight).ends_ms == NOW + 22 * MINUTE - 1_000


@given(st.integers(0, 10**7), st.integers(-5_000, 10**7))
def test_time_left_never_rises_with_the_reports_age(left: int, age: int) -> None:
    found = left_ms(progress(left_ms=left, received_ms=NOW - age), NOW)
    assert found is not None
    assert 0 <= found <= left
    assert minutes_left(found) == -(-found // MINUTE)


LISTENING, READING = PartView("listening", 0, STARTED, NOW, STARTED), PartView("reading", 1, NOW, NOW, 0)


def two_parts(listening: str, reading: str, *, is_delivered: bool) -> SeatView:
    entries = (
        entry(part="listening", phase=listening, is_delivered=is_delivered),
        entry(part="reading", phase=reading, attempt="a2" if reading else ""),
    )
    return replace(seat(phase=""), entries=entries)


SHOWN = {
    "someone is still listening": ((("submitted", "", True), ("running", "", False)), "listening"),
    "all have handed in": ((("submitted", "", True), ("submitted", "", True)), "reading"),
    "a late one never came in, others log in": ((("", "", False), ("submitted", "logged_in", True)), "reading"),
    "nobody has logged in yet": ((("", "", False), ("", "", False)), "listening"),
    "one left": ((("left", "", False), ("submitted", "", True)), "reading"),
}


@pytest.mark.parametrize(("seats", "part"), SHOWN.values(), ids=SHOWN.keys())
def test_the_page_is_about_the_part_that_needs_it(seats: tuple[tuple[str, str, bool], ...], part: str) -> None:
    views = [two_parts(listening, reading, is_delivered=delivered) for listening, reading, delivered in seats]
    shown = shown_part(board(*views, of=sitting(LISTENING, READING, current="listening")))
    assert shown is not None
    assert shown.part == part


def test_signs_and_colours_are_the_looks() -> None:
    # look.md §6, the table of statuses
    table = {
        Status.CANNOT_SAVE: (Sign.TRIANGLE, Colour.BAD),
        Status.SOUND_FAULT: (Sign.TRIANGLE, Colour.BAD),
        Status.LOCKED: (Sign.PADLOCK, Colour.BAD),
        Status.NO_CONTACT: (Sign.WAVES, Colour.BAD),
        Status.RESTARTED: (Sign.TRIANGLE, Colour.WARN),
        Status.NOT_STARTED: (Sign.TRIANGLE, Colour.WARN),
        Status.WAITING_DELIVERY: (Sign.ARROW_UP, Colour.WARN),
        Status.OUT: (Sign.DOOR, Colour.WARN),
        Status.LOW_TIME: (Sign.CLOCK, Colour.WARN),
        Status.LOGGED_IN: (Sign.RING, Colour.QUIET),
        Status.READY: (Sign.RING, Colour.QUIET),
        Status.RUNNING: (Sign.DISC, Colour.ACCENT),
        Status.DELIVERED: (Sign.TICK, Colour.OK),
        Status.NO_SHOW: (Sign.DASH, Colour.QUIET),
        Status.LEFT: (Sign.DASH, Colour.QUIET),
        Status.EXPELLED: (Sign.DASH, Colour.QUIET),
    }
    tiles = {found[1]: room_view(board(found[0]), moment(), first_sight).tiles[0] for found in STATUSES.values()}
    looks = {status: (tiles[status].look.sign, tiles[status].look.colour) for status in table if status in tiles}
    assert looks == {status: table[status] for status in looks}
    assert set(table) - set(looks) == {Status.LOGGED_IN, Status.READY}
