"""A seat logged in early waits without time running, and listening does not start unheard without a warning."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from engine.state import Phase
from kiosk import intents
from kiosk.screens import InformationScreen, LoginScreen, NameScreen, ReadingScreen, SoundCheckScreen
from tests.proverom.seat import ask

if TYPE_CHECKING:
    from tests.proverom.conftest import ExamRoom, MakeRoom
    from tests.proverom.seat import Seat

MINUTE_MS = 60_000


@pytest.mark.rule("NP-4.1-2")
def test_a_seat_logged_in_by_the_test_leader_waits_at_the_name_and_no_time_runs(exam_room: MakeRoom) -> None:
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.until(LoginScreen)
    # A password that is wrong once tells nothing of what was wrong, and the right one then lets in.
    wrong = seat.do(intents.LogIn(exam.samira.login, "blå stol 42"))
    assert isinstance(wrong, LoginScreen)
    assert wrong.error == "wrong"
    assert seat.conductor.running is None
    assert isinstance(seat.do(intents.LogIn(exam.samira.login, exam.samira.password)), NameScreen)
    whole = seat.attempt.left_ms(0)
    seat.pass_time(40 * MINUTE_MS, step_ms=MINUTE_MS)

    # The candidate sits down: still the name, nothing begun, all the time left.
    screen = seat.screen
    assert isinstance(screen, NameScreen)
    assert (screen.name, screen.number) == (exam.samira.name, exam.samira.number)
    assert seat.attempt.phase is Phase.LOGGED_IN
    assert seat.attempt.left_ms(seat.attempt.at_ms) == whole == seat.attempt.rules.limit_ms
    seat.restart()  # a power cut in the empty room changes nothing either
    seat.until(NameScreen)
    assert isinstance(seat.start_part("reading", day_code=exam.day_code), ReadingScreen)
    assert seat.attempt.left_ms(seat.attempt.at_ms) == pytest.approx(whole, abs=5_000)


def incidents(exam: ExamRoom, seat: Seat) -> set[str]:
    """Which incidents the store holds of this seat's attempt: what the room page shows the test leader."""
    address = f"file:{exam.room.store / 'store.sqlite'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as database:
        query = "SELECT data FROM keptprogress WHERE attempt = ?"
        (data,) = database.execute(query, (seat.attempt.id,)).fetchone()
    return {each["kind"] for each in json.loads(data)["incidents"]}


@pytest.mark.rule("NP-3.14-4")
def test_listening_that_starts_without_a_passed_sound_check_warns_the_test_leader(exam_room: MakeRoom) -> None:
    exam = exam_room("listening")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    seat.do(intents.ConfirmName(yes=True), intents.ChooseStandard("nb"), intents.Continue())
    assert isinstance(seat.screen, SoundCheckScreen)
    seat.do(intents.PlaySoundCheck())
    seat.until_true(lambda: bool(seat.net.state.attempts))
    assert "sound_check_failed" not in incidents(exam, seat)

    ask(exam.room, "start", part="listening")
    seat.until_true(lambda: "sound_check_failed" in incidents(exam, seat))
    # It does not start unheard: the check still stands before it.
    assert isinstance(seat.do(intents.Start()), SoundCheckScreen)
    assert seat.attempt.missing_before_start[0] == "sound_check"
    assert seat.attempt.phase is not Phase.RUNNING
    seat.pass_sound_check()
    assert not isinstance(seat.screen, SoundCheckScreen | InformationScreen)
