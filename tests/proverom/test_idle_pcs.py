"""A PC at which nobody sits: what its kiosk tells stands on the test leader's open page, and goes when it is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from administration.photograph import Browser, browser
from kiosk import intents
from kiosk.screens import LoginScreen, NameScreen
from proverom.sample_room import SITTING, TEST_LEADER, TEST_LEADER_PASSWORD

if TYPE_CHECKING:
    from tests.proverom.conftest import ExamRoom, MakeRoom
    from tests.proverom.seat import Seat

FAULTS = "return [...document.querySelectorAll('.group-pcs .tile')].map(t => `${t.dataset.seat} ${t.dataset.fault}`)"


def faults(window: Browser) -> list[str]:
    """Seat and fault of the PCs on the open page; it updates by itself."""
    return list(window.run(FAULTS))


def open_page(window: Browser, exam: ExamRoom) -> None:
    """The room page of the sitting, as the test leader has it open all day."""
    window.log_in(exam.room.url, TEST_LEADER, TEST_LEADER_PASSWORD)
    window.go(f"{exam.room.url}/sittings/{SITTING}")


def wrong_log_in(seat: Seat, user: str) -> None:
    """Somebody types a wrong password and, where the kiosk makes them wait, waits."""
    seat.clock.skipped_ms += 60_000
    assert isinstance(seat.do(intents.LogIn(user, "galt passord")), LoginScreen)


def test_three_refused_log_ins_are_seen_by_the_test_leader_and_a_right_one_ends_it(exam_room: MakeRoom) -> None:
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.until(LoginScreen)
    with browser() as window:
        open_page(window, exam)
        wrong_log_in(seat, exam.samira.login)
        wrong_log_in(seat, exam.samira.login)
        assert seat.reports[-1].incidents == (), "two are slips"
        wrong_log_in(seat, exam.samira.login)
        seat.until_true(lambda: faults(window) == ["1 login_refused"])
        assert "Tre innlogginger ble avvist" in window.run("return document.querySelector('.group-pcs').textContent")
        seat.clock.skipped_ms += 60_000
        assert isinstance(seat.log_in(exam.samira), NameScreen)
        seat.until_true(lambda: faults(window) == [])
        tile = f"document.querySelector('#tile-{exam.samira.number}').dataset.status"
        seat.until_true(lambda: window.run(f"return {tile}") == "logged_in")
