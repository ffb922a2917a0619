"""An attempt: one candidate's run of one part, the fold of its facts.

`apply` gives the attempt after a fact; an illegal fact gives the same object, and `refusal` says why. `due` says which
facts time itself makes true by now: who feeds the attempt journals and applies these first, then what happened now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from engine.canonical import canonical_sha256
from engine.events import Event, StepEntered, Submitted, Warned
from engine.listening import StepState
from engine.moves import next_step, outcome
from engine.state import AttemptState, Given, ItemStatus, Phase, Refusal, RouteStep
from engine.wire import to_plain

__all__ = [
    "Attempt",
    "Given",
    "ItemStatus",
    "Phase",
    "Refusal",
    "Refused",
    "Replay",
    "RouteStep",
    "StepState",
    "canonical_state",
    "replay",
    "state_sha256",
]


@dataclass(frozen=True)
class Attempt(AttemptState):
    """The state with its law: which facts may follow, and which time will bring."""

    @classmethod
    def waiting(cls, given: Given) -> Attempt:
        """Before anybody has logged in."""
        return cls(given)

    def apply(self, event: Event) -> Attempt:
        """The attempt after an event; this very object if the event is illegal."""
        after = outcome(self, event)
        return after if isinstance(after, Attempt) else self

    def refusal(self, event: Event) -> Refusal | None:
        """Why an event is illegal now; None if it is legal."""
        after = outcome(self, event)
        return after if isinstance(after, Refusal) else None

    def due(self, now_ms: int) -> tuple[Event, ...]:
        """The facts that time has made true by now, in order, each with the time it became true.

        A fact noticed late keeps its true time, unless something later was journalled already: then it takes that time,
        since a journal never runs backwards.
        """
        now_ms = max(now_ms, self.at_ms)
        events: list[Event] = []
        attempt = self
        while (following := attempt._next_timed()) is not None and following.at_ms <= now_ms:
            event = replace(following, at_ms=max(following.at_ms, attempt.at_ms))
            events.append(event)
            attempt = attempt.apply(event)
        return tuple(events)

    def next_due_ms(self) -> int | None:
        """When time will next make something true; None if it will not by itself."""
        following = self._next_timed()
        return None if following is None else following.at_ms

    def _next_timed(self) -> Event | None:
        """The next fact that time brings, at its true time."""
        if self.phase is not Phase.RUNNING:
            return None
        if self.deadline_ms is None:
            return self._next_of_script()
        for left_ms in self.rules.warnings_ms:
            if left_ms not in self.warned:
                return Warned(self.deadline_ms - left_ms, left_ms)
        return Submitted(self.deadline_ms, "time")

    def _next_of_script(self) -> Event | None:
        at_ms = self.started_ms if self.step is None else self.step.ends_ms
        if at_ms is None:
            return None
        following = next_step(self)
        if following is None:
            return Submitted(at_ms, "script")
        _, item, index = following
        return StepEntered(at_ms, item, index)


@dataclass(frozen=True, slots=True)
class Refused:
    """An event of a journal that the engine refuses; ``number`` counts from 0."""

    number: int
    event: Event
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Replay:
    """What a journal comes to, and everything in it that was illegal (nothing, in an honest one)."""

    attempt: Attempt
    refused: tuple[Refused, ...]


def replay(given: Given, events: Iterable[Event]) -> Replay:
    """Fold a journal from the beginning, going on past what is refused."""
    attempt = Attempt.waiting(given)
    refused: list[Refused] = []
    for number, event in enumerate(events):
        after = outcome(attempt, event)
        if isinstance(after, Attempt):
            attempt = after
        elif isinstance(after, Refusal):
            refused.append(Refused(number, event, after))
    return Replay(attempt, tuple(refused))


def canonical_state(attempt: Attempt) -> Mapping[str, object]:
    """The whole state as plain data with one canonical form, for comparing kiosk and store."""
    step = attempt.step
    return {
        "form": attempt.given.form.id,
        "programme": attempt.given.programme.id,
        "programme_version": attempt.given.programme.version,
        "phase": attempt.phase.value,
        "at_ms": attempt.at_ms,
        "begun": None if attempt.begun is None else to_plain(attempt.begun),
        "device": attempt.device,
        "is_name_confirmed": attempt.is_name_confirmed,
        "written_standard": attempt.written_standard,
        "is_sound_checked": attempt.is_sound_checked,
        "is_day_code_accepted": attempt.is_day_code_accepted,
        "day_code_tries": attempt.day_code_tries,
        "is_information_read": attempt.is_information_read,
        "volume": attempt.volume,
        "lock_reasons": list(attempt.lock_reasons),
        "orders": sorted(attempt.orders),
        "started_ms": attempt.started_ms,
        "deadline_ms": attempt.deadline_ms,
        "given_ms": attempt.given_ms,
        "warned": list(attempt.warned),
        "route": [[each.module, each.number_correct, each.low, each.high, each.target] for each in attempt.route],
        "module": attempt.module,
        "item": attempt.item,
        "presented": sorted(attempt.presented),
        "responses": {item: list(response) for item, response in attempt.responses.items()},
        "step": None
        if step is None
        else [step.item, step.index, step.frame, step.is_begun, step.is_playing, step.ends_ms],
        "plays_spent": dict(attempt.plays_spent),
        "texts": dict(attempt.texts),
        "chosen_topics": dict(attempt.chosen_topics),
        "ended_ms": attempt.ended_ms,
        "end_cause": attempt.end_cause,
    }


def state_sha256(attempt: Attempt) -> str:
    """SHA-256 of the canonical state, 64 hexadecimal digits."""
    return canonical_sha256(canonical_state(attempt))
