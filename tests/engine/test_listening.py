"""The listening script: it runs by itself, plays what it may play, and loses or gains nothing by a crash."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.attempt import Phase, canonical_state, replay
from engine.events import (
    Answered,
    ItemShown,
    Locked,
    ModuleLeft,
    PlayBegun,
    PlayEnded,
    PlayFailed,
    PlayPosition,
    Resumed,
    StepEntered,
    Submitted,
    VolumeSet,
)
from engine.ids import ClipId
from engine.listening import Clip, Step, StepKind, steps
from tests.strategies import ANSWERING_MS, GAP_MS, PLAY_MS, RATE_HZ, READING_MS, Sitting, running, sitting

FRAMES = PLAY_MS * RATE_HZ // 1000


def at_first_play() -> Sitting:
    return running("listening").tick(READING_MS)


def test_an_item_heard_twice_reads_plays_waits_plays_and_answers():
    assert steps(2) == (
        Step(StepKind.READ, 0),
        Step(StepKind.PLAY, 1),
        Step(StepKind.GAP, 1),
        Step(StepKind.PLAY, 2),
        Step(StepKind.ANSWER, 2),
    )
    assert steps(1) == (Step(StepKind.READ, 0), Step(StepKind.PLAY, 1), Step(StepKind.ANSWER, 1))


def test_a_clips_duration_is_rounded_up():
    assert Clip(ClipId("c"), 48_001, 48_000).duration_ms == 1001


@pytest.mark.rule("NP-4-11")
@pytest.mark.parametrize("chosen", [None, "A", "B"])
def test_a_listening_part_comes_to_its_end_without_any_click(chosen):
    run = running("listening").listen(lambda _: chosen).check_replay()
    assert run.attempt.phase is Phase.SUBMITTED
    assert run.journal[-1] == Submitted(run.now_ms, "script")
    assert run.events(ModuleLeft) == run.events(ItemShown) == []
    assert len(run.events(Answered)) == (0 if chosen is None else len(run.attempt.presented))


@pytest.mark.parametrize("chosen", [None, "A"])
def test_a_route_lasts_exactly_as_planned(chosen):
    run = running("listening").listen(lambda _: chosen)
    assert run.now_ms == run.planned_ms


@pytest.mark.rule("NP-4-13", "NP-4-14")
@pytest.mark.parametrize("chosen", [None, "A"])
def test_items_up_to_b1_are_played_twice_and_b2_items_once(chosen):
    run = running("listening").listen(lambda _: chosen)
    items = {str(item): rules for item, rules in run.panel.items.items()}
    heard = {item: sum(event.item == item for event in run.events(PlayBegun)) for item in run.attempt.presented}
    assert heard == {item: {"A1": 2, "A2": 2, "B1": 2, "B2": 1}[items[item].level] for item in heard}
    assert heard == run.attempt.plays_spent
    assert {items[item].level for item in heard} >= ({"B2", "B1"} if chosen else {"A1", "A2"})


@pytest.mark.rule("NP-4-13", "NP-4-14")
def test_a_play_that_was_begun_is_spent():
    run = at_first_play()
    item = run.attempt.items[0]
    assert run.refusal_code(PlayBegun, item, 2, 0) == "wrong_play"
    assert run.refusal_code(PlayBegun, item, 1, 7) == "wrong_frame"
    run.do(PlayBegun, item, 1, 0)
    assert run.refusal_code(PlayBegun, item, 1, 0) == "play_spent"
    run.do(PlayEnded, item, 1, FRAMES)
    assert run.refusal_code(PlayBegun, item, 1, 0) == "play_spent"
    run.tick().tick(GAP_MS)
    assert (run.step.kind, run.step.play) == (StepKind.PLAY, 2)
    run.play()
    assert run.step.kind is StepKind.ANSWER
    assert run.refusal_code(PlayBegun, item, 3, 0) == "no_play_now"


@for_all(st.integers(0, FRAMES), st.booleans())
def test_an_interrupted_play_goes_on_from_its_last_journalled_frame(frame, crashed):
    run = at_first_play()
    item = run.attempt.items[0]
    run.do(PlayBegun, item, 1, 0).do(PlayPosition, item, 1, frame)
    if crashed:
        run.tick(3000).do(Resumed, 3000, "pc-2")
    else:
        run.do(PlayFailed, item, 1, frame, "device gone")
    assert not run.step.is_playing
    assert run.refusal_code(PlayBegun, item, 1, 0) == "play_spent"
    assert run.refusal_code(PlayBegun, item, 1, frame + 2) == "play_spent"
    assert run.step.frame == max(1, frame)
    run.play()
    assert run.attempt.plays_spent == {item: 1}
    assert run.step.kind is StepKind.GAP
    run.check_replay()


@for_all(st.integers(0, READING_MS), st.integers(0, 600_000))
def test_down_time_shifts_what_is_left_of_a_step(into_ms, down_ms):
    run = running("listening").tick(into_ms)
    step = run.step
    if step.kind is StepKind.PLAY:
        return
    assert step.ends_ms is not None
    left_ms = step.ends_ms - run.now_ms
    run.now_ms += down_ms
    resumed = Resumed(run.now_ms, down_ms, "pc-1")
    assert run.attempt.refusal(resumed) is None
    run.attempt = run.attempt.apply(resumed)
    assert run.step.ends_ms == run.now_ms + left_ms
    assert run.step.index == step.index


def test_a_crash_neither_shortens_nor_lengthens_the_part():
    run = running("listening")
    down = 0
    run.tick()
    while not run.attempt.has_ended:
        if run.step.kind is StepKind.PLAY and run.step.ends_ms is None:
            run.play()
        else:
            run.now_ms += 777
            down += 777
            resumed = Resumed(run.now_ms, 777, "pc-1")
            run.attempt = run.attempt.apply(resumed)
            run.journal.append(resumed)
            run.tick(run.due_ms - run.now_ms)
    assert run.now_ms - down == run.planned_ms
    run.check_replay()


def test_a_play_that_sounds_or_is_over_cannot_go_on_from_where_it_is():
    run = at_first_play()
    item = run.attempt.items[0]
    run.do(PlayBegun, item, 1, 0).do(PlayPosition, item, 1, 100)
    assert run.refusal_code(PlayBegun, item, 1, run.step.frame) == "play_spent"
    run.do(PlayEnded, item, 1, FRAMES)
    assert run.refusal_code(PlayBegun, item, 1, run.step.frame) == "play_spent"


def test_positions_never_go_back_nor_past_the_clip():
    run = at_first_play()
    item = run.attempt.items[0]
    assert run.refusal_code(PlayPosition, item, 1, 0) == run.refusal_code(PlayEnded, item, 1, FRAMES) == "not_playing"
    run.do(PlayBegun, item, 1, 0).do(PlayPosition, item, 1, 0).do(PlayPosition, item, 1, 500)
    assert run.refusal_code(PlayPosition, item, 1, 499) == "wrong_frame"
    assert run.refusal_code(PlayEnded, item, 1, FRAMES - 1) == "wrong_frame"
    assert run.refusal_code(PlayPosition, item, 1, FRAMES + 1) == "wrong_frame"
    assert run.refusal_code(PlayFailed, item, 2, 500, "stalled") == "not_playing"


def test_only_the_present_item_can_be_answered_and_only_in_its_time():
    run = at_first_play()
    first, second = run.attempt.items[:2]
    assert run.refusal_code(Answered, second, ("A",)) == "not_present_item"
    assert run.refusal_code(Answered, first, ("A",)) == ""
    run.play().tick(GAP_MS).play()
    run.do(Answered, first, ("A",))
    run.now_ms += ANSWERING_MS
    assert run.refusal_code(Answered, first, ("B",)) == ""
    run.now_ms += 1
    assert run.refusal_code(Answered, first, ("B",)) == "answering_time_out"
    run.tick()
    assert run.attempt.item == second
    assert run.refusal_code(Answered, first, ("B",)) == "not_present_item"
    assert run.refusal_code(Answered, second, ("A",)) == ""


def test_the_candidate_moves_nothing_in_listening():
    run = running("listening")
    assert run.refusal_code(ItemShown, run.attempt.items[1]) == "script_decides"
    assert run.refusal_code(ModuleLeft, "RM1") == "script_decides"
    assert run.refusal_code(Submitted, "candidate") == "script_decides"
    assert run.refusal_code(Submitted, "script") == "script_not_over"
    assert run.refusal_code(Submitted, "time") == "time_not_out"
    assert run.attempt.left_ms(run.now_ms) is None
    assert run.refusal_code(VolumeSet, 0) == run.refusal_code(VolumeSet, 11) == "unknown_volume"
    assert [run.do(VolumeSet, volume).attempt.volume for volume in (1, 10)] == [1, 10]


def test_steps_come_in_order_and_not_before_their_time():
    run = running("listening")
    item = run.attempt.items[0]
    assert run.step.kind is StepKind.READ
    assert run.refusal_code(StepEntered, item, 1) == "step_not_over"
    run.now_ms += READING_MS
    assert run.refusal_code(StepEntered, item, 2) == "not_next_step"
    assert run.refusal_code(StepEntered, item, 1) == ""
    run.tick()
    run.now_ms += 10_000_000
    assert run.refusal_code(StepEntered, item, 2) == "step_not_over"
    assert run.attempt.next_due_ms() is None


def test_the_script_hands_in_when_the_last_time_to_answer_is_out_and_not_before():
    run = running("listening")
    while not (run.attempt.is_last_module and run.attempt.task_number == 8 and run.step.kind is StepKind.ANSWER):
        if run.step.kind is StepKind.PLAY:
            run.play()
        else:
            run.tick(run.due_ms - run.now_ms)
    run.now_ms = run.due_ms - 1
    assert run.refusal_code(Submitted, "script") == "script_not_over"
    run.now_ms += 1
    assert run.refusal_code(Submitted, "script") == ""
    assert run.refusal_code(StepEntered, run.step.item, 0) == "not_next_step"


def test_a_script_in_the_middle_is_not_over_even_when_its_step_is():
    run = running("listening")
    run.now_ms = run.due_ms
    assert run.refusal_code(Submitted, "script") == "script_not_over"
    assert run.refusal_code(StepEntered, run.step.item, 1) == ""


def test_the_script_goes_on_while_the_screen_is_locked():
    run = at_first_play().do(Locked, "focus").play()
    assert run.step.kind is StepKind.GAP
    assert run.refusal_code(Answered, run.attempt.items[0], ("A",)) == "locked"


def test_steps_noticed_late_carry_their_true_times():
    run = at_first_play().play()
    ended_ms = run.now_ms
    due = run.attempt.due(ended_ms + 10_000_000)
    assert due == (StepEntered(ended_ms + GAP_MS, run.attempt.items[0], 3),)


def test_the_next_module_begins_like_the_next_item():
    """Around every change of module the steps have the same gaps as around a change of item (reglement 4)."""
    run = running("listening").listen(lambda _: "A")
    entered = run.events(StepEntered)
    changes = [
        (before.at_ms, after.at_ms, before.step, after.step)
        for before, after in pairwise(entered)
        if before.item != after.item
    ]
    assert len(changes) == len(run.attempt.presented) - 1
    assert {(after - before, step) for before, after, _, step in changes} == {(ANSWERING_MS, 0)}


def test_clips_follow_the_written_standard():
    for standard, clip in (("nb", "RM1-1-clip"), ("nn", "RM1-1-clip-nn")):
        run = sitting("listening").log_in().prepare(standard).start()
        present = run.attempt.present_clip()
        assert present is not None
        assert present.id == clip


def test_a_listening_state_is_the_same_wherever_its_journal_is_cut():
    run = running("listening").listen(lambda _: "A")
    whole = canonical_state(run.attempt)
    for cut in range(0, len(run.journal), 17):
        attempt = replay(run.given, run.journal[:cut]).attempt
        for event in run.journal[cut:]:
            attempt = attempt.apply(event)
        assert canonical_state(attempt) == whole
