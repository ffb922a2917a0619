"""Which recovery key a journal is sealed to: the authority's grant says so, and no ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiosk.screens import RefusedScreen
from sync.keys import BoxKey

if TYPE_CHECKING:
    from tests.proverom.conftest import MakeRoom


def test_a_ticket_that_names_another_recovery_key_than_the_grant_begins_nothing(exam_room: MakeRoom) -> None:
    """A store that could choose the key would read every answer written from then on."""
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.until_true(lambda: seat.net.state.recovery is not None and bool(seat.net.state.packages))
    ticket = seat.net.state.ticket
    assert ticket is not None
    seat.net._change(ticket=ticket.model_copy(update={"recovery_public": BoxKey.create().public.hex}))
    screen = seat.log_in(exam.samira)
    assert isinstance(screen, RefusedScreen)
    assert screen.kind == "content"
    assert [path.name for path in seat.folder.journals.iterdir() if path.suffix == ".journal"] == []
    seat.net._change(ticket=ticket)
    seat.close()
