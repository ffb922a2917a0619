"""USB sticks in a simulated room: what a PC could not send is saved by hand and carried to the store, as staff do it.

`kiosk.stick.export` and `centralstore.stick.import_envelopes` work on a real folder, the stick, and on the PC's
simulated disk. The program of the PC is left for it, since two must not pack the same journals side by side.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from centralstore.counter import perform
from centralstore.desk import Answer, CommandRequest
from centralstore.stick import import_envelopes
from kiosk.stick import export
from sync.files import DiskFiles, Files, OpenFile
from sync.outbox import ENVELOPE_SUFFIX, RECEIPT_SUFFIX
from tests.simulation.books import BrokenPromiseError

if TYPE_CHECKING:
    from centralstore.store import Store
    from tests.simulation.pc import Pc
    from tests.simulation.world import World


class WithStick:
    """`sync.files.Files`: the PC's simulated disk, and a stick that is a real folder."""

    def __init__(self, disk: Files, stick: Path) -> None:
        self._disk = disk
        self._stick = stick
        self._real = DiskFiles()

    def _of(self, folder: Path) -> Files:
        return self._real if folder == self._stick else self._disk

    def create(self, path: Path, size: int) -> OpenFile:
        """See `sync.files.Files.create`."""
        return self._of(path.parent).create(path, size)

    def open(self, path: Path) -> OpenFile:
        """See `sync.files.Files.open`."""
        return self._of(path.parent).open(path)

    def read(self, path: Path) -> bytes:
        """See `sync.files.Files.read`."""
        return self._of(path.parent).read(path)

    def names(self, folder: Path) -> tuple[str, ...]:
        """See `sync.files.Files.names`."""
        return self._of(folder).names(folder)

    def replace(self, path: Path, data: bytes) -> None:
        """See `sync.files.Files.replace`."""
        self._of(path.parent).replace(path, data)

    def remove(self, path: Path) -> None:
        """See `sync.files.Files.remove`."""
        self._of(path.parent).remove(path)

    def free_bytes(self, folder: Path) -> int:
        """See `sync.files.Files.free_bytes`."""
        return self._of(folder).free_bytes(folder)


class StoreDesk:
    """The store owner's command line, at the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(self, name: str, **arguments: Any) -> Answer:
        """See `centralstore.desk.Desk.ask`."""
        return perform(self._store, CommandRequest(name=name, arguments=arguments))


class Sticks:
    """Whoever walks about with sticks."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._made = 0

    def fetch(self, pc: Pc) -> None:
        """Save on a new stick what a PC has not delivered, and take the stick to the store."""
        self._made += 1
        stick = self.world.folder / f"stick-{self._made}"
        stick.mkdir()
        self._save(pc, stick)
        walk_ms = self.world.chance("sticks").uniform(1_000, 12_000)
        self.world.scheduler.after(walk_ms, lambda: self._import(pc, stick))

    def _save(self, pc: Pc, stick: Path) -> None:
        """The program is ended, if one runs, and started again after the export."""
        world = self.world
        if pc.is_on:
            world.ends(pc, "killed")
            pc.kill()
            world.scheduler.after(world.chance("sticks").uniform(500, 2_000), pc.start)
        told: list[str] = []
        pc.keep_keys()
        pc.disk.heal()
        export(pc.folder, stick, told.append, files=WithStick(pc.disk, stick))
        world.trace(f"{pc.name} saved to a stick: {len(list(stick.glob('*' + ENVELOPE_SUFFIX)))} envelopes lie there")
        world.count["exports to a stick"] += 1
        if any("not a genuine receipt" in each for each in told):
            raise BrokenPromiseError(f"{pc.name} does not take the store's receipts from a stick: {told}")

    def _import(self, pc: Pc, stick: Path) -> None:
        world = self.world
        if world.network.is_store_down:
            world.scheduler.after(2_000, lambda: self._import(pc, stick))
            return
        imported = import_envelopes(StoreDesk(world.store), stick)
        if not imported.is_whole:
            raise BrokenPromiseError(f"the store did not take in the stick of {pc.name}: {imported}")
        for path in sorted(stick.glob("*" + ENVELOPE_SUFFIX)):
            receipt = path.with_name(path.name + RECEIPT_SUFFIX).read_bytes()
            world.judge.receipted(pc.name, path.read_bytes(), 200, receipt)
        world.trace(f"the stick of {pc.name} is at the store: {imported.kept} envelopes")
        world.count["envelopes by stick"] += imported.kept
        if world.chance("sticks").random() < 0.5 and not pc.is_dead:
            walk_ms = world.chance("sticks").uniform(1_000, 8_000)
            world.scheduler.after(walk_ms, lambda: self._save(pc, stick))
