"""A whole exam room for tests: a real store in its own process, the authority, and a sitting made for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from proverom.sample_room import SampleCandidate, SampleRoom, SampleSitting
from tests.proverom.seat import Seat, ask

BANK = Path(__file__).parents[2] / "banks" / "norskprove-sample"
SAMIRA = SampleCandidate("100234", "Samira Haddad", "samira", "blå stol 41", "")
DMYTRO = SampleCandidate("100251", "", "dmytro", "grønn kopp 72", "", is_protected=True)
MINUTES = {"listening": 30, "reading": 75, "writing": 90}


@dataclass
class ExamRoom:
    """A running room: store, sitting, candidates by name, and PCs as they are asked for."""

    room: SampleRoom
    samira: SampleCandidate
    dmytro: SampleCandidate
    day_code: str = ""
    seats: list[Seat] = field(default_factory=list[Seat])
    states: list[Path] = field(default_factory=list[Path])

    def seat(self, place: int = 0, *, locks_on_focus_loss: bool = True, mirror: Path | None = None) -> Seat:
        """Switch a PC on."""
        seat = Seat(self.room, self.states[place], locks_on_focus_loss, mirror)
        self.seats.append(seat)
        return seat

    def open(self, *present: SampleCandidate) -> None:
        """Open the sitting and let candidates in (both when none is named)."""
        ask(self.room, "open")
        for candidate in present or (self.samira, self.dmytro):
            ask(self.room, "present", candidate=candidate.number, identification="passport")
        self.day_code = str(ask(self.room, "day-code")["day_code"])


MakeRoom = Callable[..., ExamRoom]


@pytest.fixture
def exam_room(tmp_path: Path) -> Iterator[MakeRoom]:
    """Makes a room: ``exam_room("reading", "writing", pcs=2)``."""
    made: list[ExamRoom] = []

    def make(*parts: str, pcs: int = 1, extra: str = "") -> ExamRoom:
        named = "; ".join(f"writing A2-B1{extra}" if part == "writing" else f"{part}{extra}" for part in parts)
        people = (replace(SAMIRA, parts=named), replace(DMYTRO, parts=named))
        sitting = SampleSitting(
            BANK, "norskprove-demo", "norskprove-demo", tuple((part, MINUTES[part]) for part in parts), people
        )
        room = SampleRoom(tmp_path / f"room-{len(made)}", sitting)
        room.folder.mkdir()
        exam = ExamRoom(room.__enter__(), *people)
        made.append(exam)
        exam.states = [room.enrol_pc(str(place)) for place in range(1, pcs + 1)]
        room.grant_pcs()
        return exam

    yield make
    for exam in made:
        for seat in exam.seats:
            seat.close()
        exam.room.__exit__()
