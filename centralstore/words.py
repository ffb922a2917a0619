"""The store's words: states, roles, kinds. Kept in the database and shown by their values."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a staff account is; COMMAND is a person at the store's own command line."""

    TEST_MANAGER = "test_manager"
    TEST_LEADER = "test_leader"
    INVIGILATOR = "invigilator"
    NATIONAL = "national"
    COMMAND = "command"


class SittingState(StrEnum):
    """A sitting's life; starting parts happens inside OPENED."""

    PLANNED = "planned"
    OPENED = "opened"
    CLOSED = "closed"


class Attendance(StrEnum):
    """Whether a candidate on the list came and was let in."""

    EXPECTED = "expected"
    PRESENT = "present"
    REJECTED_ID = "rejected_id"
    REJECTED_LATE = "rejected_late"
    REJECTED_FEE = "rejected_fee"
    NO_SHOW = "no_show"


class DeviceState(StrEnum):
    """An exam PC's standing."""

    ENROLLED = "enrolled"
    CLEARED = "cleared"
    REVOKED = "revoked"


class DeviationKind(StrEnum):
    """Kinds of deviation, by the regulation's own words where it has them."""

    MISSING_ID = "manglende legitimasjon"
    NO_SHOW = "ikke møtt"
    LATE = "sen"
    LEFT_ROOM = "forlot lokalet"
    TECHNICAL = "teknisk"
    OTHER = "annet"


class IncidentKind(StrEnum):
    """What staff saw. The first four are attempted cheating (reglement 4.11, annex 3)."""

    MOBILE_PHONE = "mobile_phone"
    ILLEGAL_AID = "illegal_aid"
    FALSE_ID = "false_id"
    HELP_FROM_OTHERS = "help_from_others"
    DISTURBANCE = "disturbance"
    TECHNICAL = "technical"
    OTHER = "other"


class ResultState(StrEnum):
    """HELD: nobody but custodians; RELEASED: published together with all parts (reglement 6.5)."""

    HELD = "held"
    RELEASED = "released"


class OrderKind(StrEnum):
    """What a test leader can order; the words of `sync.orders`."""

    OPEN = "open"
    START_PART = "start_part"
    EXTRA_TIME = "extra_time"
    RESET = "reset"
    UNLOCK = "unlock"
    EXPEL = "expel"
    LEFT_ALONE = "left_alone"
    PERMIT_HANDOVER = "permit_handover"
    CLOSE = "close"


class LendingState(StrEnum):
    """A loan's life: LENT, then RETURNED by the relay with everything, or TAKEN_BACK without it."""

    LENT = "lent"
    RETURNED = "returned"
    TAKEN_BACK = "taken_back"


class ContradictionKind(StrEnum):
    """What two stores tell differently of one sitting; the last two count for nothing and are shown as evidence."""

    ORDER = "order"
    ATTENDANCE = "attendance"
    CANDIDATE = "candidate"
    TWO_ATTEMPTS = "two_attempts"
    LATE_ROW = "late_row"
    EVIDENCE = "evidence"
