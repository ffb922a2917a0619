"""Listening as a script: every item reads, plays, waits, plays again or not, gives time to answer, and goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from engine.ids import ClipId, ItemId, WrittenStandard


class StepKind(Enum):
    """What a step of an item's script is for."""

    READ = "read"
    PLAY = "play"
    GAP = "gap"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording: its length in frames (one sample per channel) at a sample rate."""

    id: ClipId
    frames: int
    sample_rate_hz: int

    @property
    def duration_ms(self) -> int:
        """Its length in milliseconds, rounded up."""
        return -(-self.frames * 1000 // self.sample_rate_hz)


@dataclass(frozen=True, slots=True)
class ListeningScript:
    """How one item runs: the times around its plays, and its clip in each written standard."""

    reading_ms: int
    gap_ms: int
    answering_ms: int
    clips: Mapping[WrittenStandard, Clip]

    def duration_ms(self, written_standard: WrittenStandard, plays: int) -> int:
        """The item's planned duration when its clip is heard ``plays`` times."""
        heard = plays * self.clips[written_standard].duration_ms
        return self.reading_ms + heard + (plays - 1) * self.gap_ms + self.answering_ms


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a script; ``play`` counts from 1 and is, outside a play, that of the last play (0: none yet)."""

    kind: StepKind
    play: int


@lru_cache(maxsize=16)
def steps(plays: int) -> tuple[Step, ...]:
    """The steps of an item that is heard ``plays`` times; a `StepEntered.step` is an index into them."""
    heard: list[Step] = []
    for play in range(1, plays + 1):
        if play > 1:
            heard.append(Step(StepKind.GAP, play - 1))
        heard.append(Step(StepKind.PLAY, play))
    return (Step(StepKind.READ, 0), *heard, Step(StepKind.ANSWER, plays))


def step_ms(script: ListeningScript, step: Step) -> int | None:
    """How long a step lasts; None for a play, which ends when the sound does."""
    return {
        StepKind.READ: script.reading_ms,
        StepKind.PLAY: None,
        StepKind.GAP: script.gap_ms,
        StepKind.ANSWER: script.answering_ms,
    }[step.kind]


@dataclass(frozen=True, slots=True)
class StepState:
    """Where the script stands.

    Attributes:
        index: the step's number in `steps`.
        play: as in `Step`; ``plays`` is how often the item is heard in all.
        frame: where the present play begins or goes on: 0 before it is begun, then at least 1, the last journalled.
        is_begun: whether the present play is spent.
        is_playing: whether it is sounding now.
        ends_ms: when the step ends; None while a play has not ended.
    """

    item: ItemId
    index: int
    kind: StepKind
    play: int
    plays: int
    frame: int
    is_begun: bool
    is_playing: bool
    ends_ms: int | None
