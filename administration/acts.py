"""From a posted form to the store's act: one small function each, found by its name in the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from administration.board import MINUTE_MS
from administration.errors import FormError
from administration.forms import Form
from centralstore.records import NewEnrolment, NewPlace
from centralstore.rights import Actor
from centralstore.store import Store
from centralstore.words import Attendance, IncidentKind

ID_KINDS: Final = ("passport", "national_id", "driving_licence", "bank_card", "residence", "known")
"""How a candidate was identified (reglement 4.2); the words are the texts' ``id.…``."""

REJECTIONS: Final = (Attendance.REJECTED_ID, Attendance.REJECTED_LATE, Attendance.REJECTED_FEE)
EXTRA_MINUTES: Final = (5, 10, 15, 20, 30)
MOST_EXTRA_MINUTES: Final = 120
MOST_SEATS: Final = 999
LONGEST_NOTE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Call:
    """One act: who, where, and what the form says; ``candidate`` "" where it is for the whole sitting."""

    store: Store
    actor: Actor
    sitting: str
    candidate: str
    form: Form

    @property
    def part(self) -> str:
        """The part that the form is about."""
        return self.form.word("part")

    @property
    def reason(self) -> str:
        """What happened, as it was written."""
        return self.form.text("reason")[:LONGEST_NOTE]


Do = Callable[[Call], None]


def _present(call: Call) -> None:
    kind = call.form.word("id_kind")
    if kind not in ID_KINDS:
        raise FormError("id_kind", "is none that we know")
    call.store.mark_present(call.actor, call.sitting, call.candidate, kind)


def _reject(call: Call) -> None:
    why = call.form.word("why")
    if why not in {reason.value for reason in REJECTIONS}:
        raise FormError("why", "is none that we know")
    call.store.reject(call.actor, call.sitting, call.candidate, Attendance(why))


def _no_show(call: Call) -> None:
    call.store.mark_no_show(call.actor, call.sitting, call.candidate)


def _unlock(call: Call) -> None:
    call.store.unlock(call.actor, call.sitting, call.candidate, call.part, reason=call.reason)


def _extra_time(call: Call) -> None:
    minutes = call.form.number("minutes", 1, MOST_EXTRA_MINUTES)
    call.store.give_extra_time(
        call.actor, call.sitting, call.candidate, call.part, extra_ms=minutes * MINUTE_MS, reason=call.reason
    )


def _reset(call: Call) -> None:
    consent = call.form.text("consent")
    call.store.reset(call.actor, call.sitting, call.candidate, call.part, consent=consent, reason=call.reason)


def _handover(call: Call) -> None:
    device = call.form.text("device")
    call.store.permit_handover(
        call.actor, call.sitting, call.candidate, call.part, to_device=device, reason=call.reason
    )


def _exit(call: Call) -> None:
    who = call.form.text("invigilator")[:128]
    call.store.record_accompanied_exit(call.actor, call.sitting, call.candidate, call.part, who)


def _return(call: Call) -> None:
    call.store.record_return(call.actor, call.sitting, call.form.number("exit", 1, 10**9))


def _left_alone(call: Call) -> None:
    call.store.record_unaccompanied_exit(call.actor, call.sitting, call.candidate, call.part)


def _incident(call: Call) -> None:
    kind = call.form.word("kind")
    if kind not in {each.value for each in IncidentKind}:
        raise FormError("kind", "is none that we know")
    call.store.record_incident(
        call.actor, call.sitting, call.candidate, call.form.text("part"), kind=IncidentKind(kind), note=call.reason
    )


def _expel(call: Call) -> None:
    call.store.expel(call.actor, call.sitting, call.candidate, call.part, reason=call.reason)


def _sign_delivered(call: Call) -> None:
    call.store.sign_delivered(call.actor, call.sitting, call.candidate, call.part)


def _open(call: Call) -> None:
    call.store.open_sitting(call.actor, call.sitting)


def _start(call: Call) -> None:
    call.store.start_part(call.actor, call.sitting, call.part)


def _close(call: Call) -> None:
    call.store.close_sitting(call.actor, call.sitting, call.reason)


def _sign_list(call: Call) -> None:
    call.store.sign_attendance(call.actor, call.sitting)


def _report(call: Call) -> None:
    call.store.file_report(call.actor, call.sitting, call.form.text("candidate"), call.reason)


def _take_back(call: Call) -> None:
    call.store.take_back(call.actor, call.sitting, call.reason)


def _add(call: Call) -> None:
    parts = [name.removeprefix("part-") for name in call.form.fields if name.startswith("part-")]
    enrolments = tuple(NewEnrolment(part, call.form.text(f"level-{part}")) for part in parts)
    seat = call.form.number("seat", 1, MOST_SEATS)
    call.store.add_place(call.actor, NewPlace(call.sitting, call.form.word("candidate"), seat, enrolments))


SEAT_ACTS: Final[Mapping[str, Do]] = {
    "present": _present,
    "reject": _reject,
    "no_show": _no_show,
    "unlock": _unlock,
    "extra_time": _extra_time,
    "reset": _reset,
    "handover": _handover,
    "exit": _exit,
    "return": _return,
    "left_alone": _left_alone,
    "incident": _incident,
    "expel": _expel,
    "sign_delivered": _sign_delivered,
}

SITTING_ACTS: Final[Mapping[str, Do]] = {
    "open": _open,
    "start": _start,
    "close": _close,
    "sign_list": _sign_list,
    "report": _report,
    "add": _add,
    "take_back": _take_back,
}
