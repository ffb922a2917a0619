"""One attempt in this run of the program: engine, journal and clock in step. A fact is journalled, then it is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.attempt import Attempt
from engine.canonical import canonical_bytes
from sync.segment import FORM_ENTRY, KEY_TIMINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.events import Event
    from kiosk.clock import AttemptClock
    from kiosk.intents import KeyTimed
    from sync.writer import JournalWriter, Position

KEYS_IN_A_RECORD: Final = 64


@dataclass(frozen=True, slots=True)
class Happened:
    """What came of a fact that was to happen: nothing (refused, with its code), or it is true now."""

    refused: str = ""

    @property
    def is_true(self) -> bool:
        """Whether the fact was legal and is journalled."""
        return not self.refused


class AttemptRecord:
    """An attempt with its journal.

    ``happens`` returns when the fact survives a power cut; ``happens_soon`` when it survives the end of the program,
    with the sync at once behind it in the writer's thread. Facts that time has made true are always taken in first, but
    by ``happens_before_due``.
    """

    def __init__(
        self,
        attempt: Attempt,
        writer: JournalWriter,
        clock: AttemptClock,
        wall_ms: Callable[[], int],
    ) -> None:
        self._attempt = attempt
        self._writer = writer
        self._clock = clock
        self._wall_ms = wall_ms
        self._last: Position | None = None
        self._keys: list[list[object]] = []

    @property
    def attempt(self) -> Attempt:
        """The attempt now."""
        return self._attempt

    @property
    def writer(self) -> JournalWriter:
        """The journal."""
        return self._writer

    @property
    def is_saved(self) -> bool:
        """Whether every fact so far survives a power cut."""
        return self._last is None or self._writer.durable_position >= self._last

    def now_ms(self) -> int:
        """The attempt's time."""
        return max(self._clock.now_ms(), self._attempt.at_ms)

    def take_in_due(self) -> tuple[Event, ...]:
        """Journal and apply what time has made true; the facts, in order."""
        events = self._attempt.due(self.now_ms())
        for event in events:
            self._write(event)
        if events:
            self._writer.commit()
        return events

    def happens(self, event: Event) -> Happened:
        """Make a fact true and durable, if it is legal."""
        happened = self._happens(event)
        if happened.is_true:
            self._writer.commit()
        return happened

    def happens_before_due(self, event: Event) -> Happened:
        """As `happens`, but ahead of what time has made true: a resumption shifts times, an order may move the end."""
        refusal = self._attempt.refusal(event)
        if refusal is not None:
            return Happened(refusal.code)
        self._write(event)
        self._writer.commit()
        return Happened()

    def happens_soon(self, event: Event) -> Happened:
        """Make a fact true at once and durable a moment later, if it is legal."""
        happened = self._happens(event)
        if happened.is_true:
            self._writer.commit_soon(0)
        return happened

    def key_timed(self, key: KeyTimed, at_ms: int) -> None:
        """Keep when a key went down or up, in the stream of its own."""
        self._keys.append([key.task, key.code, key.is_down, at_ms])
        if len(self._keys) >= KEYS_IN_A_RECORD:
            self.flush_keys()

    def flush_keys(self) -> None:
        """Write the key timings gathered so far."""
        if self._keys:
            keys, self._keys = self._keys, []
            self._writer.append_payload("keys", KEY_TIMINGS, canonical_bytes({"keys": keys}))
            self._writer.commit_soon(0)

    def form_answered(self, values: tuple[tuple[str, str], ...] | None) -> None:
        """Keep the voluntary form, in the stream of its own; None: it was skipped."""
        answers = None if values is None else {name: value for name, value in values if value}
        self._writer.append_payload("form", FORM_ENTRY, canonical_bytes({"answers": answers}))
        self._writer.commit()

    def close(self) -> None:
        """Write what is left and let the journal go."""
        self.flush_keys()
        self._writer.close()

    def _happens(self, event: Event) -> Happened:
        self.take_in_due()
        refusal = self._attempt.refusal(event)
        if refusal is not None:
            return Happened(refusal.code)
        self._write(event)
        return Happened()

    def _write(self, event: Event) -> None:
        self._last = self._writer.append(event, utc_ms=self._wall_ms())
        self._attempt = self._attempt.apply(event)
