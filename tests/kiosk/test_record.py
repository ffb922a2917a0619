"""When a fact is true: it is legal, it stands in the journal, and what the candidate sees next waits for the disk."""

from __future__ import annotations

from random import Random

from engine.attempt import Attempt
from engine.events import Event
from kiosk.record import AttemptRecord
from sync.bundle import read_journal
from sync.writer import JournalWriter
from tests.strategies import running
from tests.sync.examples import BINDING, FOLDER, NOW, recipients, recovery, small_disk
from tests.sync.simulated_disk import SimulatedDisk


class StandingClock:
    """An attempt's clock that stands where the last fact put it."""

    def __init__(self) -> None:
        self.at_ms = 0

    def now_ms(self) -> int:
        return self.at_ms


def facts() -> tuple[Attempt, list[Event]]:
    """An attempt that waits, and the facts of one that was begun and in which three items were answered."""
    driven = running("reading").take(lambda _attempt: 3)
    return Attempt.waiting(driven.given), list(driven.journal)


def record(disk: SimulatedDisk, attempt: Attempt, clock: StandingClock) -> AttemptRecord:
    writer = JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk))
    return AttemptRecord(attempt, writer, clock, lambda: NOW)  # pyright: ignore[reportArgumentType]


def after_power_cuts(disk: SimulatedDisk) -> list[list[Event]]:
    cuts = [disk.as_it_is().power_cut(Random(seed)) for seed in range(20)]
    return [list(read_journal(FOLDER, BINDING.attempt, recovery(), files=cut).events) for cut in cuts]


def test_a_fact_that_has_happened_survives_every_power_cut_from_then_on() -> None:
    attempt, events = facts()
    disk, clock = SimulatedDisk(), StandingClock()
    made = record(disk, attempt, clock)
    for number, event in enumerate(events, start=1):
        clock.at_ms = event.at_ms
        assert made.happens(event).is_true
        assert made.is_saved
        assert all(found == events[:number] for found in after_power_cuts(disk))


def test_a_fact_ahead_of_what_is_due_survives_too_and_one_that_is_not_legal_leaves_nothing() -> None:
    attempt, events = facts()
    disk, clock = SimulatedDisk(), StandingClock()
    made = record(disk, attempt, clock)
    clock.at_ms = events[0].at_ms
    assert made.happens_before_due(events[0]).is_true
    assert all(found == events[:1] for found in after_power_cuts(disk))
    before = made.attempt
    for refused in (made.happens(events[0]), made.happens_before_due(events[0]), made.happens_soon(events[0])):
        assert refused.refused
    assert made.attempt is before
    made.close()
    assert all(found == events[:1] for found in after_power_cuts(disk))


def test_what_happens_soon_is_told_as_saved_only_when_it_is() -> None:
    attempt, events = facts()
    disk, clock = SimulatedDisk(), StandingClock()
    made = record(disk, attempt, clock)
    clock.at_ms = events[0].at_ms
    assert made.happens_soon(events[0]).is_true
    made.close()
    assert made.is_saved
    assert all(found == events[:1] for found in after_power_cuts(disk))
