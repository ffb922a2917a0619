"""A disk in memory behind `sync.files.Files`: it fills up, fails, writes short, and loses what was not synced.

What is on the platter and what only the page cache holds are kept apart, sector by sector. `power_cut` leaves any
subset of the unsynced sectors, the last one possibly torn. After a failed sync the unsynced sectors are marked clean,
as Linux does: a later sync reports success and has kept nothing.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from pathlib import Path

from sync.files import OpenFile

SECTOR = 512


def as_error(fault: OSError | int) -> OSError:
    """A short write's fault, where nothing is written, is a full disk."""
    return fault if isinstance(fault, OSError) else OSError(errno.ENOSPC, "simulated")


class SimulatedFile:
    def __init__(self, disk: SimulatedDisk, name: Path) -> None:
        self._disk = disk
        self._name = name

    def write_at(self, offset: int, data: bytes) -> int:
        fault = self._disk.fault("write")
        taken = data
        if isinstance(fault, int):
            taken = data[: len(data) * fault // 100]
        elif fault is not None:
            raise fault
        content = self._disk.cache[self._name]
        if len(content) < offset + len(taken):
            content.extend(bytes(offset + len(taken) - len(content)))
        content[offset : offset + len(taken)] = taken
        first, last = offset // SECTOR, (offset + max(len(taken), 1) - 1) // SECTOR
        self._disk.dirty[self._name].update(range(first, last + 1))
        return len(taken)

    def extend(self, size: int) -> None:
        fault = self._disk.fault("extend")
        if fault is not None:
            raise as_error(fault)
        content = self._disk.cache[self._name]
        content.extend(bytes(max(0, size - len(content))))
        platter = self._disk.platter[self._name]
        platter.extend(bytes(max(0, size - len(platter))))

    def sync(self) -> None:
        fault = self._disk.fault("sync")
        if fault is not None:
            self._disk.dirty[self._name].clear()
            raise as_error(fault)
        self._disk.settle(self._name)

    def close(self) -> None:
        return


class SimulatedDisk:
    """``plan(number, operation)`` gives the fault of each operation: an OSError, percent of a short write, or None."""

    def __init__(self, plan: Callable[[int, str], OSError | int | None] | None = None, *, free: int = 2**40) -> None:
        self.cache: dict[Path, bytearray] = {}
        self.platter: dict[Path, bytearray] = {}
        self.dirty: dict[Path, set[int]] = {}
        self.operations = 0
        self.free = free
        self.lies = False
        self._plan = plan

    def fault(self, operation: str) -> OSError | int | None:
        number = self.operations
        self.operations += 1
        return None if self._plan is None else self._plan(number, operation)

    def heal(self) -> None:
        self._plan = None

    def settle(self, name: Path) -> None:
        if self.lies:
            return
        content, platter = self.cache[name], self.platter[name]
        platter.extend(bytes(max(0, len(content) - len(platter))))
        for sector in self.dirty[name]:
            platter[sector * SECTOR : (sector + 1) * SECTOR] = content[sector * SECTOR : (sector + 1) * SECTOR]
        self.dirty[name].clear()

    def power_cut(self, chance: random.Random) -> SimulatedDisk:
        after = SimulatedDisk(free=self.free)
        for name, platter in self.platter.items():
            left = bytearray(platter)
            content = self.cache[name]
            left.extend(bytes(max(0, len(content) - len(left))))
            for sector in sorted(self.dirty[name]):
                kept = chance.choice((0, SECTOR, SECTOR, chance.randrange(SECTOR)))
                begin = sector * SECTOR
                part = content[begin : begin + kept]
                left[begin : begin + len(part)] = part
            after.put(name, bytes(left))
        return after

    def as_it_is(self) -> SimulatedDisk:
        """A copy of platter and page cache, for a power cut at this moment."""
        copy = SimulatedDisk(free=self.free)
        copy.cache = {name: bytearray(data) for name, data in self.cache.items()}
        copy.platter = {name: bytearray(data) for name, data in self.platter.items()}
        copy.dirty = {name: set(sectors) for name, sectors in self.dirty.items()}
        return copy

    def put(self, name: Path, data: bytes) -> None:
        self.cache[name] = bytearray(data)
        self.platter[name] = bytearray(data)
        self.dirty[name] = set()

    # --- the interface ------------------------------------------------------------------------------------------------

    def create(self, path: Path, size: int) -> OpenFile:
        fault = self.fault("create")
        if fault is not None:
            raise as_error(fault)
        if path in self.cache:
            raise FileExistsError(errno.EEXIST, "simulated", str(path))
        self.put(path, bytes(size))
        return SimulatedFile(self, path)

    def open(self, path: Path) -> OpenFile:
        if path not in self.cache:
            raise FileNotFoundError(errno.ENOENT, "simulated", str(path))
        return SimulatedFile(self, path)

    def read(self, path: Path) -> bytes:
        if path not in self.cache:
            raise FileNotFoundError(errno.ENOENT, "simulated", str(path))
        return bytes(self.cache[path])

    def names(self, folder: Path) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in self.cache if path.parent == folder))

    def replace(self, path: Path, data: bytes) -> None:
        fault = self.fault("replace")
        if fault is not None:
            raise as_error(fault)
        self.put(path, data)

    def remove(self, path: Path) -> None:
        for table in (self.cache, self.platter, self.dirty):
            table.pop(path, None)

    def free_bytes(self, folder: Path) -> int:
        del folder
        return self.free
