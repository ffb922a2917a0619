"""What is legal in a journal and yet not as an honest exam-room PC does it.

The fold refuses what cannot be. This looks at what could be, but should not: more time to read or answer because a step
came late, a recording that was shorter or longer than it is, a warning or a hand-in left out. Somebody should look at
each finding; none of them changes the attempt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.attempt import Attempt
from engine.events import Event, PlayBegun, PlayEnded, PlayFailed, PlayPosition, Resumed, StepEntered, Submitted, Warned
from engine.listening import StepKind
from engine.state import Given, Phase

TOLERANCE_MS = 2_000
"""How late a PC may be before it is worth a look: a busy disk, a sound device that opens slowly."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at; ``number`` is the event's place in the journal, from 0 (one past the last: at its end)."""

    number: int
    code: str
    what: str


@dataclass(frozen=True, slots=True)
class _Sound:
    """Since when and from which frame the present play is sounding."""

    at_ms: int
    frame: int


def audit(given: Given, events: Iterable[Event]) -> tuple[Finding, ...]:
    """Everything worth a look in a journal, in its order. What the engine refuses is left out here: see `replay`."""
    findings: list[Finding] = []
    attempt = Attempt.waiting(given)
    sound: _Sound | None = None
    number = -1
    for number, event in enumerate(events):
        if attempt.refusal(event) is not None:
            continue
        told = _of_time(attempt, event) or _of_sound(attempt, event, sound)
        if told is not None:
            findings.append(Finding(number, *told))
        if isinstance(event, PlayBegun):
            sound = _Sound(event.at_ms, event.frame)
        elif isinstance(event, PlayEnded | PlayFailed | Resumed):
            sound = None
        attempt = attempt.apply(event)
    if not attempt.has_ended:
        findings.append(Finding(number + 1, "not_ended", f"the journal stops in phase {attempt.phase.value}"))
    return tuple(findings)


def _of_time(attempt: Attempt, event: Event) -> tuple[str, str] | None:
    """A step, a warning or a hand-in that came late or was left out. Over a stop of the program nothing is late."""
    due_ms = attempt.next_due_ms()
    if due_ms is None or isinstance(event, Resumed):
        return None
    late_ms = event.at_ms - max(due_ms, attempt.at_ms)
    if isinstance(event, StepEntered | Warned) or (isinstance(event, Submitted) and event.cause != "candidate"):
        is_expected = isinstance(event, type(attempt.due(due_ms)[0]))
        if not is_expected:
            return "left_out", f"{type(attempt.due(due_ms)[0]).__name__} was due before {type(event).__name__}"
        return ("late", f"{type(event).__name__} came {late_ms} ms late") if late_ms > TOLERANCE_MS else None
    if event.at_ms - due_ms > TOLERANCE_MS:
        return "left_out", f"{type(attempt.due(due_ms)[0]).__name__} was due at {due_ms} ms"
    return None


def _of_sound(attempt: Attempt, event: Event, sound: _Sound | None) -> tuple[str, str] | None:
    """A play that began late, or ran faster or slower than its frames."""
    step, clip = attempt.step, attempt.present_clip()
    if step is None or clip is None or step.kind is not StepKind.PLAY or attempt.phase is not Phase.RUNNING:
        return None
    if isinstance(event, PlayBegun):
        waited_ms = event.at_ms - attempt.at_ms
        return None if step.is_begun or waited_ms <= TOLERANCE_MS else ("play_late", f"it began {waited_ms} ms late")
    if sound is None or not isinstance(event, PlayEnded | PlayPosition):
        return None
    sounded_ms = (event.frame - sound.frame) * 1000 // clip.sample_rate_hz
    elapsed_ms = event.at_ms - sound.at_ms
    if sounded_ms - elapsed_ms > TOLERANCE_MS:
        return "play_fast", f"{sounded_ms} ms of sound in {elapsed_ms} ms"
    if elapsed_ms - sounded_ms > TOLERANCE_MS:
        return "play_slow", f"{sounded_ms} ms of sound in {elapsed_ms} ms"
    return None
