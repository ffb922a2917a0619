"""Hand-in of work done outside the exam room, with a date to meet instead of a running clock."""

from __future__ import annotations

from enum import Enum


class HandIn(Enum):
    """How work came in; only work in time is marked."""

    IN_TIME = "in_time"
    LATE = "late"

    @property
    def opens_marking(self) -> bool:
        """Whether a marking is opened: what is late is kept and left unmarked."""
        return self is HandIn.IN_TIME


def hand_in(*, received_ms: int, deadline_ms: int) -> HandIn:
    """How work received at one moment meets a deadline; both in UTC milliseconds, the deadline itself is in time."""
    return HandIn.IN_TIME if received_ms <= deadline_ms else HandIn.LATE
