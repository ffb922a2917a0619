"""What candidates know: every state of their answers that a screen showed them, and how sure the screen was of it.

A book is one attempt as the candidate remembers it. ``shown`` are its states in order; up to ``durable`` a power cut
may take nothing away, up to ``delivered`` not even the loss of the whole PC. A killed program may take nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engine.attempt import Attempt, state_sha256
from engine.state import Phase

Kind: TypeAlias = Literal["killed", "cut", "moved", "left"]
"""How a run of the program ended: killed, power cut, gone on at another PC, or left in order (log-in again)."""

State: TypeAlias = tuple[
    tuple[tuple[str, tuple[str, ...]], ...], tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]
]


class BrokenPromiseError(BaseException):
    """An invariant of the room does not hold. No program of the room may catch it and go on."""


def state_of(attempt: Attempt) -> State:
    """Answers, texts and chosen topics: what a candidate would miss."""
    return (
        tuple(sorted((str(item), tuple(response)) for item, response in attempt.responses.items())),
        tuple(sorted((str(task), text) for task, text in attempt.texts.items() if text)),
        tuple(sorted((str(slot), str(task)) for slot, task in attempt.chosen_topics.items())),
    )


@dataclass
class Book:
    """One attempt in its candidate's memory."""

    attempt: str
    candidate: str
    part: str
    pc: str
    shown: list[State] = field(default_factory=lambda: [((), (), ())])
    durable: int = 0
    delivered: int = 0
    changed_ms: int = 0
    started_ms: int | None = None
    ended_ms: int | None = None
    phase: Phase = Phase.LOGGED_IN
    end_sha256: str = ""
    slack_ms: int = 0
    down_since_ms: int | None = None
    last_end: Kind = "left"
    restarts: int = 0
    was_killed: bool = False
    is_acting: bool = False

    def see(self, attempt: Attempt, now_ms: int) -> None:
        """The screen shows the attempt so."""
        self.is_acting = False
        state = state_of(attempt)
        if state != self.shown[-1]:
            self.shown.append(state)
            self.changed_ms = now_ms
        if self.started_ms is None and attempt.phase is Phase.RUNNING:
            self.started_ms = now_ms
        self.phase = attempt.phase
        if attempt.has_ended:
            if self.ended_ms is None:
                self.ended_ms = now_ms
            self.end_sha256 = state_sha256(attempt)

    def resume(self, attempt: Attempt, pc: str) -> None:
        """The attempt goes on: it must stand where it was left, as far as was promised.

        Raises:
            BrokenPromiseError: something that a screen had shown as kept is gone.
        """
        state = state_of(attempt)
        kept = {
            "killed": len(self.shown) - 1,
            "left": len(self.shown) - 1,
            "cut": self.durable,
            "moved": self.delivered,
        }
        least = kept[self.last_end] if pc == self.pc else self.delivered
        for place in range(len(self.shown) - 1, least - 1, -1):
            if self.shown[place] == state:
                del self.shown[place + 1 :]
                self.durable, self.delivered = min(self.durable, place), min(self.delivered, place)
                self.pc = pc
                return
        if self.is_acting and _differences(state, self.shown[-1]) == 1:
            self.shown.append(state)  # the act during which the program ended had come as far as the journal
            self.pc = pc
            return
        raise BrokenPromiseError(
            f"{self.part} of {self.candidate} goes on at {pc} ({self.last_end}) with {state}; of the "
            f"{len(self.shown)} states shown at {self.pc} number {least} or a later one was promised: "
            f"{self.shown[least:][:3]} … {self.shown[-1]}"
        )


def _differences(one: State, other: State) -> int:
    """In how many answers, texts and topics two states differ."""
    return sum(
        dict(left).get(name) != dict(right).get(name)
        for left, right in zip(one, other, strict=True)
        for name in dict(left).keys() | dict(right).keys()
    )
