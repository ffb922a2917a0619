"""Staff can always leave the kiosk, and nobody else can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiosk import intents
from kiosk.desk import OFFLINE_AFTER_MS
from kiosk.screens import EndScreen, LoginScreen, NameScreen, WaitScreen
from proverom.sample_room import TEST_LEADER, TEST_LEADER_PASSWORD
from tests.proverom.seat import ask

if TYPE_CHECKING:
    from tests.proverom.conftest import MakeRoom


def test_staff_leave_by_their_log_in_only_while_the_room_page_is_away_or_when_the_sitting_is_closed(
    exam_room: MakeRoom,
) -> None:
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.until(LoginScreen)
    seat.do(intents.Leave())
    assert not seat.has_left
    # With the network there no staff password works at a candidate's PC.
    assert isinstance(seat.do(intents.LogIn(TEST_LEADER, TEST_LEADER_PASSWORD)), LoginScreen)
    assert isinstance(seat.log_in(exam.samira), NameScreen)
    seat.do(intents.Leave())
    assert not seat.has_left
    seat.do(intents.ConfirmName(yes=False))
    seat.do(intents.Back())

    port = int(exam.room.url.rsplit(":", 1)[1])
    exam.room.stop_service()
    seat.until_true(lambda: not seat.net.state.is_online)
    seat.pass_time(OFFLINE_AFTER_MS + 1_000, step_ms=5_000)
    shown = seat.do(intents.LogIn(TEST_LEADER, "wrong"))
    assert isinstance(shown, LoginScreen)
    seat.pass_time(5_000, step_ms=1_000)
    shown = seat.do(intents.LogIn(TEST_LEADER, TEST_LEADER_PASSWORD))
    assert isinstance(shown, WaitScreen)
    assert shown.reason == "staff_here"
    seat.do(intents.Back())
    seat.do(intents.Leave())
    assert not seat.has_left
    seat.do(intents.LogIn(TEST_LEADER, TEST_LEADER_PASSWORD), intents.Leave())
    assert seat.has_left

    seat.has_left = False
    seat.do(intents.Back())
    exam.room.start_service(port)
    ask(exam.room, "close", reason="the power is gone for today")
    seat.until(EndScreen, lambda screen: screen.kind == "closed")
    seat.do(intents.Leave())
    assert seat.has_left
