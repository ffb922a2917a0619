"""A PC's disk in a simulation: `tests.sync.simulated_disk` with names and replaced files that a power cut can undo.

A file that was made or replaced by the journal's own means is durable when the call returns, as `sync.files` promises;
during the call a power cut leaves the old state or the new one. Every operation may be the one at which the PC dies.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from sync.files import OpenFile
from tests.simulation.scheduler import Killed
from tests.sync.simulated_disk import SimulatedDisk

RESERVED: Final = 4096


class PcDisk(SimulatedDisk):
    """``death`` gives how many more operations this PC's disk does before the PC dies (None: it does not)."""

    def __init__(self, *, free: int = 2**40) -> None:
        super().__init__(None, free=free)
        self.is_dead = False
        self.dies_in: int | None = None
        self.on_death: Callable[[], None] = _nothing
        self.changes = 0
        self.writes: dict[Path, int] = {}
        self.changed: dict[Path, int] = {}
        self._trouble: OSError | None = None
        self._troubled_for = 0

    def fail(self, error: OSError, operations: int) -> None:
        """Refuse the next operations."""
        self._trouble, self._troubled_for = error, operations

    @property
    def is_troubled(self) -> bool:
        """Whether the next operation is refused."""
        return self._troubled_for > 0

    def fault(self, operation: str) -> OSError | int | None:
        """See `SimulatedDisk.fault`."""
        self.operations += 1
        self._live()
        if self._troubled_for > 0:
            self._troubled_for -= 1
            return self._trouble
        return None

    def heal(self) -> None:
        """From now on nothing is refused."""
        self._troubled_for = 0

    def folders(self, folder: Path) -> tuple[str, ...]:
        """The folders in a folder, the one changed last at the end."""
        found: dict[str, int] = {}
        for path in self.cache:
            if folder in path.parents and path.parent != folder:
                name = path.relative_to(folder).parts[0]
                found[name] = max(found.get(name, 0), self.changed.get(path, 0))
        return tuple(sorted(found, key=lambda name: (found[name], name)))

    def restarted(self, chance: Random | None) -> PcDisk:
        """The disk as the next start finds it; ``chance``: after a power cut, which undoes what was not synced."""
        after = PcDisk(free=self.free)
        kept = self if chance is None else self.power_cut(chance)
        for name, content in kept.cache.items():
            after.put(name, bytes(content))
            if chance is None:
                after.platter[name] = bytearray(self.platter[name])
                after.dirty[name] = set(self.dirty[name])
        after.changed, after.changes = dict(self.changed), self.changes
        return after

    def create(self, path: Path, size: int) -> OpenFile:
        """See `SimulatedDisk.create`; reserved room is not kept as zeros in this process's memory."""
        return super().create(path, min(size, RESERVED))

    def settle(self, name: Path) -> None:
        """See `SimulatedDisk.settle`."""
        super().settle(name)
        self.writes[name] = self.operations

    def put(self, name: Path, data: bytes) -> None:
        """See `SimulatedDisk.put`."""
        super().put(name, data)
        self.changes += 1
        self.changed[name] = self.changes

    def names(self, folder: Path) -> tuple[str, ...]:
        """See `SimulatedDisk.names`."""
        self._live()
        return super().names(folder)

    def read(self, path: Path) -> bytes:
        """See `SimulatedDisk.read`."""
        self._live()
        return super().read(path)

    def remove(self, path: Path) -> None:
        """See `SimulatedDisk.remove`."""
        self._live()
        super().remove(path)

    def _live(self) -> None:
        if self.is_dead:
            raise Killed
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in < 0:
                self.is_dead = True
                self.on_death()
                raise Killed


def _nothing() -> None:
    return


def full() -> OSError:
    """The disk is full."""
    return OSError(errno.ENOSPC, "No space left on device (simulated)")


def broken() -> OSError:
    """The disk answers with an error."""
    return OSError(errno.EIO, "Input/output error (simulated)")
