"""A PC with a second disk: the copy there is enough to go on and deliver, and losing it costs nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from kiosk import intents
from kiosk.folder import StateFolder
from kiosk.screens import ResumedScreen, WritingScreen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proverom.conftest import ExamRoom, MakeRoom
    from tests.proverom.seat import Seat


def writing_at(exam: ExamRoom, mirror: Path) -> Seat:
    """A seat in the middle of the writing part, its journal mirrored."""
    exam.open(exam.samira)
    seat = exam.seat(mirror=mirror)
    seat.log_in(exam.samira)
    seat.start_part("writing", day_code=exam.day_code)
    return seat


def test_with_the_disks_journals_lost_the_mirror_goes_on_and_is_delivered(exam_room: MakeRoom, tmp_path: Path) -> None:
    """The store is away from the first word on: nothing of it can come from there."""
    exam, mirror = exam_room("writing"), tmp_path / "stick"
    mirror.mkdir()
    seat = writing_at(exam, mirror)
    port = int(exam.room.url.rsplit(":", 1)[1])
    exam.room.stop_service()
    seat.write("Hei! Jeg heter Samira.")
    seat.close()
    journals = StateFolder(exam.states[0]).journals
    shutil.rmtree(journals)
    shutil.copytree(mirror, journals)
    exam.room.start_service(port)

    again = exam.seat(mirror=mirror)
    again.until(ResumedScreen)
    shown = again.do(intents.Continue())
    assert isinstance(shown, WritingScreen)
    assert shown.text == "Hei! Jeg heter Samira."
    again.hand_in()
    assert {path.name for path in mirror.iterdir()} >= {path.name for path in journals.glob("*.journal")}


def test_a_mirror_that_cannot_be_written_is_told_and_the_test_goes_on(exam_room: MakeRoom, tmp_path: Path) -> None:
    exam = exam_room("writing")
    seat = writing_at(exam, tmp_path / "pulled-out")
    seat.write("Hei!")
    seat.until_true(lambda: any(each.kind == "mirror_lost" for told in seat.reports for each in told.incidents))
    seat.hand_in()
