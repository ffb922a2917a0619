"""What can be wrong with data given to the engine, always told as: what, where, what to do.

An illegal event is not an error: `Attempt.apply` leaves the attempt as it is, and `Attempt.refusal` says why.
"""

from __future__ import annotations


class EngineError(Exception):
    """Anything that the engine refuses by raising."""


class DataError(EngineError):
    """Given data breaks a rule. The sentence names the file, the field, the fault and the remedy."""

    kind: str = "Data"

    def __init__(self, *, where: str, field: str, fault: str, remedy: str) -> None:
        """Build the sentence; ``where`` is the file or other origin, ``field`` the dotted path within it."""
        self.where = where
        self.field = field
        self.fault = fault
        self.remedy = remedy
        super().__init__(f"{self.kind} {where}, field '{field}': {fault}. {remedy}.")


class ProgrammeError(DataError):
    """A programme file breaks a rule."""

    kind = "Programme"


class PanelError(DataError):
    """A panel breaks a rule of its own or of its programme."""

    kind = "Panel"


class TaskSetError(DataError):
    """A task set breaks a rule of its own or of its programme."""

    kind = "Task set"


class EventError(DataError):
    """Plain data is not an event."""

    kind = "Event"


class CanonicalError(DataError):
    """Data has no canonical form: a number that is no integer, a key that is no string, broken Unicode."""

    kind = "Canonical form"


class AccommodationError(EngineError):
    """More accommodation was asked for than the programme allows."""

    def __init__(self, part: str, extra_ms: int, cap_ms: int) -> None:
        """Build the sentence from the part, what was asked for and what is allowed."""
        self.part = part
        self.extra_ms = extra_ms
        self.cap_ms = cap_ms
        asked, cap = extra_ms / 60_000, cap_ms / 60_000
        super().__init__(
            f"{asked:g} minutes of accommodation in part '{part}' are not within 0 to {cap:g}. "
            f"Grant at most {cap:g} minutes."
        )


class ResultError(EngineError):
    """A result was asked of an attempt that has none: it was reset, has not ended, or never started."""

    def __init__(self, phase: str) -> None:
        """Build the sentence from the attempt's phase."""
        self.phase = phase
        super().__init__(
            f"The attempt has no result: its phase is {phase}. "
            "Score attempts that started and ended; of one that was reset, the attempt that supersedes it."
        )
