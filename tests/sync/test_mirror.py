"""The mirror is the same file again, and losing it costs the journal nothing."""

from __future__ import annotations

import errno
from pathlib import Path

from sync.bundle import read_journal
from sync.mirror import MirroredFiles
from sync.writer import Disk, JournalWriter
from tests.sync.examples import BINDING, FOLDER, NOW, answer, recipients, recovery
from tests.sync.simulated_disk import SimulatedDisk

STICK = Path("/stick")


def write(first: SimulatedDisk, stick: SimulatedDisk, lost: list[str]) -> None:
    files = MirroredFiles(first, STICK, on_lost=lost.append, second=stick)
    disk = Disk(files=files, free_needed=0, reserve_bytes=0, segment_bytes=8192)
    writer = JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=disk)
    for number in range(60):
        writer.append(answer(number), utc_ms=NOW)
        if number % 7 == 0:
            writer.commit()
    writer.close()


def numbers(disk: SimulatedDisk, folder: Path) -> list[int]:
    bundle = read_journal(folder, BINDING.attempt, recovery(), files=disk)
    return [event.at_ms // 1000 for event in bundle.events]


def test_the_mirror_alone_tells_the_whole_attempt() -> None:
    first, stick, lost = SimulatedDisk(), SimulatedDisk(), list[str]()
    write(first, stick, lost)
    assert numbers(stick, STICK) == numbers(first, FOLDER) == list(range(60))
    assert lost == []


def test_a_mirror_that_falls_away_is_told_once_and_costs_nothing() -> None:
    for place in (0, 1, 5, 20):
        broken = SimulatedDisk(
            lambda number, _, place=place: OSError(errno.EIO, "stick pulled out") if number >= place else None
        )
        first, lost = SimulatedDisk(), list[str]()
        write(first, broken, lost)
        assert numbers(first, FOLDER) == list(range(60))
        assert lost == ["stick pulled out"]


def test_what_the_mirror_closed_with_survives_a_power_cut() -> None:
    import random

    first, stick = SimulatedDisk(), SimulatedDisk()
    write(first, stick, [])
    assert numbers(stick.power_cut(random.Random(2)), STICK) == list(range(60))
