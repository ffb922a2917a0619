"""The store dies while candidates work: they go on, and everything is delivered later, over the network or by stick."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from centralstore.commands import main as store_command
from engine.attempt import state_sha256
from engine.state import Phase
from kiosk import intents
from kiosk.app import main as kiosk_command
from kiosk.screens import DeliveredScreen, InformationScreen, LeaveModuleScreen, ReadingScreen, SavedHereScreen
from sync.outbox import Outbox
from tests.proverom.seat import ask, first_answer
from tests.proverom.test_sitting import results

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.proverom.conftest import ExamRoom, MakeRoom
    from tests.proverom.seat import Seat


def answer_one(seat: Seat) -> None:
    """Answer the item on the screen and go to the next, or leave the module."""
    screen = seat.screen
    assert isinstance(screen, ReadingScreen | LeaveModuleScreen), screen
    if isinstance(screen, LeaveModuleScreen):
        seat.do(intents.ConfirmLeave(screen.step))
    else:
        seat.do(intents.Answer(screen.item.id, first_answer(screen.item)), intents.Next())


def begun(exam: ExamRoom, pcs: int) -> list[Seat]:
    """So many candidates who have answered a first item in reading."""
    exam.open()
    seats = [exam.seat(place) for place in range(pcs)]
    for seat, candidate in zip(seats, (exam.samira, exam.dmytro), strict=False):
        seat.log_in(candidate)
        seat.get_ready(day_code=exam.day_code)
    ask(exam.room, "start", part="reading")
    for seat in seats:
        seat.until(InformationScreen, lambda screen: not screen.is_waiting)
        seat.do(intents.Start())
        answer_one(seat)
    return seats


def outbox(seat: Seat) -> Outbox:
    """What lies on a PC's disk, read anew."""
    return Outbox(seat.folder.journals, device_key=seat.keys.signing, receipt_key=seat.enrolment.key("receipt_key"))


DATABASE = ("store.sqlite", "store.sqlite-wal")


def kept(exam: ExamRoom) -> set[str]:
    """The envelopes in the store's database."""
    with closing(sqlite3.connect(f"file:{exam.room.store / 'store.sqlite'}?mode=ro", uri=True)) as database:
        return {row[0] for row in database.execute("SELECT sha256 FROM keptenvelope")}


def put_back(exam: ExamRoom, backup: Mapping[str, bytes]) -> None:
    """Replace the database by an earlier state of it."""
    (exam.room.store / "store.sqlite-shm").unlink(missing_ok=True)
    for name, data in backup.items():
        (exam.room.store / name).write_bytes(data)


def assert_scored_as_on_the_glass(exam: ExamRoom, capsys: pytest.CaptureFixture[str], digest: str) -> None:
    """The store replays to the very state that the last candidate's PC had, with nothing to remark."""
    found = results(exam, capsys)["reading"]
    assert found["data"]["state_sha256"] == digest
    assert found["findings"] == []


@pytest.mark.rule("NP-4.12-4")
def test_a_store_killed_while_candidates_answer_and_restored_later_has_everything(
    exam_room: MakeRoom, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.resending.START_SPREAD_S", 0.0)
    exam = exam_room("reading", pcs=2)
    one, two = begun(exam, 2)
    port = int(exam.room.url.rsplit(":", 1)[1])
    answer_one(one)
    exam.room.kill_service()  # SIGKILL, with answers under way
    backup = {name: (exam.room.store / name).read_bytes() for name in DATABASE}
    answer_one(one)
    answer_one(two)
    for seat in (one, two):
        seat.answer_reading()
        assert seat.attempt.phase is Phase.SUBMITTED
        seat.pass_time(3_000)
        seat.until(SavedHereScreen, lambda screen: screen.is_offline)
        assert not any(isinstance(screen, DeliveredScreen) for screen in seat.screens)
    exam.room.start_service(port)
    for seat in (one, two):
        seat.until(DeliveredScreen)
    delivered = kept(exam)
    digest, attempt = state_sha256(two.attempt), two.attempt.id

    exam.room.kill_service()
    put_back(exam, backup)  # a day later the store's disk is gone, and the backup knows of no answer but the first
    assert len(kept(exam)) < len(delivered)
    exam.room.start_service(port)
    for seat in (one, two):
        seat.restart()
    one.until_true(lambda: kept(exam) == delivered)
    for seat in (one, two):
        seat.close()
    assert outbox(two).delivered(attempt).is_complete
    assert_scored_as_on_the_glass(exam, capsys, digest)


@pytest.mark.rule("NP-4.12-4")
def test_a_store_that_never_comes_back_gets_everything_by_stick(
    exam_room: MakeRoom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_room("reading")
    (seat,) = begun(exam, 1)
    exam.room.kill_service()
    seat.answer_reading()
    seat.pass_time(3_000)
    seat.until(SavedHereScreen, lambda screen: screen.is_offline)
    digest, attempt = state_sha256(seat.attempt), seat.attempt.id
    seat.close()
    stick = tmp_path / "stick"
    stick.mkdir()

    save = ["--state", str(exam.states[0]), "--export", str(stick)]
    assert kiosk_command(save) == 0
    assert "envelopes are saved to" in capsys.readouterr().out
    assert store_command(["import-envelopes", str(exam.room.store), str(stick)]) == 0
    assert_scored_as_on_the_glass(exam, capsys, digest)
    assert kiosk_command(save) == 0
    assert "nothing was left to save" in capsys.readouterr().out
    assert outbox(seat).delivered(attempt).is_complete


def column(exam: ExamRoom, query: str) -> list[object]:
    """The first column of what a query finds in the store's database."""
    with closing(sqlite3.connect(f"file:{exam.room.store / 'store.sqlite'}?mode=ro", uri=True)) as database:
        return [row[0] for row in database.execute(query)]


def test_orders_that_a_restored_store_has_lost_come_back_from_the_pcs_and_the_next_one_is_heard(
    exam_room: MakeRoom,
) -> None:
    exam = exam_room("reading")
    (seat,) = begun(exam, 1)
    port = int(exam.room.url.rsplit(":", 1)[1])
    seat.until_true(lambda: "running" in column(exam, "SELECT phase FROM keptprogress"))
    exam.room.kill_service()
    backup = {name: (exam.room.store / name).read_bytes() for name in DATABASE}
    exam.room.start_service(port)
    extra = {"kind": "extra_time", "candidate": exam.samira.number, "part": "reading", "reason": "brannalarm"}
    lost = [int(ask(exam.room, "order", **extra, extra_ms=20_000)["number"]) for _ in range(3)]
    seat.until_true(lambda: seat.net.state.orders is not None and seat.net.state.orders.last_number == lost[-1])
    seat.until_true(lambda: seat.attempt.extra_ms == 60_000)
    seat.until_true(lambda: seat.net.state.ticket is not None and seat.net.state.ticket.version == version(exam))
    newest = version(exam)

    exam.room.kill_service()
    put_back(exam, backup)
    assert not set(lost) & set(column(exam, "SELECT number FROM givenorder"))
    exam.room.start_service(port)
    seat.until_true(lambda: lost[-1] in column(exam, "SELECT number FROM givenorder"))
    assert int(ask(exam.room, "order", **extra, extra_ms=120_000)["number"]) == lost[-1] + 1
    seat.until_true(lambda: seat.attempt.extra_ms == 180_000)

    # Its tickets are older than the PC's, which are not given up for them; all else goes on.
    assert version(exam) < newest
    seat.answer_reading()
    seat.until_true(lambda: Phase.SUBMITTED in {each.phase for each in seat.net.state.attempts})
    assert seat.net.state.ticket is not None
    assert seat.net.state.ticket.version == newest


def version(exam: ExamRoom) -> int:
    """Of the ticket that the store would make now."""
    return int(str(column(exam, "SELECT max(id) FROM audit")[0])) + 1
