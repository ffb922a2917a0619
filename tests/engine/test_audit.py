"""What is legal and still worth a look."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.attempt import replay
from engine.audit import TOLERANCE_MS, audit
from engine.events import (
    Answered,
    IncidentNoted,
    PlayBegun,
    PlayEnded,
    PlayFailed,
    PlayPosition,
    Resumed,
    StepEntered,
    Submitted,
    Warned,
)
from tests.strategies import MINUTE_MS, PLAY_MS, RATE_HZ, READING_MS, running

FRAMES = PLAY_MS * RATE_HZ // 1000


def codes(run, journal=None):
    journal = run.journal if journal is None else journal
    assert replay(run.given, journal).refused == ()
    return [(finding.number, finding.code) for finding in audit(run.given, journal)]


@pytest.mark.parametrize("part", ["reading", "writing"])
def test_an_honest_journal_up_to_time_out_has_no_findings(part):
    assert codes(running(part).tick(90 * MINUTE_MS)) == []


def test_an_honest_listening_journal_has_no_findings():
    assert codes(running("listening").listen(lambda _: "A")) == []


def test_a_reading_part_handed_in_early_has_no_findings():
    assert codes(running().take(lambda _: 4)) == []


def test_a_journal_that_stops_is_told():
    run = running()
    assert codes(run) == [(len(run.journal), "not_ended")]


@for_all(st.integers(0, 2 * TOLERANCE_MS))
def test_a_step_that_comes_late_is_told(late_ms):
    run = running("listening")
    step = StepEntered(READING_MS + late_ms, run.attempt.items[0], 1)
    found = codes(run, [*run.journal, step])[:-1]
    assert found == ([(len(run.journal), "late")] if late_ms > TOLERANCE_MS else [])


def test_a_play_that_begins_late_is_told_but_going_on_after_a_fault_is_not():
    run = running("listening").tick(READING_MS)
    run.now_ms += TOLERANCE_MS + 1
    run.do(PlayBegun, run.attempt.items[0], 1, 0)
    assert codes(run)[0] == (len(run.journal) - 1, "play_late")
    run.tick(1000).do(PlayFailed, run.attempt.items[0], 1, RATE_HZ, "device gone").tick(60_000)
    run.do(PlayBegun, run.attempt.items[0], 1, RATE_HZ)
    assert len(codes(run)) == 2


@pytest.mark.parametrize(
    ("frame", "after_ms", "expected"),
    [
        (RATE_HZ * 10, 10_000, []),
        (RATE_HZ * 10, 8_000, []),
        (RATE_HZ * 10, 7_999, ["play_fast"]),
        (RATE_HZ * 10, 12_000, []),
        (RATE_HZ * 10, 12_001, ["play_slow"]),
    ],
)
def test_sound_runs_as_fast_as_its_frames(frame, after_ms, expected):
    run = running("listening").tick(READING_MS)
    item = run.attempt.items[0]
    run.do(PlayBegun, item, 1, 0)
    run.now_ms += after_ms
    run.do(PlayPosition, item, 1, frame)
    assert [code for _, code in codes(run)[:-1]] == expected


def test_a_recording_cut_short_is_told_and_one_that_went_on_after_a_crash_is_not():
    run = running("listening").tick(READING_MS)
    item = run.attempt.items[0]
    run.do(PlayBegun, item, 1, 0).do(PlayEnded, item, 1, FRAMES)
    assert codes(run)[0][1] == "play_fast"
    run = running("listening").tick(READING_MS).do(PlayBegun, item, 1, 0)
    run.now_ms += 5000
    run.do(PlayPosition, item, 1, 5 * RATE_HZ).tick(90_000).do(Resumed, 90_000, "pc-2").do(
        PlayBegun, item, 1, 5 * RATE_HZ
    )
    run.now_ms += 20_000
    run.do(PlayEnded, item, 1, FRAMES)
    assert codes(run)[:-1] == []


def test_a_warning_left_out_and_a_late_hand_in_are_told():
    run = running().tick(MINUTE_MS).do(Answered, "RM1-1", ("A",))
    n = len(run.journal)
    without_warning = [*run.journal, Answered(70 * MINUTE_MS, "RM1-2", ("A",))]
    assert codes(run, without_warning)[0] == (n, "left_out")
    second_only = [*run.journal, Warned(70 * MINUTE_MS, 5 * MINUTE_MS)]
    assert codes(run, second_only)[0] == (n, "late")
    run.tick(73 * MINUTE_MS)
    n = len(run.journal)
    assert codes(run, [*run.journal, Submitted(75 * MINUTE_MS + TOLERANCE_MS, "time")]) == []
    assert codes(run, [*run.journal, Submitted(75 * MINUTE_MS + TOLERANCE_MS + 1, "time")]) == [(n, "late")]
    unfinished = running().tick(MINUTE_MS)
    assert codes(unfinished, [*unfinished.journal, Submitted(75 * MINUTE_MS, "time")]) == [
        (len(unfinished.journal), "left_out")
    ]


def test_over_a_stop_of_the_program_nothing_is_late():
    run = running()
    n = len(run.journal)
    journal = [*run.journal, Resumed(74 * MINUTE_MS, 74 * MINUTE_MS, "pc-1")]
    journal += [Warned(74 * MINUTE_MS, 15 * MINUTE_MS), Warned(74 * MINUTE_MS, 5 * MINUTE_MS)]
    journal += [IncidentNoted(74 * MINUTE_MS, "power", "back"), Submitted(75 * MINUTE_MS, "time")]
    assert codes(run, journal) == []
    assert n == len(run.journal)


def test_what_the_engine_refuses_is_not_told_twice():
    run = running()
    refused = StepEntered(run.now_ms, run.attempt.items[0], 0)
    assert len(audit(run.given, [*run.journal, refused])) == 1
