"""Who may do what where: a table of acts and roles, and the scope of an account. Pure.

The store asks here on every act, so that no page, command or route can forget to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from centralstore.words import Role

EVERYWHERE = ""
"""As a site or room of an account: no limit there."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a logged-in account with its role and scope ("" = every site, every room)."""

    user: str
    role: Role
    site: str
    room: str


COMMAND_LINE = Actor("command-line", Role.COMMAND, EVERYWHERE, EVERYWHERE)
"""A person at the store's own machine, who can read its key files anyway."""


class Act(StrEnum):
    """What can be done; the value completes "may not …"."""

    MANAGE_ACCOUNTS = "manage accounts"
    MANAGE_DEVICES = "enrol, clear or revoke PCs"
    PLAN_SITTING = "plan a sitting"
    ADD_CANDIDATE = "add a candidate to a sitting"
    SEE_SITTING = "see the sitting"
    SEE_DAY_CODE = "see the day code"
    MARK_ATTENDANCE = "mark attendance"
    SIGN_ATTENDANCE = "sign the attendance list"
    OPEN_SITTING = "open the sitting"
    START_PART = "start a part"
    CLOSE_SITTING = "close the sitting"
    GIVE_TIME = "give extra time"
    RESET = "reset a part"
    UNLOCK = "unlock a screen"
    PERMIT_HANDOVER = "permit a hand-over"
    EXPEL = "expel a candidate"
    RECORD_EXIT = "record an exit"
    ENTER_INCIDENT = "enter an incident"
    FILE_REPORT = "file a report"
    HANDLE_REPORT = "handle a report"
    SEE_AUDIT = "see the audit log"
    MANAGE_RELEASES = "add releases and grants"
    KEEP_RESULTS = "keep results"
    ERASE_STREAM = "erase key timings or forms"
    SEE_RESULTS = "see results"
    LEND = "lend the sitting to a relay"
    TAKE_BACK = "take the sitting back without the relay's return"
    BORROW = "borrow or give back a sitting"
    ACCEPT_EVIDENCE = "let in as evidence what a revoked PC still holds"


_MANAGERS = frozenset({Role.TEST_MANAGER, Role.COMMAND})
_LEADERS = _MANAGERS | {Role.TEST_LEADER}
_ROOM_STAFF = _LEADERS | {Role.INVIGILATOR}

RIGHTS: Mapping[Act, frozenset[Role]] = {
    Act.MANAGE_ACCOUNTS: _MANAGERS | {Role.NATIONAL},
    Act.MANAGE_DEVICES: _MANAGERS,
    Act.PLAN_SITTING: _MANAGERS,
    Act.ADD_CANDIDATE: _MANAGERS,
    Act.SEE_SITTING: _ROOM_STAFF | {Role.NATIONAL},
    Act.SEE_DAY_CODE: _LEADERS,
    Act.MARK_ATTENDANCE: _ROOM_STAFF,
    Act.SIGN_ATTENDANCE: _LEADERS,
    Act.OPEN_SITTING: _LEADERS,
    Act.START_PART: _LEADERS,
    Act.CLOSE_SITTING: _LEADERS,
    Act.GIVE_TIME: _LEADERS,
    Act.RESET: _LEADERS,
    Act.UNLOCK: _LEADERS,
    Act.PERMIT_HANDOVER: _LEADERS,
    Act.EXPEL: _LEADERS,
    Act.RECORD_EXIT: _ROOM_STAFF,
    Act.ENTER_INCIDENT: _ROOM_STAFF,
    Act.FILE_REPORT: _LEADERS,
    Act.HANDLE_REPORT: _MANAGERS,
    Act.SEE_AUDIT: _MANAGERS | {Role.NATIONAL},
    Act.MANAGE_RELEASES: frozenset({Role.COMMAND, Role.NATIONAL}),
    Act.KEEP_RESULTS: frozenset({Role.COMMAND}),
    Act.ERASE_STREAM: frozenset({Role.COMMAND, Role.NATIONAL}),
    Act.SEE_RESULTS: frozenset({Role.COMMAND, Role.NATIONAL}),
    Act.LEND: _MANAGERS,
    Act.TAKE_BACK: _LEADERS,
    Act.BORROW: _LEADERS,
    Act.ACCEPT_EVIDENCE: _MANAGERS,
}
"""Results are held: no role of a test site sees them before release (reglement 6.5)."""


def reaches(actor: Actor, site: str, room: str) -> bool:
    """Whether the account's scope covers a room of a site (reglement 2: a test leader's right is one room's)."""
    return actor.site in {EVERYWHERE, site} and actor.room in {EVERYWHERE, room}


def permits(actor: Actor, act: Act, site: str, room: str) -> bool:
    """Whether ``actor`` may do ``act`` in ``room`` of ``site``."""
    return actor.role in RIGHTS[act] and reaches(actor, site, room)


def remedy(actor: Actor, act: Act) -> str:
    """Whom to ask, told after a refusal."""
    if actor.role in RIGHTS[act]:
        return "The account belongs to another room or test site; ask that site's test manager."
    return "Ask the test manager." if Role.TEST_MANAGER in RIGHTS[act] else "Ask the national authority."
