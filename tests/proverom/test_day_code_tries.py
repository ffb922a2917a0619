"""Wrong day codes at a running kiosk: counted for the PC, told to the test leader, lifted by an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiosk import intents
from kiosk.screens import DayCodeScreen, InformationScreen, LoginScreen, ResumedScreen
from proverom.sample_room import SITTING
from tests.proverom.seat import ask

if TYPE_CHECKING:
    from proverom.sample_room import SampleCandidate
    from tests.proverom.conftest import ExamRoom, MakeRoom
    from tests.proverom.seat import Seat


def to_day_code(seat: Seat, candidate: SampleCandidate) -> DayCodeScreen:
    """From log-in to the question for the day code."""
    seat.log_in(candidate)
    screen = seat.do(intents.ConfirmName(yes=True), intents.ChooseStandard("nb"), intents.Continue())
    assert isinstance(screen, DayCodeScreen)
    return screen


def guess_wrong(exam: ExamRoom, seat: Seat, times: int) -> DayCodeScreen:
    """So many wrong codes, each as soon as the PC takes one."""
    wrong = next(code for code in ("1111", "2222") if code != exam.day_code)
    screen = seat.screen
    assert isinstance(screen, DayCodeScreen)
    for _ in range(times):
        seat.pass_time(screen.wait_s * 1000, step_ms=1000)
        screen = seat.do(intents.TypeDayCode(wrong))
        assert isinstance(screen, DayCodeScreen)
        assert screen.error == "wrong"
    return screen


def test_the_count_is_the_pcs_and_only_the_right_code_or_the_leader_lifts_it(exam_room: MakeRoom) -> None:
    exam = exam_room("reading")
    exam.open()
    seat = exam.seat()
    to_day_code(seat, exam.samira)
    with seat.clock.standing():
        counted_for_the_pc(exam, seat)

    # The test leader's order lifts it, and a restart does not bring it back.
    ask(exam.room, "order", kind="unlock", candidate=exam.dmytro.number, part="reading")
    seat.until(DayCodeScreen, lambda shown: shown.wait_s == 0)
    seat.restart()
    seat.until(ResumedScreen)
    screen = seat.do(intents.Continue())
    assert isinstance(screen, DayCodeScreen)
    assert screen.wait_s == 0
    assert guess_wrong(exam, seat, 1).wait_s <= 1
    seat.pass_time(1000)
    assert isinstance(seat.do(intents.TypeDayCode(exam.day_code)), InformationScreen)


def counted_for_the_pc(exam: ExamRoom, seat: Seat) -> None:
    """Five wrong tries are waited for after a restart, and by another candidate."""
    assert guess_wrong(exam, seat, 5).wait_s == 16
    seat.until_true(lambda: "day_code_refused" in {each.kind for each in seat.reports[-1].incidents})

    # The program is killed and starts again; the attempt's journal is not even needed to know.
    path = seat.folder.tries(SITTING)
    kept = path.read_bytes()
    seat.restart()
    seat.until(ResumedScreen)
    screen = seat.do(intents.Continue())
    assert isinstance(screen, DayCodeScreen)
    assert screen.wait_s == 16
    seat.until_true(lambda: "day_code_refused" in {each.kind for each in seat.reports[-1].incidents})
    assert path.read_bytes() == kept

    # Another candidate at the same PC waits too.
    seat.conductor.close()
    seat.until(LoginScreen)
    screen = to_day_code(seat, exam.dmytro)
    assert screen.wait_s == 16
    assert isinstance(seat.do(intents.TypeDayCode(exam.day_code)), DayCodeScreen)


def test_a_code_is_not_looked_at_when_it_cannot_be_counted(exam_room: MakeRoom) -> None:
    """With a disk that refuses, not even the right code is answered; when it writes again, the day goes on."""
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    to_day_code(seat, exam.samira)
    sitting = seat.folder.sitting(SITTING)
    blocked = sitting / "tries.new"
    blocked.mkdir()
    for code in (exam.day_code, "9999" if exam.day_code != "9999" else "8888"):
        screen = seat.do(intents.TypeDayCode(code))
        assert isinstance(screen, DayCodeScreen)
        assert (screen.error, screen.wait_s) == ("", 0)
    assert seat.attempt.day_code_tries == 0
    seat.until_true(lambda: "cannot_save" in {each.kind for each in seat.reports[-1].incidents})
    blocked.rmdir()
    assert isinstance(seat.do(intents.TypeDayCode(exam.day_code)), InformationScreen)
