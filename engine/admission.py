"""Who may log in here now, and who may leave: decisions on facts that others have found out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from engine.programme import PartRules
from engine.state import Phase, Refusal


class AdmissionReason(Enum):
    """Why a candidate is let in or not."""

    OK = "ok"
    RESUMES = "resumes"
    DEVICE_NOT_CLEARED = "wrong_device"
    NOT_ON_LIST = "not_on_list"
    WRONG_CREDENTIALS = "wrong_credentials"
    NOT_OPEN = "not_open"
    CLOSED = "closed"
    NOT_ENROLLED_FOR_PART = "not_enrolled_for_part"
    EXPELLED = "expelled"
    ALREADY_LEFT = "already_left"
    ALREADY_DELIVERED = "already_delivered"
    RUNNING_ELSEWHERE = "running_elsewhere"
    LATE = "late"


class SittingState(Enum):
    """How far a sitting is, as far as a part of it is concerned."""

    PLANNED = "planned"
    OPENED = "opened"
    STARTED = "started"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """What is known when somebody logs in, and again when a day code is typed.

    Attributes:
        is_on_list: the user name is on this sitting's attendance list.
        is_password_right: the password fits that user name.
        is_device_cleared: the test site has cleared this computer for its sittings (reglement 3.12).
        is_enrolled_for_part: the candidate takes this part.
        sitting: how far the sitting is for this part.
        was_admitted: the candidate was admitted before the part was started in the room (reglement 4.5).
        earlier: the phase of the candidate's newest attempt at this part; None if there is none.
        is_running_elsewhere: that attempt runs on another computer of the room.
        is_handover_permitted: the test leader permitted moving it here.
        is_expelled: the candidate is expelled from the sitting, in whatever part.
    """

    is_on_list: bool
    is_password_right: bool
    is_device_cleared: bool
    is_enrolled_for_part: bool
    sitting: SittingState
    was_admitted: bool
    earlier: Phase | None
    is_running_elsewhere: bool
    is_handover_permitted: bool
    is_expelled: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a candidate is let in, why, and what the staff should know (never shown with a candidate's data)."""

    reason: AdmissionReason
    what: str

    @property
    def is_admitted(self) -> bool:
        """Whether the candidate may go on."""
        return self.reason in {AdmissionReason.OK, AdmissionReason.RESUMES}


_SENTENCES: dict[AdmissionReason, str] = {
    AdmissionReason.OK: "The candidate may begin.",
    AdmissionReason.RESUMES: "The candidate goes on where the attempt stands.",
    AdmissionReason.DEVICE_NOT_CLEARED: "This computer is not cleared for the sitting. Use one of the room's.",
    AdmissionReason.NOT_ON_LIST: "The user name is not on the sitting's attendance list. Contact the test leader.",
    AdmissionReason.WRONG_CREDENTIALS: "User name and password do not belong together. Type them again.",
    AdmissionReason.NOT_OPEN: "The sitting is not open yet. Wait for the test leader to open it.",
    AdmissionReason.CLOSED: "The sitting is closed. Contact the test leader.",
    AdmissionReason.NOT_ENROLLED_FOR_PART: "The candidate does not take this part. Contact the test leader.",
    AdmissionReason.EXPELLED: "The candidate is expelled from the test. Contact the test leader.",
    AdmissionReason.ALREADY_LEFT: "The candidate left the room alone and cannot come back (reglement 4.9).",
    AdmissionReason.ALREADY_DELIVERED: "The part is handed in already. Contact the test leader.",
    AdmissionReason.RUNNING_ELSEWHERE: "The attempt runs on another computer. The test leader can permit moving it.",
    AdmissionReason.LATE: "The part was started before the candidate was admitted, who is late (reglement 4.5).",
}


def admit(facts: AdmissionFacts) -> Admission:
    """Whether the candidate may log in, or type a day code, here now; the first reason against it counts."""
    checks: tuple[tuple[bool, AdmissionReason], ...] = (
        (not facts.is_device_cleared, AdmissionReason.DEVICE_NOT_CLEARED),
        (not facts.is_on_list, AdmissionReason.NOT_ON_LIST),
        (not facts.is_password_right, AdmissionReason.WRONG_CREDENTIALS),
        (facts.sitting is SittingState.PLANNED, AdmissionReason.NOT_OPEN),
        (facts.sitting is SittingState.CLOSED, AdmissionReason.CLOSED),
        (not facts.is_enrolled_for_part, AdmissionReason.NOT_ENROLLED_FOR_PART),
        (facts.is_expelled or facts.earlier is Phase.EXPELLED, AdmissionReason.EXPELLED),
        (facts.earlier is Phase.LEFT, AdmissionReason.ALREADY_LEFT),
        (facts.earlier is Phase.SUBMITTED, AdmissionReason.ALREADY_DELIVERED),
        (facts.is_running_elsewhere and not facts.is_handover_permitted, AdmissionReason.RUNNING_ELSEWHERE),
        (facts.earlier in {Phase.LOGGED_IN, Phase.READY, Phase.RUNNING}, AdmissionReason.RESUMES),
        (facts.sitting is SittingState.STARTED and not facts.was_admitted, AdmissionReason.LATE),
    )
    reason = next((reason for is_so, reason in checks if is_so), AdmissionReason.OK)
    return Admission(reason, _SENTENCES[reason])


def leave_refusal(rules: PartRules, *, part_started_ms: int, now_ms: int, is_submitted: bool) -> Refusal | None:
    """Why a candidate may not leave the room now; None if it may.

    Both times on one clock; ``part_started_ms`` is the test leader's start of the part in the room. Handing in early is
    allowed, leaving is not: not before the part's earliest time, and not before the end where leaving is not allowed.
    """
    if not is_submitted and not rules.may_leave:
        return Refusal("no_leaving", "nobody leaves the room during this part")
    wait_ms = part_started_ms + rules.earliest_leave_ms - now_ms
    if wait_ms > 0:
        return Refusal("too_early", f"leaving is possible in {-(-wait_ms // 60_000)} minutes")
    return None
