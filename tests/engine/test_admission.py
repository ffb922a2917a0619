"""Who is let in, and who may leave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.admission import AdmissionFacts, AdmissionReason, SittingState, admit, leave_refusal
from engine.attempt import Phase
from engine.events import Answered, DayCodeTried, LeftAlone, Resumed, Started, Submitted
from engine.handin import HandIn, hand_in
from tests.strategies import MINUTE_MS, programme, running, sitting

FREE = AdmissionFacts(
    is_on_list=True,
    is_password_right=True,
    is_device_cleared=True,
    is_enrolled_for_part=True,
    sitting=SittingState.OPENED,
    was_admitted=False,
    earlier=None,
    is_running_elsewhere=False,
    is_handover_permitted=False,
    is_expelled=False,
)


def reason(**changes: object) -> AdmissionReason:
    return admit(replace(FREE, **changes)).reason


def test_with_nothing_against_it_a_candidate_is_let_in():
    assert admit(FREE).is_admitted
    assert reason() is AdmissionReason.OK


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"is_device_cleared": False}, "wrong_device", marks=pytest.mark.rule("NP-3.12-2")),
        pytest.param({"is_on_list": False}, "not_on_list", marks=pytest.mark.rule("NP-4.4-1")),
        pytest.param({"is_password_right": False}, "wrong_credentials", marks=pytest.mark.rule("NP-4.1-1")),
        ({"sitting": SittingState.PLANNED}, "not_open"),
        ({"sitting": SittingState.CLOSED}, "closed"),
        ({"is_enrolled_for_part": False}, "not_enrolled_for_part"),
        ({"is_expelled": True}, "expelled"),
        ({"earlier": Phase.EXPELLED}, "expelled"),
        pytest.param({"earlier": Phase.LEFT}, "already_left", marks=pytest.mark.rule("NP-4.9-3")),
        ({"earlier": Phase.SUBMITTED}, "already_delivered"),
        ({"earlier": Phase.RUNNING, "is_running_elsewhere": True}, "running_elsewhere"),
        pytest.param({"sitting": SittingState.STARTED}, "late", marks=pytest.mark.rule("NP-4.5-1")),
    ],
)
def test_each_reason_alone_keeps_a_candidate_out_with_a_sentence(changes, expected):
    admission = admit(replace(FREE, **changes))
    assert not admission.is_admitted
    assert admission.reason.value == expected
    assert admission.what.endswith(".")


@pytest.mark.rule("NP-4.4-1")
def test_who_is_enrolled_elsewhere_is_sent_to_the_test_leader():
    assert "Contact the test leader" in admit(replace(FREE, is_on_list=False)).what


@pytest.mark.rule("NP-4.1-1")
def test_a_wrong_password_never_opens_an_attempt_that_runs():
    for phase in Phase:
        assert reason(is_password_right=False, earlier=phase) is AdmissionReason.WRONG_CREDENTIALS


@pytest.mark.rule("NP-4.5-1")
def test_late_is_who_was_not_admitted_before_the_part_was_started_in_the_room():
    run = sitting().log_in().prepare()
    assert run.refusal_code(Started) == ""
    late = admit(replace(FREE, sitting=SittingState.STARTED, was_admitted=False, earlier=None))
    assert (late.is_admitted, late.reason) == (False, AdmissionReason.LATE)
    assert reason(sitting=SittingState.STARTED, was_admitted=True) is AdmissionReason.OK
    assert run.refusal_code(DayCodeTried, True) == ""


@pytest.mark.rule("NP-4.1-3")
def test_the_same_attempt_goes_on_at_any_cleared_computer_of_the_room():
    run = running()
    item = run.attempt.items[0]
    run.do(Answered, item, ("A",)).tick(1000)
    facts = replace(FREE, sitting=SittingState.STARTED, was_admitted=True, earlier=run.attempt.phase)
    assert admit(facts).reason is AdmissionReason.RESUMES
    moved = replace(facts, is_running_elsewhere=True, is_handover_permitted=True)
    assert admit(moved).reason is AdmissionReason.RESUMES
    before = run.attempt
    run.do(Resumed, 1000, "pc-2")
    assert run.attempt.device == "pc-2"
    assert (run.attempt.id, run.attempt.responses, run.attempt.deadline_ms) == (
        before.id,
        before.responses,
        before.deadline_ms,
    )


@pytest.mark.rule("NP-4.9-3")
def test_who_left_alone_cannot_log_in_again_and_continue():
    run = running().do(LeftAlone, 3)
    assert reason(sitting=SittingState.STARTED, was_admitted=True, earlier=run.attempt.phase) is (
        AdmissionReason.ALREADY_LEFT
    )
    assert run.refusal_code(Started) == "not_in_phase"


def test_after_a_reset_a_candidate_who_was_admitted_begins_anew():
    assert reason(sitting=SittingState.STARTED, was_admitted=True, earlier=Phase.RESET) is AdmissionReason.OK


@pytest.mark.rule("NP-4.5-2")
@pytest.mark.parametrize("part", ["reading", "writing"])
def test_leaving_waits_for_minute_15_even_after_handing_in(part):
    rules = programme().part(part)
    run = running("writing").tick(10 * MINUTE_MS).do(Submitted, "candidate")
    assert run.attempt.phase is Phase.SUBMITTED
    early = leave_refusal(rules, part_started_ms=0, now_ms=run.now_ms, is_submitted=True)
    assert early is not None
    assert (early.code, early.what) == ("too_early", "leaving is possible in 5 minutes")
    just_before = 15 * MINUTE_MS - 1
    assert leave_refusal(rules, part_started_ms=0, now_ms=just_before, is_submitted=True) is not None
    for is_submitted in (True, False):
        assert leave_refusal(rules, part_started_ms=0, now_ms=15 * MINUTE_MS, is_submitted=is_submitted) is None


def test_nobody_leaves_during_listening():
    rules = programme().part("listening")
    refusal = leave_refusal(rules, part_started_ms=0, now_ms=40 * MINUTE_MS, is_submitted=False)
    assert refusal is not None
    assert refusal.code == "no_leaving"
    assert leave_refusal(rules, part_started_ms=0, now_ms=40 * MINUTE_MS, is_submitted=True) is None


@pytest.mark.rule("JAR-6")
def test_a_task_one_second_late_is_kept_and_not_marked():
    deadline_ms = 1_700_000_000_000
    late = hand_in(received_ms=deadline_ms + 1000, deadline_ms=deadline_ms)
    assert late is HandIn.LATE
    assert not late.opens_marking
    assert hand_in(received_ms=deadline_ms, deadline_ms=deadline_ms).opens_marking
