"""Power cuts at random moments of a simulated attempt: what was acknowledged is always there.

The controls show that the simulated disk can lose things: a program that acknowledges before the sync, and a disk that
lies about its syncs, must both be found out.
"""

from __future__ import annotations

import random

import pytest

from sync.bundle import read_journal
from sync.writer import JournalWriter
from tests.sync.examples import BINDING, FOLDER, NOW, answer, recipients, recovery, small_disk
from tests.sync.simulated_disk import SimulatedDisk

RUNS = 400
LONG_RUNS = 10_000


def one_cut(seed: int, *, acknowledges_early: bool = False, lies: bool = False) -> tuple[int, list[int]]:
    """How many answers were acknowledged before the cut, and which ones are read afterwards."""
    chance = random.Random(seed)
    disk = SimulatedDisk()
    number = acknowledged = 0
    for _ in range(chance.randint(1, 2)):
        writer = JournalWriter.begin(FOLDER, BINDING, recipients()[1:], now_utc_ms=lambda: NOW, disk=small_disk(disk))
        disk.lies = lies
        for _ in range(chance.randint(1, 12)):
            writer.append(answer(number), utc_ms=NOW)
            number += 1
            if acknowledges_early:
                acknowledged = number
            if chance.random() < 0.4:
                writer.commit()
                acknowledged = number
    after = disk.power_cut(chance)
    bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=after)
    return acknowledged, [event.at_ms // 1000 for event in bundle.events]


def losses(runs: range, *, acknowledges_early: bool = False, lies: bool = False) -> int:
    lost = 0
    for seed in runs:
        acknowledged, found = one_cut(seed, acknowledges_early=acknowledges_early, lies=lies)
        lost += set(found) < set(range(acknowledged)) or not set(range(acknowledged)) <= set(found)
        assert found == sorted(set(found)), f"seed {seed}: order or repetition"
    return lost


def test_no_power_cut_loses_what_was_acknowledged() -> None:
    assert losses(range(RUNS)) == 0


def test_control_acknowledging_before_the_sync_is_found_out() -> None:
    assert losses(range(40), acknowledges_early=True) > 10


def test_control_a_disk_that_lies_is_found_out() -> None:
    assert losses(range(40), lies=True) > 10


@pytest.mark.prove
def test_ten_thousand_power_cuts_lose_nothing() -> None:
    assert losses(range(LONG_RUNS)) == 0
