"""Power cuts at any moment of a simulated attempt: what was acknowledged is always there.

One run of an attempt gives many cuts: the disk is remembered between its operations, and each cut leaves another part
of what was not synced at that moment. The controls show that the simulated disk can lose things: a program that
acknowledges before the sync, and a disk that lies about its syncs, must both be found out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from sync.bundle import read_journal
from sync.writer import JournalWriter
from tests.proof import Proof
from tests.sync.examples import BINDING, FOLDER, NOW, answer, recipients, recovery, small_disk
from tests.sync.simulated_disk import SimulatedDisk

CUTS_A_RUN = 16
CONTROLS = 300


@dataclass(frozen=True)
class Moment:
    """A disk just before an operation, and how many answers were acknowledged then."""

    disk: SimulatedDisk
    acknowledged: int


class RememberingDisk(SimulatedDisk):
    """Keeps the moment before each of its operations. ``told``: how many answers are acknowledged."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.told = 0
        super().__init__(self._remember)

    def _remember(self, _number: int, _operation: str) -> None:
        self.remember()

    def remember(self) -> None:
        self.moments.append(Moment(self.as_it_is(), self.told))


def run(seed: int, *, acknowledges_early: bool = False, lies: bool = False) -> list[Moment]:
    """An attempt of one or two runs of the program, remembered moment by moment."""
    chance = random.Random(seed)
    disk = RememberingDisk()
    number = 0
    for _ in range(chance.randint(1, 2)):
        writer = JournalWriter.begin(FOLDER, BINDING, recipients()[1:], now_utc_ms=lambda: NOW, disk=small_disk(disk))
        disk.lies = lies
        for _ in range(chance.randint(1, 12)):
            writer.append(answer(number), utc_ms=NOW)
            number += 1
            if acknowledges_early:
                disk.told = number
            if chance.random() < 0.4:
                writer.commit()
                disk.told = number
            disk.remember()
    return disk.moments


def lost(moment: Moment, chance: random.Random) -> int:
    """How many acknowledged answers cannot be read after a cut at this moment; what is read is in order, once."""
    after = moment.disk.power_cut(chance)
    bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=after)
    found = [event.at_ms // 1000 for event in bundle.events]
    assert found == sorted(set(found)), "order or repetition"
    return len(set(range(moment.acknowledged)) - set(found))


def test_no_power_cut_loses_what_was_acknowledged(proof: Proof) -> None:
    with proof("power cuts of the journal", ci=10_000, full=1_000_000) as trial:
        trial.count("acknowledged records lost", 0)
        moments: list[Moment] = []
        for seed in trial.seeds():
            if not moments or seed % CUTS_A_RUN == 0:
                moments = run(seed // CUTS_A_RUN)
            chance = random.Random(seed)
            moment = chance.choice(moments)
            trial.count("records acknowledged", moment.acknowledged)
            trial.count("acknowledged records lost", lost(moment, chance))
        assert trial.counts["acknowledged records lost"] == 0


def cuts_with_losses(*, acknowledges_early: bool = False, lies: bool = False) -> int:
    found = 0
    for seed in range(CONTROLS // CUTS_A_RUN):
        moments = run(seed, acknowledges_early=acknowledges_early, lies=lies)
        chance = random.Random(seed)
        found += sum(lost(chance.choice(moments), chance) > 0 for _ in range(CUTS_A_RUN))
    return found


def test_control_acknowledging_before_the_sync_is_found_out() -> None:
    assert cuts_with_losses(acknowledges_early=True) > CONTROLS // 10


def test_control_a_disk_that_lies_is_found_out() -> None:
    assert cuts_with_losses(lies=True) > CONTROLS // 3
