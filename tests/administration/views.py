"""Values of the store's views for tables of tests: only what a row says differs from an ordinary running seat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from administration.board import Moment
from centralstore.records import Board, EntryView, PartView, PcView, ProgressView, SeatView, SittingView
from centralstore.words import Attendance, SittingState

NOW = 1_795_338_000_000 + 42 * 60_000
"""2026-11-22 10.42 in Norway."""

STARTED = NOW - 71 * 60_000
MINUTE = 60_000


def progress(**changes: Any) -> ProgressView:
    base = ProgressView(
        attempt="a1", part="reading", device="pc-1", phase="running", module_number=2, task_number=17, task_count=20,
        left_ms=9 * MINUTE, is_locked=False, at_ms=NOW - 1_000, received_ms=NOW - 1_000, recorded=3, kept=0,
        incidents=(),
    )  # fmt: skip
    return replace(base, **changes)


def entry(**changes: Any) -> EntryView:
    base = EntryView(
        part="reading", level="", accommodation_ms=0, attempt="a1", phase="running", is_delivered=False,
        signed_delivered_ms=0,
    )  # fmt: skip
    return replace(base, **changes)


def seat(number: int = 1, *, report: ProgressView | None = None, **changes: Any) -> SeatView:
    """A present candidate in the running reading part; ``phase`` changes entry and report alike."""
    phase = changes.pop("phase", "running")
    is_delivered = changes.pop("is_delivered", False)
    told = changes.pop("told", {})
    base = SeatView(
        candidate=f"1002{number:02d}",
        name=f"Navn {number}",
        seat=number,
        attendance=Attendance.PRESENT,
        id_kind="passport",
        is_logged_in=bool(phase),
        entries=(entry(phase=phase, is_delivered=is_delivered, attempt="a1" if phase else ""),),
        progress=report or (progress(phase=phase, **told) if phase else None),
        is_out=False,
        extra_ms=0,
        last_order=0,
        unconfirmed_orders=(),
    )
    return replace(base, **changes)


def sitting(*parts: PartView, current: str = "reading", state: SittingState = SittingState.OPENED) -> SittingView:
    return SittingView(
        id="s1", site="oslo", room="r1", date="2026-11-22", programme="p", releases=("p.v1",), state=state,
        current_part=current, test_leader="lars", parts=parts or (PartView("reading", 0, STARTED, NOW, STARTED),),
        opened_ms=STARTED, closed_ms=0, signed_by="", signed_ms=0,
    )  # fmt: skip


def pc(name: str, *incidents: str, age_ms: int = 1_000, phase: str = "waiting") -> PcView:
    """A PC at which nobody sits, and what it told so long ago."""
    return PcView(f"pc-{name}", name, phase, NOW - age_ms, incidents)


def board(*seats: SeatView, of: SittingView | None = None, pcs: tuple[PcView, ...] = ()) -> Board:
    return Board(of or sitting(), seats, NOW, 7, pcs)


def moment(**changes: Any) -> Moment:
    return replace(Moment("reading", STARTED, NOW, is_open=True), **changes)


def first_sight(_key: str, suggestion_ms: int) -> int:
    """A watch that has never looked before."""
    return suggestion_ms
