"""A sitting from log-in to held result, through the real conductor, journal, sync, store and scoring command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from centralstore.commands import main as store_command
from engine.attempt import state_sha256
from engine.state import Phase
from kiosk import intents
from kiosk.screens import (
    DeliveredScreen,
    EndScreen,
    InformationScreen,
    ListeningScreen,
    NameScreen,
    PersonalDataScreen,
    ReadingScreen,
    ResumedScreen,
    SavedHereScreen,
    WaitScreen,
    WritingScreen,
)
from sync.outbox import Outbox
from tests.proverom.seat import ask

if TYPE_CHECKING:
    from tests.proverom.conftest import ExamRoom, MakeRoom


def results(exam: ExamRoom, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Stop the service, score with the results key, and give every result by part."""
    exam.room.stop_service()
    key = str(exam.room.keys / "results-1.key")
    assert store_command(["score", str(exam.room.store), "--results-key", key]) == 0
    capsys.readouterr()
    assert store_command(["results", str(exam.room.store), "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return {row["part"]: row for row in rows}


@pytest.mark.rule("NP-4.12-4", "NP-4.8-1", "NP-4-1")
def test_three_parts_with_kills_end_in_results_that_replay_to_what_the_kiosk_had(
    exam_room: MakeRoom, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_room("reading", "listening", "writing")
    seat = exam.seat()
    assert seat.until(WaitScreen, lambda screen: screen.reason == "not_open")
    exam.open(exam.samira)
    hashes: dict[str, str] = {}

    assert isinstance(seat.log_in(exam.samira), NameScreen)
    assert isinstance(seat.start_part("reading", day_code=exam.day_code), ReadingScreen)
    seat.do(intents.Answer("D-R01", seat_answer(seat)))
    before = seat.attempt
    seat.restart()
    seat.until(ResumedScreen)
    assert seat.attempt.responses == before.responses
    seat.do(intents.Continue())
    seat.answer_reading()
    hashes["reading"] = state_sha256(seat.attempt)
    assert seat.until(DeliveredScreen).next_part == "Lytteforståelse"

    assert isinstance(seat.do(intents.Continue()), NameScreen)
    assert isinstance(
        seat.start_part("listening", day_code=exam.day_code, written_standard="nn"), WaitScreen | ListeningScreen
    )
    seat.pass_time(100)
    for count, _screen in enumerate(seat.listen()):
        if count == 70:
            break
    seat.restart()
    seat.until(ResumedScreen)
    seat.do(intents.Continue())
    for _screen in seat.listen():
        pass
    hashes["listening"] = state_sha256(seat.attempt)
    seat.until(DeliveredScreen)

    seat.do(intents.Continue())
    assert isinstance(seat.start_part("writing", day_code=exam.day_code), WritingScreen)
    seat.write("Hei! Jeg heter Samira 👋🏽.")
    seat.restart()
    seat.until(ResumedScreen)
    screen = seat.do(intents.Continue())
    assert isinstance(screen, WritingScreen)
    assert screen.text == "Hei! Jeg heter Samira 👋🏽."
    seat.hand_in()
    hashes["writing"] = state_sha256(seat.attempt)
    assert isinstance(seat.do(intents.Continue()), PersonalDataScreen)
    assert isinstance(seat.do(intents.SkipPersonalData()), EndScreen)
    receipted = seat.net.state.delivered[seat.attempt.id].delivered
    assert receipted.is_complete
    seat.close()

    found = results(exam, capsys)
    assert {part: row["data"]["state_sha256"] for part, row in found.items()} == hashes
    assert [row["findings"] for row in found.values()] == [[], [], []]
    assert found["reading"]["level"] == "below_A1"


def test_whoever_read_several_pages_of_information_sees_the_delivery_confirmed_before_the_form(
    exam_room: MakeRoom,
) -> None:
    """Without a restart in between, the page turned to before the part is still known after it."""
    exam = exam_room("writing")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    assert len(seat.get_ready(day_code=exam.day_code).pages) > 1
    ask(exam.room, "start", part="writing")
    seat.until(InformationScreen, lambda screen: not screen.is_waiting)
    assert isinstance(seat.do(intents.Start()), WritingScreen)
    assert not seat.hand_in().next_part
    assert isinstance(seat.do(intents.Continue()), PersonalDataScreen)


def seat_answer(seat: Any) -> tuple[str, ...]:
    """The first possible answer to the item on the screen."""
    from tests.proverom.seat import first_answer

    return first_answer(seat.screen.item)


@pytest.mark.rule("NP-4.12-4")
def test_without_the_store_answers_are_saved_here_and_delivered_later(
    exam_room: MakeRoom, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    seat.start_part("reading", day_code=exam.day_code)
    port = int(exam.room.url.rsplit(":", 1)[1])
    exam.room.stop_service()
    seat.answer_reading()
    assert seat.attempt.phase is Phase.SUBMITTED
    seat.pass_time(3_000)
    shown = seat.until(SavedHereScreen, lambda screen: screen.is_offline)
    assert shown.saved_at
    assert not any(isinstance(screen, DeliveredScreen) for screen in seat.screens)

    exam.room.start_service(port)
    seat.until(DeliveredScreen)
    outbox = Outbox(seat.folder.journals, device_key=seat.keys.signing, receipt_key=seat.enrolment.key("receipt_key"))
    seat.close()
    assert outbox.pending() == ()
    assert results(exam, capsys)["reading"]["findings"] == []
