"""Keys, bindings and journals that the tests of `sync` share. Keys are fixed so that runs are alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.events import Answered, Event
from sync.journal import Journal, Recovered
from sync.keys import BoxKey, DeviceKeys, SigningKey, sha256
from sync.segment import (
    Binding,
    NewSegment,
    Opener,
    Recipient,
    SegmentScan,
    new_segment,
    recovery_opener,
    recovery_recipient,
    results_opener,
    results_recipients,
    scan_segment,
)
from sync.writer import Disk
from tests.sync.simulated_disk import SimulatedDisk

FOLDER = Path("/journal")
NOW = 1_790_000_000_000
BINDING = Binding("oslo-2026-12-01-a", "a1b2c3d4e5f60718293a4b5c6d7e8f90", "pc-07", "norskprove-demo-3")


def signing(name: str) -> SigningKey:
    return SigningKey(sha256(f"signing {name}".encode()))


def box(name: str) -> BoxKey:
    return BoxKey(sha256(f"box {name}".encode()))


def device(name: str = "pc-07") -> DeviceKeys:
    return DeviceKeys(box(name), signing(name))


RESULTS, RECOVERY = box("results"), box("recovery")


def recipients() -> tuple[Recipient, ...]:
    return (*results_recipients([RESULTS.public], 1), recovery_recipient(RECOVERY.public))


def results() -> Opener:
    return results_opener({0: RESULTS})


def recovery() -> Opener:
    return recovery_opener(RECOVERY)


def segment(binding: Binding = BINDING, *, ordinal: int = 0) -> NewSegment:
    return new_segment(binding, recipients(), ordinal=ordinal, previous=None, begun_utc_ms=NOW)


def answer(number: int) -> Event:
    return Answered(at_ms=1000 * number, item=f"R-{number:03d}", response=("ABCD"[number % 4],))


def small_disk(disk: SimulatedDisk) -> Disk:
    return Disk(files=disk, free_needed=0, reserve_bytes=4096, segment_bytes=8192)


def written(payloads: Sequence[bytes], *, new: NewSegment | None = None) -> tuple[NewSegment, bytes]:
    """A segment file's bytes with these payloads on the stream "answers"."""
    disk = SimulatedDisk()
    made = segment() if new is None else new
    journal = Journal.create(FOLDER, made, files=disk, size=4096)
    for payload in payloads:
        journal.append("answers", 21, payload)
    journal.sync()
    return made, disk.read(journal.path)


def scanned(payloads: Sequence[bytes], *, new: NewSegment | None = None) -> SegmentScan:
    return scan_segment(written(payloads, new=new)[1])


def nothing(attempt: str = BINDING.attempt) -> Recovered:
    return Recovered.nothing(attempt)
