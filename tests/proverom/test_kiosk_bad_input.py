"""What a kiosk may meet that is wrong: told in one sentence, changing nothing, and nothing recorded is lost."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from engine.state import Phase
from kiosk import intents
from kiosk.folder import StateFolder
from kiosk.screens import (
    DayCodeScreen,
    InformationScreen,
    LockedScreen,
    LoginScreen,
    ResumedScreen,
    WaitScreen,
    WritingScreen,
)
from proverom.sample_room import SITTING
from sync.keys import SigningKey
from sync.orders import sign_orders
from tests.proverom.seat import ask

if TYPE_CHECKING:
    from collections.abc import Generator

    from sync.ticket import Ticket
    from tests.proverom.conftest import ExamRoom, MakeRoom
    from tests.proverom.seat import Seat


DELAYS_S = (1, 2, 4, 8, 16)
"""One second, doubled with every wrong try (`sync.daycode`); the fifth tells the test leader."""


def told_at_start(exam: ExamRoom) -> str:
    """Switch the PC on while the store is away; what it says that it could not do. It opens nothing."""
    address = urlsplit(exam.room.url)
    exam.room.stop_service()
    seat = exam.seat()
    seat.until_told("cannot be reached")
    assert isinstance(seat.screen, WaitScreen)
    assert seat.net.state.packages == seat.net.state.public == {}
    assert seat.net.state.refused_package
    seat.close()
    assert address.port is not None
    exam.room.start_service(address.port)
    return seat.told.sentences[0]


def with_another_digit(data: bytes, place: int) -> bytes:
    """The same bytes with one hexadecimal digit changed to another."""
    return data[:place] + (b"1" if data[place] == ord("0") else b"0") + data[place + 1 :]


def test_a_damaged_or_changed_package_is_not_opened_and_says_so(exam_room: MakeRoom) -> None:
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.until(LoginScreen)
    seat.close()
    folder = StateFolder(exam.states[0])
    (release,) = {each.release for each in ticket_of(seat).releases}
    path = folder.release(release)
    genuine = path.read_bytes()

    path.write_bytes(genuine[: len(genuine) // 2])
    assert told_at_start(exam).endswith("says otherwise. Fetch it again; if it stays so, publish the release anew.")
    path.write_bytes(with_another_digit(genuine, genuine.index(b'"signature":"') + 20))
    assert "the authority's list names another package under this name" in told_at_start(exam)
    assert not path.exists(), "it was put aside"
    seat.start()
    seat.until_true(lambda: set(seat.net.state.packages) == {release})
    seat.until_true(lambda: not seat.net.state.refused_package)
    assert path.read_bytes() == genuine, "fetched again"
    seat.until(LoginScreen)


def ticket_of(seat: Seat) -> Ticket:
    """The ticket a seat had."""
    ticket = seat.net.state.ticket
    assert ticket is not None
    return ticket


@contextmanager
def full_disk() -> Generator[None]:
    """No file of this process can grow or be written: the system refuses every write, as a full disk does."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_wrong_codes_forged_orders_and_a_disk_that_refuses_lose_nothing(
    exam_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = exam_room("writing")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    with seat.clock.standing():
        _wrong_day_codes(exam, seat)
    screen = seat.do(intents.TypeDayCode(exam.day_code))
    assert isinstance(screen, InformationScreen)
    seat.do(intents.ShowPage(len(screen.pages) - 1))
    ask(exam.room, "start", part="writing")
    seat.until(InformationScreen, lambda screen: not screen.is_waiting)
    seat.do(intents.Start())
    seat.write("Hei!")
    _forged_orders(exam, seat, monkeypatch)
    seat.write(" Jeg heter Samira.")

    screen = seat.screen
    assert isinstance(screen, WritingScreen)
    with full_disk():
        seat.do(intents.EditText(screen.task.id, len(seat.text_of(screen.task.id)), "", "X", "type"))
        locked = seat.until(LockedScreen)
    assert locked.reason == "disk"
    seat.until_true(lambda: "cannot_save" in {each.kind for each in seat.reports[-1].incidents})
    seat.restart()
    seat.until(ResumedScreen)
    shown = seat.do(intents.Continue())
    assert isinstance(shown, WritingScreen)
    assert shown.text.startswith("Hei! Jeg heter Samira.")
    seat.hand_in()


def _wrong_day_codes(exam: ExamRoom, seat: Seat) -> None:
    """The delay doubles, and a restart waits the whole of it again."""
    seat.do(intents.ConfirmName(yes=True), intents.ChooseStandard("nb"), intents.Continue())
    wrong = next(code for code in ("1111", "2222") if code != exam.day_code)
    for delay_s in DELAYS_S:
        screen = seat.do(intents.TypeDayCode(wrong))
        assert isinstance(screen, DayCodeScreen)
        assert (screen.error, screen.wait_s) == ("wrong", delay_s)
        # While it waits even the right code is not taken.
        assert isinstance(seat.do(intents.TypeDayCode(exam.day_code)), DayCodeScreen)
        assert not seat.attempt.is_day_code_accepted
        if delay_s < DELAYS_S[-1]:
            seat.pass_time(delay_s * 1000, step_ms=1000)
    seat.until_true(lambda: "day_code_refused" in {each.kind for each in seat.reports[-1].incidents})
    seat.restart()
    seat.until(ResumedScreen)
    screen = seat.do(intents.Continue())
    assert isinstance(screen, DayCodeScreen)
    assert screen.wait_s == DELAYS_S[-1]
    seat.pass_time(DELAYS_S[-1] * 1000, step_ms=1000)


def _forged_orders(exam: ExamRoom, seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders signed by another key, or out of their turn, are told and not taken; the next genuine ones are."""
    orders = seat.net.state.orders
    assert orders is not None
    order = orders.following("expel", by="randi", at_utc_ms=1, candidate=exam.samira.number, part="writing")
    forged = sign_orders(SITTING, [order], SigningKey.create())
    client = seat.net._line.orders_client  # somebody else answers in the store's place
    with monkeypatch.context() as patch:
        patch.setattr(client, "orders", lambda *_, **__: forged)
        seat.until_told("not signed by the store's order key")
    assert seat.net.state.orders is orders
    assert seat.attempt.phase is Phase.RUNNING
    seat.until_true(lambda: seat.net.state.is_online)
