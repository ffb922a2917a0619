"""What can be done at a seat now, and why something cannot. Pure; the store decides again when it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from administration.board import BEFORE_START, ENDS, REJECTED, Status
from centralstore.records import EntryView, SeatView
from centralstore.rights import Act
from centralstore.words import Attendance, SittingState
from engine.programme import PartRules
from engine.state import Phase


@dataclass(frozen=True, slots=True)
class Standpoint:
    """A seat as its acts see it: the part shown, its rules, and the sitting."""

    seat: SeatView
    entry: EntryView | None
    rules: PartRules | None
    state: SittingState
    is_started: bool
    is_signed: bool
    is_out: bool
    status: Status


@dataclass(frozen=True, slots=True)
class Offer:
    """An act on the seat's page; ``refusal`` is the key of the sentence why it is not open now, "" = it is."""

    act: str
    refusal: str = ""


RIGHT_FOR: Final[Mapping[str, Act]] = {
    "present": Act.MARK_ATTENDANCE,
    "reject": Act.MARK_ATTENDANCE,
    "no_show": Act.MARK_ATTENDANCE,
    "extra_time": Act.GIVE_TIME,
    "handover": Act.PERMIT_HANDOVER,
    "unlock": Act.UNLOCK,
    "exit": Act.RECORD_EXIT,
    "return": Act.RECORD_EXIT,
    "left_alone": Act.RECORD_EXIT,
    "incident": Act.ENTER_INCIDENT,
    "sign_delivered": Act.MARK_ATTENDANCE,
    "reset": Act.RESET,
    "expel": Act.EXPEL,
}
"""The right each act needs; pages leave out what an account may never do."""

FIRST: Final[Mapping[Status, tuple[str, ...]]] = {
    Status.EXPECTED: ("present", "no_show", "reject"),
    Status.LOCKED: ("unlock",),
    Status.RESTARTED: ("unlock", "extra_time"),
    Status.NO_CONTACT: ("handover", "extra_time"),
    Status.CANNOT_SAVE: ("handover", "extra_time"),
    Status.SOUND_FAULT: ("unlock", "handover", "reset"),
    Status.REFUSED: ("unlock", "handover"),
    Status.OUT: ("return",),
    Status.DELIVERED: ("sign_delivered",),
}
"""What is most likely wanted comes first."""


def offers(standpoint: Standpoint) -> tuple[Offer, ...]:
    """All acts of a seat that make sense in its state, the likeliest first."""
    first = FIRST.get(standpoint.status, ())
    order = [*first, *(act for act in RIGHT_FOR if act not in first)]
    found = {act: _REFUSALS[act](standpoint) for act in order}
    return tuple(Offer(act, refusal) for act, refusal in found.items() if refusal is not None)


def _present(at: Standpoint) -> str | None:
    if at.seat.attendance is Attendance.PRESENT or at.state is SittingState.CLOSED:
        return None
    if at.is_signed:
        return "no.signed_list"
    return "no.rejected" if at.seat.attendance in REJECTED else ""


def _reject(at: Standpoint) -> str | None:
    begun = at.entry is not None and at.entry.phase not in BEFORE_START
    if at.seat.attendance in REJECTED or begun or at.state is SittingState.CLOSED:
        return None
    return "no.signed_list" if at.is_signed else ""


def _no_show(at: Standpoint) -> str | None:
    if at.seat.attendance is not Attendance.EXPECTED or at.state is SittingState.CLOSED:
        return None
    return "no.signed_list" if at.is_signed else ""


def _unlock(at: Standpoint) -> str | None:
    return "" if _has_attempt(at) and not _has_ended(at) and _is_open(at) else None


def _handover(at: Standpoint) -> str | None:
    if not _is_open(at) or _is_away(at):
        return None
    return "" if _has_attempt(at) else "no.no_attempt"


def _extra_time(at: Standpoint) -> str | None:
    if not _is_open(at) or _is_away(at) or at.rules is None:
        return None
    if not at.rules.allows_extra_time:
        return "no.extra_time.part"
    return "" if _is_running(at) else "no.not_running"


def _exit(at: Standpoint) -> str | None:
    if not _is_open(at) or _is_away(at) or at.rules is None or at.is_out:
        return None
    if not at.is_started:
        return "no.not_running"
    return "" if at.rules.may_leave else "no.may_not_leave"


def _return(at: Standpoint) -> str | None:
    return "" if at.is_out else None


def _left_alone(at: Standpoint) -> str | None:
    return "" if _is_open(at) and at.is_started and not _is_away(at) else None


def _incident(at: Standpoint) -> str | None:
    return "" if at.state is not SittingState.PLANNED else None


def _sign_delivered(at: Standpoint) -> str | None:
    if at.entry is None or at.entry.signed_delivered_ms or not at.is_started or _is_away(at):
        return None
    return "" if at.entry.is_delivered else "no.not_delivered"


def _reset(at: Standpoint) -> str | None:
    if not _is_open(at) or _is_away(at):
        return None
    return "" if _has_attempt(at) else "no.no_attempt"


def _expel(at: Standpoint) -> str | None:
    gone = at.entry is not None and at.entry.phase == Phase.EXPELLED.value
    return "" if _is_open(at) and not gone and not _is_away(at) else None


_REFUSALS: Final[Mapping[str, Callable[[Standpoint], str | None]]] = {
    "present": _present,
    "reject": _reject,
    "no_show": _no_show,
    "unlock": _unlock,
    "handover": _handover,
    "extra_time": _extra_time,
    "exit": _exit,
    "return": _return,
    "left_alone": _left_alone,
    "incident": _incident,
    "sign_delivered": _sign_delivered,
    "reset": _reset,
    "expel": _expel,
}
"""By act: None = not shown, "" = open, else the key of the sentence that says why not."""


def _is_open(at: Standpoint) -> bool:
    return at.state is SittingState.OPENED


def _is_away(at: Standpoint) -> bool:
    return at.seat.attendance in REJECTED | {Attendance.NO_SHOW}


def _has_attempt(at: Standpoint) -> bool:
    return at.entry is not None and bool(at.entry.attempt)


def _is_running(at: Standpoint) -> bool:
    return at.entry is not None and at.entry.phase == Phase.RUNNING.value


def _has_ended(at: Standpoint) -> bool:
    return at.entry is not None and at.entry.phase in ENDS
