"""What a candidate's screen may know of an attempt: everything but score, level, route and module names.

A screen made from this alone cannot tell what must not be told (reglement 4: nobody learns the result before release).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.events import Response
from engine.listening import StepKind
from engine.programme import Navigation
from engine.state import AttemptState, Phase


@dataclass(frozen=True, slots=True)
class StepView:
    """Where the listening script stands, as far as it is shown: never which module, never what comes after the item."""

    kind: StepKind
    play: int
    plays: int
    ends_ms: int | None


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A screen's share of the attempt.

    Attributes:
        module_number: from 1, only where the candidate leaves modules by a choice of their own ("Del 2"); else None.
        items: ids on this screen's strip: the present module's items, or the tasks; in listening the present one only.
        left_ms: None where the programme shows no time.
    """

    phase: Phase
    part: str
    written_standard: str | None
    missing_before_start: tuple[str, ...]
    is_locked: bool
    left_ms: int | None
    module_number: int | None
    items: tuple[str, ...]
    item: str | None
    responses: Mapping[str, Response]
    texts: Mapping[str, str]
    step: StepView | None
    volume: int


def candidate_view(attempt: AttemptState, now_ms: int) -> CandidateView:
    """What the candidate's screen may know now. After the end it knows no items any more, only that it ended."""
    rules = attempt.rules
    items = _items(attempt)
    step = attempt.step
    return CandidateView(
        phase=attempt.phase,
        part=rules.part,
        written_standard=attempt.written_standard,
        missing_before_start=attempt.missing_before_start,
        is_locked=attempt.is_locked,
        left_ms=attempt.left_ms(now_ms) if rules.shows_time else None,
        module_number=attempt.module_number
        if rules.navigation is Navigation.FREE_IN_MODULE and not attempt.has_ended
        else None,
        items=items,
        item=attempt.item if attempt.item in items else None,
        responses={item: response for item, response in attempt.responses.items() if item in items},
        texts={task: text for task, text in attempt.texts.items() if task in items},
        step=None if step is None or attempt.has_ended else StepView(step.kind, step.play, step.plays, step.ends_ms),
        volume=attempt.volume,
    )


def _items(attempt: AttemptState) -> tuple[str, ...]:
    if attempt.has_ended or attempt.started_ms is None:
        return ()
    if attempt.rules.is_script_driven:
        return () if attempt.item is None else (attempt.item,)
    return attempt.items or attempt.tasks
