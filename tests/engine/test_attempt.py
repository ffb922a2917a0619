"""Phases, time and the end of an attempt, driven through the real fold."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from engine.attempt import Attempt, ItemStatus, Phase, replay
from engine.errors import AccommodationError
from engine.events import (
    Answered,
    AttemptBegun,
    DayCodeTried,
    Expelled,
    ExtraTimeGiven,
    IncidentNoted,
    InformationRead,
    ItemShown,
    LeftAlone,
    Locked,
    ModuleLeft,
    NameConfirmed,
    ResetByOrder,
    Resumed,
    SoundChecked,
    Started,
    StepEntered,
    Submitted,
    Unlocked,
    Warned,
    WrittenStandardChosen,
)
from engine.ids import ModuleId
from engine.moves import TRANSITIONS
from engine.result import result
from tests.strategies import MINUTE_MS, begun, given, part_plain, programme, running, sitting, task_set

# --- before the start -------------------------------------------------------------------------------------------------

PREPARATIONS = {
    "name": (NameConfirmed,),
    "written_standard": (WrittenStandardChosen, "nn"),
    "sound_check": (SoundChecked, True, 4),
    "information": (InformationRead,),
    "day_code": (DayCodeTried, True),
}


@pytest.mark.rule("NP-4.1-10")
@pytest.mark.parametrize("missing", PREPARATIONS)
def test_a_part_does_not_start_while_one_thing_is_missing(missing):
    run = sitting("listening").log_in()
    for name, (make, *values) in PREPARATIONS.items():
        if name != missing:
            run.do(make, *values)
    assert run.attempt.phase is Phase.LOGGED_IN
    assert run.attempt.missing_before_start == (missing,)
    assert run.refusal_code(Started) == "not_ready"
    make, *values = PREPARATIONS[missing]
    run.do(make, *values)
    assert run.attempt.phase is Phase.READY
    assert run.refusal_code(Started) == ""


def in_phase(phase, kind):
    """A listening part in a phase, with everything done that can be done without a fact of that kind."""
    run = sitting("listening")
    if phase is Phase.WAITING:
        return run
    run.log_in()
    for make, *values in PREPARATIONS.values():
        if phase is not Phase.LOGGED_IN or make is not kind:
            run.do(make, *values)
    if phase is Phase.LOGGED_IN and run.attempt.phase is Phase.READY:
        run.do(SoundChecked, False, 4)
    if phase in {Phase.RUNNING, Phase.SUBMITTED}:
        run.start()
    return run.listen(lambda _: None) if phase is Phase.SUBMITTED else run


CHANGES = [
    (phase, kind, target)
    for phase, moves in TRANSITIONS.items()
    for kind, move in moves.items()
    for target in move.leads_to
]


@pytest.mark.parametrize(("phase", "kind", "target"), CHANGES)
def test_every_change_of_phase_that_the_table_declares_happens(phase, kind, target):
    run = in_phase(phase, kind)
    assert run.attempt.phase is phase
    if kind is AttemptBegun:
        run.log_in()
    elif kind is Submitted:
        run.listen(lambda _: None)
    elif kind in {Expelled, LeftAlone, ResetByOrder}:
        run.do(kind, 1)
    elif kind is Started:
        run.start()
    elif target is Phase.LOGGED_IN:
        run.do(SoundChecked, False, 4)
    else:
        make, *values = next(each for each in PREPARATIONS.values() if each[0] is kind)
        run.do(make, *values)
    assert run.attempt.phase is target


@pytest.mark.rule("NP-4.1-10")
def test_nobody_starts_without_logging_in():
    assert sitting().refusal_code(Started) == "not_in_phase"


@pytest.mark.rule("NP-4.1-10")
def test_the_clock_does_not_run_before_the_start():
    run = sitting().log_in().prepare()
    run.tick(40 * MINUTE_MS)
    assert run.attempt.left_ms(run.now_ms) == 75 * MINUTE_MS
    assert run.attempt.next_due_ms() is None
    run.start()
    assert run.attempt.left_ms(run.now_ms) == 75 * MINUTE_MS


def test_before_the_start_all_time_is_left_and_no_item_is_known():
    run = sitting()
    assert (run.attempt.left_ms(0), run.attempt.accommodation_ms, run.attempt.items) == (75 * MINUTE_MS, 0, ())
    run.log_in(extra_ms=15 * MINUTE_MS)
    assert run.attempt.left_ms(0) == 90 * MINUTE_MS
    assert run.attempt.items == run.attempt.tasks == ()


def test_time_left_is_never_negative():
    assert running().attempt.left_ms(76 * MINUTE_MS) == 0


@pytest.mark.rule("NP-4.1-8")
def test_a_wrong_day_code_is_kept_as_a_try_and_opens_nothing():
    run = sitting().log_in()
    run.do(NameConfirmed).do(WrittenStandardChosen, "nb").do(InformationRead)
    for _ in ("wrong", "shorter", "yesterday's"):
        run.do(DayCodeTried, False)
        assert run.refusal_code(Started) == "not_ready"
    assert run.attempt.day_code_tries == len(run.events(DayCodeTried)) == 3
    run.do(DayCodeTried, True)
    assert run.refusal_code(Started) == ""


def test_a_failed_sound_check_takes_readiness_away():
    run = sitting("listening").log_in().prepare()
    run.do(SoundChecked, False, 5)
    assert run.attempt.missing_before_start == ("sound_check",)


def test_the_written_standard_holds_from_the_start():
    run = running()
    assert run.refusal_code(WrittenStandardChosen, "nn") == "not_in_phase"
    assert run.attempt.written_standard == "nb"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"programme": "other"}, "wrong_programme"),
        ({"programme_version": 2}, "wrong_programme_version"),
        ({"part": "writing"}, "wrong_part"),
        ({"form": "other"}, "wrong_form"),
        ({"extra_ms": 15 * MINUTE_MS + 1}, "too_much_accommodation"),
        ({"extra_ms": -1}, "too_much_accommodation"),
        ({"at_ms": 1}, "clock_not_at_zero"),
    ],
)
def test_an_attempt_begins_only_as_what_it_was_given_for(change, code):
    of = given()
    event = replace(begun(of), **change)
    refusal = Attempt.waiting(of).refusal(event)
    assert refusal is not None
    assert refusal.code == code
    assert refusal.what


@pytest.mark.parametrize("volume", [0, 11])
def test_a_sound_check_at_no_volume_of_the_scale_is_refused(volume):
    assert sitting("listening").log_in().refusal_code(SoundChecked, True, volume) == "unknown_volume"


def test_a_written_standard_is_bokmal_or_nynorsk():
    assert sitting().log_in().refusal_code(WrittenStandardChosen, "sv") == "unknown_written_standard"


# --- order and independence of parts ----------------------------------------------------------------------------------


@pytest.mark.rule("NP-4-1")
@pytest.mark.parametrize("order", list(permutations(("listening", "reading", "writing"))))
def test_every_order_of_the_three_parts_is_taken_to_its_end(order):
    for part in order:
        run = running(part)
        if part == "listening":
            run.listen(lambda _: "A")
        elif part == "reading":
            run.take(lambda _: 2)
        else:
            run.do(Submitted, "candidate")
        assert run.check_replay().attempt.phase is Phase.SUBMITTED


@pytest.mark.rule("NP-A5-3")
def test_what_was_heard_changes_nothing_in_reading():
    readings = []
    for chosen in ("A", "B"):
        heard = running("listening").listen(lambda _, chosen=chosen: chosen)
        readings.append((result(heard.attempt).level, running().take(lambda _: 5).attempt))
    (well, first), (badly, second) = readings
    assert well != badly
    assert first == second
    assert result(first) == result(second)


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("NP-3.8-2", "NP-4.12-3")
@pytest.mark.parametrize("modules_left", [0, 1, 2, 3])
def test_reading_closes_after_75_minutes_in_whatever_module(modules_left):
    run = running()
    for _ in range(modules_left):
        run.answer_module(8).leave_module()
    run.answer_module(1)
    answers = dict(run.attempt.responses)
    run.tick(75 * MINUTE_MS - 1)
    assert run.attempt.phase is Phase.RUNNING
    run.tick(1)
    assert run.attempt.phase is Phase.SUBMITTED
    assert run.journal[-1] == Submitted(75 * MINUTE_MS, "time")
    assert run.attempt.responses == answers
    assert result(run.attempt).total_correct == sum(response == ("A",) for response in answers.values())


@pytest.mark.rule("NP-3.8-3")
@pytest.mark.parametrize("level", ["A1-A2", "A2-B1", "B1-B2"])
def test_writing_has_90_minutes_at_every_level(level):
    run = running("writing", level=level)
    assert run.attempt.left_ms(run.now_ms) == 90 * MINUTE_MS
    assert running("writing", level=level, extra_ms=30 * MINUTE_MS).attempt.left_ms(0) == 120 * MINUTE_MS


@pytest.mark.parametrize(
    ("part", "cap", "limit"),
    [
        pytest.param("reading", 15, 90, marks=pytest.mark.rule("NP-3.5-4")),
        pytest.param("writing", 30, 120, marks=pytest.mark.rule("NP-3.5-5")),
    ],
)
def test_accommodation_is_capped_by_part(part, cap, limit):
    rules = programme().part(part)
    assert rules.limit_with(cap * MINUTE_MS) == limit * MINUTE_MS
    with pytest.raises(AccommodationError, match=f"{cap + 1} minutes .* Grant at most {cap} minutes"):
        rules.limit_with((cap + 1) * MINUTE_MS)
    assert running(part, extra_ms=cap * MINUTE_MS).attempt.left_ms(0) == limit * MINUTE_MS
    of = given(part)
    over = Attempt.waiting(of).refusal(begun(of, extra_ms=(cap + 1) * MINUTE_MS))
    assert over is not None
    assert over.code == "too_much_accommodation"


@pytest.mark.rule("NP-3.5-5")
@pytest.mark.parametrize("level", ["A1-A2", "A2-B1", "B1-B2"])
def test_accommodation_in_writing_is_the_same_at_every_level(level):
    assert running("writing", level=level, extra_ms=30 * MINUTE_MS).attempt.deadline_ms == 120 * MINUTE_MS
    of = given("writing", level=level)
    assert Attempt.waiting(of).refusal(begun(of, extra_ms=31 * MINUTE_MS)) is not None


@pytest.mark.rule("NP-3.5-6")
@pytest.mark.parametrize("extra_ms", [1, MINUTE_MS])
def test_listening_has_no_accommodation(extra_ms):
    with pytest.raises(AccommodationError):
        programme().part("listening").limit_with(extra_ms)
    of = given("listening")
    assert Attempt.waiting(of).apply(begun(of, extra_ms=extra_ms)).phase is Phase.WAITING


@pytest.mark.rule("NP-4-2")
def test_after_the_limit_answers_are_refused_even_before_anything_noticed_the_time():
    run = running()
    item = run.attempt.items[0]
    run.now_ms = 75 * MINUTE_MS
    assert run.refusal_code(Answered, item, ("A",)) == ""
    run.now_ms += 1
    assert run.refusal_code(Answered, item, ("A",)) == "time_out"
    assert run.refusal_code(ItemShown, item) == "time_out"
    assert run.refusal_code(ModuleLeft, "RM1") == "time_out"


@pytest.mark.rule("NP-4-2")
def test_setting_the_clock_back_gains_nothing():
    run = running()
    item = run.attempt.items[0]
    run.tick(75 * MINUTE_MS)
    run.now_ms = 10 * MINUTE_MS
    assert run.refusal_code(Answered, item, ("A",)) == "not_in_phase"
    unnoticed = running().do(Answered, item, ("A",)).tick(60 * MINUTE_MS).do(Answered, item, ("B",))
    unnoticed.now_ms = 59 * MINUTE_MS
    assert unnoticed.refusal_code(Answered, item, ("C",)) == "time_went_back"
    assert unnoticed.attempt.left_ms(0) == 15 * MINUTE_MS


@pytest.mark.rule("NP-4-2")
def test_replay_reports_an_answer_given_after_the_limit():
    run = running()
    late = Answered(75 * MINUTE_MS + 1, run.attempt.items[0], ("A",))
    again = replay(run.given, [*run.journal, late, Submitted(75 * MINUTE_MS + 2, "time")])
    assert [(each.number, each.refusal.code) for each in again.refused] == [(len(run.journal), "time_out")]
    assert again.attempt.responses == {}
    assert again.attempt.phase is Phase.SUBMITTED


@pytest.mark.rule("NP-3.8-7")
@pytest.mark.parametrize("part", ["reading", "writing"])
def test_nothing_that_can_happen_stops_the_clock(part):
    run = running(part)
    run.do(Locked, "break asked for").tick(10 * MINUTE_MS).do(IncidentNoted, "break", "asked for")
    run.do(Unlocked, 7, "")
    limit_ms = run.given.rules.limit_ms
    assert limit_ms is not None
    assert run.attempt.left_ms(run.now_ms) == limit_ms - 10 * MINUTE_MS
    run.tick(5 * MINUTE_MS).do(Resumed, 5 * MINUTE_MS, "pc-1")
    assert run.attempt.left_ms(run.now_ms) == limit_ms - 15 * MINUTE_MS
    assert run.attempt.deadline_ms == limit_ms


@pytest.mark.rule("NP-4.10-4")
def test_six_minutes_given_move_the_end_by_six_minutes():
    run = running().tick(20 * MINUTE_MS).do(ExtraTimeGiven, 6 * MINUTE_MS, 3)
    assert run.attempt.deadline_ms == 81 * MINUTE_MS
    assert run.attempt.extra_ms == 6 * MINUTE_MS
    assert run.events(ExtraTimeGiven) == [ExtraTimeGiven(20 * MINUTE_MS, 6 * MINUTE_MS, 3)]
    assert run.refusal_code(ExtraTimeGiven, 6 * MINUTE_MS, 3) == "order_repeated"
    assert run.refusal_code(ExtraTimeGiven, 0, 4) == "no_minutes"
    assert run.refusal_code(ExtraTimeGiven, 6 * MINUTE_MS, 0) == "no_order"
    run.tick(81 * MINUTE_MS - run.now_ms - 1)
    assert run.attempt.phase is Phase.RUNNING
    assert run.tick(1).attempt.phase is Phase.SUBMITTED


@pytest.mark.rule("NP-4.10-5")
def test_no_time_is_given_in_listening():
    run = running("listening")
    assert run.refusal_code(ExtraTimeGiven, MINUTE_MS, 1) == "no_extra_time"


def test_a_programme_can_rule_time_out_altogether():
    run = running()
    of = replace(run.given, rules=replace(run.given.rules, allows_extra_time=False))
    attempt = replay(of, run.journal).attempt
    refusal = attempt.refusal(ExtraTimeGiven(run.now_ms, MINUTE_MS, 1))
    assert refusal is not None
    assert refusal.code == "no_extra_time"


def test_time_given_after_the_limit_passed_unnoticed_still_counts():
    run = running()
    item = run.attempt.items[0]
    run.now_ms = 76 * MINUTE_MS
    for event in (Resumed(run.now_ms, 5 * MINUTE_MS, "pc-2"), ExtraTimeGiven(run.now_ms, 5 * MINUTE_MS, 2)):
        assert run.attempt.refusal(event) is None
        run.attempt = run.attempt.apply(event)
    run.do(Answered, item, ("A",))
    assert run.attempt.left_ms(run.now_ms) == 4 * MINUTE_MS
    assert run.attempt.device == "pc-2"


def test_where_the_programme_says_so_time_does_not_run_while_the_pc_is_down():
    of = given()
    of = replace(of, rules=replace(of.rules, clock_runs_while_down=False))
    run = running()
    run.given, run.attempt = of, replay(of, run.journal).attempt
    run.tick(30 * MINUTE_MS).do(Resumed, 10 * MINUTE_MS, "pc-1")
    assert run.attempt.left_ms(run.now_ms) == 55 * MINUTE_MS


def test_more_down_time_than_has_passed_is_refused():
    run = running().tick(MINUTE_MS)
    assert run.refusal_code(Resumed, MINUTE_MS + 1, "pc-1") == "wrong_down_time"
    assert run.refusal_code(Resumed, -1, "pc-1") == "wrong_down_time"


# --- warnings ---------------------------------------------------------------------------------------------------------


@pytest.mark.rule("NP-4.12-1", "NP-4.12-2")
@pytest.mark.parametrize("part", ["reading", "writing"])
@pytest.mark.parametrize("extra_min", [0, 15])
def test_one_warning_at_15_and_one_at_5_minutes_of_ones_own_time(part, extra_min):
    run = running(part, extra_ms=extra_min * MINUTE_MS)
    limit_ms = (run.given.rules.limit_ms or 0) + extra_min * MINUTE_MS
    for _ in range(limit_ms // (MINUTE_MS // 2)):
        run.tick(MINUTE_MS // 2)
    expected = [Warned(limit_ms - left_ms, left_ms) for left_ms in (15 * MINUTE_MS, 5 * MINUTE_MS)]
    assert run.events(Warned) == expected
    run.check_replay()


@pytest.mark.rule("NP-4.12-1")
def test_time_given_before_a_warning_moves_it():
    run = running().tick(59 * MINUTE_MS).do(ExtraTimeGiven, 6 * MINUTE_MS, 1).tick(22 * MINUTE_MS)
    assert run.events(Warned) == [Warned(66 * MINUTE_MS, 15 * MINUTE_MS), Warned(76 * MINUTE_MS, 5 * MINUTE_MS)]


@pytest.mark.rule("NP-4.12-1")
def test_a_warning_that_given_time_made_untrue_comes_once_more():
    run = running().tick(61 * MINUTE_MS).do(ExtraTimeGiven, 6 * MINUTE_MS, 1)
    assert run.attempt.warned == ()
    run.tick(20 * MINUTE_MS)
    assert [event.at_ms // MINUTE_MS for event in run.events(Warned)] == [60, 66, 76]


def test_a_warning_that_is_still_true_is_not_repeated():
    run = running().tick(71 * MINUTE_MS).do(ExtraTimeGiven, 6 * MINUTE_MS, 1).tick(10 * MINUTE_MS)
    assert [(event.at_ms // MINUTE_MS, event.left_ms // MINUTE_MS) for event in run.events(Warned)] == [
        (60, 15),
        (70, 5),
        (76, 5),
    ]


def test_a_warning_noticed_late_keeps_its_true_time():
    run = running()
    assert run.attempt.due(74 * MINUTE_MS) == (
        Warned(60 * MINUTE_MS, 15 * MINUTE_MS),
        Warned(70 * MINUTE_MS, 5 * MINUTE_MS),
    )
    assert run.attempt.due(90 * MINUTE_MS)[-1] == Submitted(75 * MINUTE_MS, "time")


def test_warnings_too_early_twice_or_unknown_are_refused():
    run = running().tick(60 * MINUTE_MS - 1)
    assert run.refusal_code(Warned, 15 * MINUTE_MS) == "warning_too_early"
    run.tick(1)
    assert run.refusal_code(Warned, 15 * MINUTE_MS) == "already_warned"
    assert run.refusal_code(Warned, 10 * MINUTE_MS) == "unknown_warning"


# --- locks and ends ---------------------------------------------------------------------------------------------------


def test_while_locked_nothing_of_the_candidate_counts_until_unlocked():
    run = running()
    item = run.attempt.items[0]
    run.do(Locked, "focus").do(Locked, "display")
    assert run.refusal_code(Answered, item, ("A",)) == "locked"
    assert run.refusal_code(ItemShown, item) == run.refusal_code(ModuleLeft, "RM1") == "locked"
    assert run.refusal_code(Unlocked, 0, "") == "no_order"
    run.do(Unlocked, 0, "leader-1")
    assert not run.attempt.is_locked
    assert run.refusal_code(Unlocked, 4, "") == "not_locked"
    run.do(Locked, "focus").do(Unlocked, 4, "").do(Locked, "focus")
    assert run.refusal_code(Unlocked, 4, "") == "order_repeated"


def test_a_candidate_cannot_hand_in_while_locked_but_time_can():
    run = running("writing").do(Locked, "focus")
    assert run.refusal_code(Submitted, "candidate") == "locked"
    assert run.tick(90 * MINUTE_MS).attempt.phase is Phase.SUBMITTED


def test_only_the_last_module_is_handed_in():
    run = running()
    assert run.refusal_code(Submitted, "candidate") == "not_last_module"
    assert run.refusal_code(Submitted, "time") == "time_not_out"
    assert run.refusal_code(Submitted, "script") == "script_not_over"
    assert run.refusal_code(Submitted, "whim") == "unknown_cause"
    run.answer_module(0).leave_module()
    assert run.refusal_code(ModuleLeft, run.attempt.module) == "last_module"
    assert run.refusal_code(Submitted, "candidate") == ""


@pytest.mark.rule("NP-4.9-3")
@pytest.mark.parametrize(("make", "phase"), [(LeftAlone, Phase.LEFT), (Expelled, Phase.EXPELLED)])
def test_leaving_alone_or_being_expelled_closes_with_what_was_answered(make, phase):
    run = running().answer_module(2).tick(20 * MINUTE_MS).do(make, 9)
    assert run.attempt.phase is phase
    item = run.attempt.items[0]
    assert run.refusal_code(Answered, item, ("A",)) == "not_in_phase"
    assert run.refusal_code(Started) == "not_in_phase"
    assert run.attempt.left_ms(run.now_ms) == 0
    assert result(run.attempt).total_correct == 2
    run.do(Resumed, 0, "pc-1").do(IncidentNoted, "focus", "lost")
    assert run.attempt.phase is phase


@pytest.mark.rule("NP-4.10-3")
def test_after_a_reset_the_part_starts_anew_with_full_time_and_the_old_log_is_kept():
    old = running().answer_module(8).tick(30 * MINUTE_MS).do(ResetByOrder, 12)
    journal = list(old.journal)
    assert old.attempt.phase is Phase.RESET
    assert old.attempt.orders == {12}
    new = sitting().log_in(attempt="1" * 32, supersedes=old.attempt.id).prepare().start()
    assert new.attempt.left_ms(new.now_ms) == 75 * MINUTE_MS
    assert new.attempt.responses == {}
    assert new.attempt.module == "RM1"
    assert new.attempt.begun is not None
    assert new.attempt.begun.supersedes == old.attempt.id
    assert old.journal == journal
    assert len(replay(old.given, journal).attempt.responses) == 8


def test_a_handed_in_part_can_be_reset_but_an_order_is_needed():
    run = running("writing").do(Submitted, "candidate")
    assert run.refusal_code(ResetByOrder, 0) == "no_order"
    assert run.do(ResetByOrder, 1).attempt.phase is Phase.RESET


# --- what became of the items -----------------------------------------------------------------------------------------


def test_answered_omitted_not_reached_and_not_presented_are_four_things():
    run = running().answer_module(8).leave_module()
    first, second, third, fourth = run.attempt.items
    run.do(ItemShown, first).do(Answered, first, ("A",)).do(ItemShown, second)
    run.do(ItemShown, third).do(Answered, third, ("A",)).do(Answered, third, ())
    run.tick(75 * MINUTE_MS)
    statuses = run.attempt.statuses()
    assert [statuses[item] for item in (first, second, third, fourth)] == [
        ItemStatus.ANSWERED,
        ItemStatus.OMITTED,
        ItemStatus.OMITTED,
        ItemStatus.NOT_REACHED,
    ]
    assert statuses["RM1-1"] is ItemStatus.ANSWERED
    assert statuses["RM3-1"] is statuses["FM-B1B2-1"] is ItemStatus.NOT_PRESENTED


def test_what_was_passed_by_when_a_module_was_finished_is_omitted():
    run = running().leave_module()
    run.do(Submitted, "candidate")
    assert {run.attempt.statuses()[item] for item in ("RM1-1", "FM-A1A2-3")} == {ItemStatus.OMITTED}
    assert set(sitting().attempt.statuses().values()) == {ItemStatus.NOT_PRESENTED}


def test_unanswered_items_are_listed_before_a_module_is_left():
    run = running()
    assert run.attempt.unanswered() == run.attempt.items
    run.do(Answered, run.attempt.items[1], ("C",))
    assert run.attempt.items[1] not in run.attempt.unanswered()
    run.leave_module()
    assert len(run.attempt.unanswered(ModuleId("RM1"))) == 7


def test_numbers_on_the_screen_count_within_the_part_and_the_module():
    run = running()
    assert (run.attempt.module_number, run.attempt.task_number) == (1, 0)
    run.do(ItemShown, run.attempt.items[4])
    assert run.attempt.task_number == 5
    run.answer_module(8).leave_module().do(ItemShown, "RM2-2")
    assert (run.attempt.module_number, run.attempt.task_number) == (2, 2)


def test_an_illegal_event_gives_the_very_same_object():
    run = running()
    illegal = StepEntered(run.now_ms, run.attempt.items[0], 0)
    assert run.attempt.apply(illegal) is run.attempt
    assert run.refusal_code(Answered, "nowhere", ("A",)) == "unknown_item"
    assert run.refusal_code(ItemShown, "nowhere") == "unknown_item"
    writing = running("writing")
    assert writing.refusal_code(Answered, "W-1", ("A",)) == "no_items"
    assert writing.refusal_code(ItemShown, "nowhere") == "unknown_task"
    assert writing.attempt.task_set == task_set()


@pytest.mark.parametrize("half", ["\ud83d", "ja\udc00"])
def test_half_a_surrogate_pair_is_no_answer(half):
    run = running()
    assert run.refusal_code(Answered, run.attempt.items[0], ("A", half)) == "not_unicode"


def test_the_hunters_exam_is_the_same_engine_with_another_programme():
    run = running("theory", size=5, needed=4).answer_module(4)
    assert run.refusal_code(ModuleLeft, "form") == "script_decides"
    run.do(Submitted, "candidate").check_replay()
    assert result(run.attempt).level == "passed"
    assert result(running("theory", size=5, needed=4).answer_module(3).do(Submitted, "candidate").attempt).level == (
        "not_passed"
    )
    assert part_plain("theory")["limit_ms"] == 60 * MINUTE_MS
