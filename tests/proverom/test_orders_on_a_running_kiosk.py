"""Each of the test leader's orders takes effect on a running kiosk, once, and is in its journal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from centralstore.commands import main as store_command
from centralstore.desk import CommandRefusedError
from engine.state import Phase
from kiosk import intents
from kiosk.screens import (
    DeliveredScreen,
    EndScreen,
    InformationScreen,
    ListeningScreen,
    LockedScreen,
    LoginScreen,
    NameScreen,
    ReadingScreen,
    RefusedScreen,
    ResumedScreen,
    WritingScreen,
)
from tests.proverom.seat import ask

if TYPE_CHECKING:
    from tests.proverom.conftest import ExamRoom, MakeRoom
    from tests.proverom.seat import Seat

MINUTE_MS = 60_000


def order(exam: ExamRoom, kind: str, part: str, **more: object) -> int:
    """Give an order about the first candidate; its number."""
    answer = ask(exam.room, "order", kind=kind, candidate=exam.samira.number, part=part, **more)
    return int(answer["number"])


def reading(exam: ExamRoom) -> Seat:
    """A candidate in the middle of a reading part."""
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    seat.start_part("reading", day_code=exam.day_code)
    screen = seat.screen
    assert isinstance(screen, ReadingScreen)
    seat.do(intents.Answer(screen.item.id, (screen.item.options[0].id,)))
    return seat


@pytest.mark.rule("NP-4.10-4")
def test_extra_time_moves_the_end_once_and_survives_a_restart(exam_room: MakeRoom) -> None:
    exam = exam_room("reading")
    seat = reading(exam)
    before = seat.attempt.deadline_ms
    assert before is not None
    seat.until_true(lambda: bool(seat.net.state.attempts))
    order(exam, "extra_time", "reading", extra_ms=6 * MINUTE_MS, reason="fire alarm")
    seat.until_true(lambda: seat.attempt.deadline_ms == before + 6 * MINUTE_MS)
    seat.restart()
    seat.until(ResumedScreen)
    seat.pass_time(500)
    assert seat.attempt.deadline_ms == before + 6 * MINUTE_MS


@pytest.mark.rule("NP-4.10-5", "NP-3.5-6", "NP-A5-4", "NP-4-16", "NP-4-12")
def test_in_listening_no_time_is_given_nothing_pauses_it_and_nothing_tells_of_modules(exam_room: MakeRoom) -> None:
    exam = exam_room("listening")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    seat.start_part("listening", day_code=exam.day_code)
    seat.until_true(lambda: seat.attempt.phase is Phase.RUNNING and bool(seat.net.state.attempts))
    with pytest.raises(CommandRefusedError, match="this part allows none"):
        order(exam, "extra_time", "listening", extra_ms=MINUTE_MS, reason="noise")
    first = ""
    modules: set[str | None] = set()
    for screen in seat.listen():
        first = first or screen.item.id
        modules.add(seat.attempt.module)
        assert screen.frame.module_number == 0
        assert screen.frame.minutes_left is None
        if seat.attempt.item != first:
            # An earlier task, a pause by focus loss, a leave-taking: none has any effect.
            at = seat.attempt.item
            seat.do(intents.GoTo(first), intents.Previous(), intents.LeaveModule(), intents.BlockedKey("Media Pause"))
            assert seat.attempt.item == at
            assert not any(isinstance(each, EndScreen) for each in seat.screens)
    assert len(modules) >= 2
    assert {type(screen).__name__ for screen in seat.screens if isinstance(screen, ListeningScreen)} == {
        "ListeningScreen"
    }
    assert seat.attempt.phase is Phase.SUBMITTED
    # No act of the candidate took it there: the script did.
    assert seat.attempt.end_cause == "script"


@pytest.mark.rule("NP-4.10-2", "NP-4.10-3")
def test_a_reset_with_consent_begins_anew_with_full_time_and_keeps_the_old_log(
    exam_room: MakeRoom, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_room("reading")
    seat = reading(exam)
    seat.pass_time(10 * MINUTE_MS, step_ms=10_000)
    old = seat.attempt.id
    seat.until_true(lambda: bool(seat.net.state.attempts))
    order(exam, "extra_time", "reading", extra_ms=5 * MINUTE_MS, reason="fire alarm")
    seat.until_true(lambda: seat.attempt.extra_ms == 5 * MINUTE_MS)
    with pytest.raises(CommandRefusedError, match="consent"):
        order(exam, "reset", "reading", consent="", reason="the PC froze")
    order(exam, "reset", "reading", consent="spoken, 10.42, Randi Moen", reason="the PC froze")
    seat.until(EndScreen, lambda screen: screen.kind == "reset")
    seat.do(intents.Continue())
    assert isinstance(seat.log_in(exam.samira), NameScreen)
    assert seat.attempt.id != old
    assert seat.attempt.begun is not None
    assert seat.attempt.begun.supersedes == old
    seat.get_ready(day_code=exam.day_code)
    seat.until(InformationScreen, lambda screen: not screen.is_waiting)
    seat.do(intents.Start())
    assert seat.attempt.responses == {}
    assert seat.attempt.started_ms is not None
    assert seat.attempt.left_ms(seat.attempt.started_ms) == 75 * MINUTE_MS - (
        seat.attempt.at_ms - seat.attempt.started_ms
    )
    assert seat.attempt.deadline_ms == seat.attempt.started_ms + 75 * MINUTE_MS
    seat.restart()  # the time that the old attempt was given is not the new one's, whatever this PC reads again
    seat.until(ResumedScreen)
    seat.pass_time(500)
    assert (seat.attempt.extra_ms, seat.attempt.deadline_ms) == (0, seat.attempt.started_ms + 75 * MINUTE_MS)
    seat.do(intents.Continue())
    seat.answer_reading()
    seat.until(DeliveredScreen)
    seat.close()
    exam.room.stop_service()
    key = str(exam.room.keys / "results-1.key")
    assert store_command(["score", str(exam.room.store), "--results-key", key]) == 0
    capsys.readouterr()
    assert store_command(["results", str(exam.room.store), "--json"]) == 0
    rows = {row["attempt"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows[old]["data"]["phase"] == "reset"
    assert rows[old]["level"] == ""
    assert len(rows) == 2


@pytest.mark.rule("NP-3.13-4", "NP-3.12-1", "NP-3.13-1", "NP-4-22", "NP-A3-4")
def test_focus_loss_locks_until_an_order_unlocks_and_every_event_is_in_the_log_in_time_order(
    exam_room: MakeRoom,
) -> None:
    exam = exam_room("reading")
    seat = reading(exam)
    seat.do(intents.BlockedKey("Ctrl+L"), intents.PasteRefused(), intents.PrintRefused("Ctrl+P"))
    seat.conductor.focus_lost("another window came before the test")
    assert isinstance(seat.screen, LockedScreen)
    held = dict(seat.attempt.responses)
    item = seat.attempt.item
    seat.do(intents.Answer(str(item), ("other",)))
    assert dict(seat.attempt.responses) == held
    seat.until_true(lambda: bool(seat.net.state.attempts))
    order(exam, "unlock", "reading", reason="the update window is gone")
    seat.until(ReadingScreen)
    log = exam_log(seat)
    kinds = [each["kind"] for each in log if each["type"] == "IncidentNoted" and each["kind"] != "order"]
    assert kinds[:4] == ["key_blocked", "paste_refused", "print_refused", "focus_lost"]
    times = [int(each["at_ms"]) for each in log]
    assert times == sorted(times)
    assert {"Answered", "Locked", "Unlocked"} <= {each["type"] for each in log}


def exam_log(seat: Seat) -> list[dict[str, str]]:
    """The attempt's facts as they stand on this PC's disk, opened with the sitting's recovery key."""
    from engine.wire import to_plain
    from sync.bundle import read_journal
    from sync.segment import recovery_opener

    recovery = seat.net.state.recovery
    assert recovery is not None
    bundle = read_journal(seat.folder.journals, seat.attempt.id, recovery_opener(recovery))
    assert bundle.faults == ()
    return [dict(to_plain(event)) for event in bundle.events]  # type: ignore[arg-type]


def test_another_pc_takes_over_by_order_where_the_first_one_stood(exam_room: MakeRoom) -> None:
    exam = exam_room("writing", pcs=2)
    exam.open(exam.samira)
    first = exam.seat(0)
    first.log_in(exam.samira)
    first.start_part("writing", day_code=exam.day_code)
    first.write("Hei på deg. Eg heiter Samira.")
    attempt, held = first.attempt, dict(first.attempt.texts)
    first.net.hurry()
    first.until_true(
        lambda: (
            (receipted := first.net.state.delivered.get(attempt.id)) is not None
            and running_is_covered(first, receipted)
        )
    )
    second = exam.seat(1)
    second.until(LoginScreen)
    second.until_true(lambda: bool(second.net.state.attempts))
    assert isinstance(second.log_in(exam.samira), RefusedScreen)
    second.do(intents.Continue())
    first.kill()
    order(exam, "permit_handover", "writing", to_device=second.enrolment.device, reason="the screen of PC 1 is broken")
    second.until_true(lambda: second.net.state.orders is not None and second.net.state.orders.last_number >= 3)
    second.net.want_handover("f" * 32)  # the store refuses this one, and that must not hold up the one below
    second.log_in(exam.samira)
    second.until(ResumedScreen)
    screen = second.do(intents.Continue())
    assert isinstance(screen, WritingScreen)
    assert second.attempt.id == attempt.id
    assert dict(second.attempt.texts) == held
    second.write(" Ha")
    second.restart()
    second.until(ResumedScreen)
    assert isinstance(second.do(intents.Continue()), WritingScreen)
    second.write(" det.")
    second.hand_in()
    texts = list(second.attempt.texts.values())
    assert texts == ["Hei på deg. Eg heiter Samira. Ha det."]


def test_the_pc_that_a_candidate_is_moved_from_lets_go_at_once_and_takes_nobody_back(exam_room: MakeRoom) -> None:
    exam = exam_room("reading", pcs=2)
    exam.open(exam.samira)
    first = exam.seat(0)
    first.log_in(exam.samira)
    first.start_part("reading", day_code=exam.day_code)
    first.until_true(lambda: bool(first.net.state.attempts))
    second = exam.seat(1)
    second.until(LoginScreen)
    order(exam, "permit_handover", "reading", to_device=second.enrolment.device, reason="a broken screen")
    first.until(LoginScreen)
    assert isinstance(first.log_in(exam.samira), RefusedScreen)


def running_is_covered(seat: Seat, receipted: object) -> bool:
    """Whether the store has everything that this seat's journal holds."""
    running = seat.conductor.running
    return running is not None and receipted.covers(running.record.writer.durable_counts())  # type: ignore[attr-defined]


@pytest.mark.rule("NP-4.11-6", "NP-4.9-3")
@pytest.mark.parametrize(("kind", "shown"), [("expel", "expelled"), ("left_alone", "left_alone")])
def test_an_expelled_or_departed_candidate_is_closed_with_what_was_answered_and_cannot_return(
    exam_room: MakeRoom, kind: str, shown: str
) -> None:
    exam = exam_room("reading")
    seat = reading(exam)
    answered = dict(seat.attempt.responses)
    seat.until_true(lambda: bool(seat.net.state.attempts))
    more = {"reason": "a telephone"} if kind == "expel" else {}
    order(exam, kind, "reading", **more)
    seat.until(EndScreen, lambda screen: screen.kind == shown)
    assert dict(seat.attempt.responses) == answered
    seat.do(intents.Continue())
    refused = seat.log_in(exam.samira)
    assert isinstance(refused, RefusedScreen)
    assert refused.kind in {"expelled", "already_left", "already_delivered"}
