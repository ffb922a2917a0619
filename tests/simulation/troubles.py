"""What goes wrong in a simulated room, and what is done about it by hand: drawn when, and for whom, from the seed.

Each kind of trouble at each PC draws from a source of its own, so a new kind changes no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tests.simulation.disk import broken, full
from tests.simulation.network import CALM_MS
from tests.simulation.sticks import Sticks

if TYPE_CHECKING:
    from tests.simulation.books import Kind
    from tests.simulation.pc import Pc
    from tests.simulation.world import World

ROUGH_MS: Final = 60_000
"""When the rough time ends."""

OFTEN_MS: Final = 60_000
"""About once in so long a thing happens that has the share 1."""

DIES_AMONG: Final = 12
"""A PC that dies in the middle of something dies in one of its next so many disk operations."""


class Troubles:
    """The faults of one room."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sticks = Sticks(world)
        self._late: set[str] = set()
        self._is_over = False

    def plan(self) -> None:
        """Let each kind of fault happen now and then until the rough time is over."""
        knobs, world = self.world.knobs, self.world
        for pc in world.pcs:
            name = pc.name
            self._often(f"kills {name}", knobs.kills, OFTEN_MS, lambda pc=pc: self._crash(pc, "killed"))
            self._often(f"power cuts {name}", knobs.power_cuts, OFTEN_MS, lambda pc=pc: self._crash(pc, "cut"))
            self._often(f"deaths {name}", knobs.deaths, 150_000, lambda pc=pc: self._die(pc))
            self._often(f"disk {name}", knobs.disk_errors, 40_000, lambda pc=pc: self._trouble_disk(pc))
            self._often(f"line {name}", knobs.partitions, OFTEN_MS, lambda pc=pc: self._cut_line(pc))
            self._often(f"clock {name}", knobs.clock_jumps, OFTEN_MS, lambda pc=pc: self._jump(pc))
            self._often(f"orders about {name}", knobs.meddling, 40_000, world.leader.meddle)
            self._often(f"stick {name}", knobs.sticks, 100_000, lambda pc=pc: self.sticks.fetch(pc))
        self._often("store", knobs.store_downs, 50_000, self._store_down)
        if knobs.restorations > 0:
            chance = world.chance("restoration")
            world.scheduler.after(chance.uniform(CALM_MS, ROUGH_MS / 2), self._back_up)

    def is_late(self, pc: Pc) -> bool:
        """Whether a PC stays off until the sitting is closed: a spare one that nobody needs before."""
        return pc.name in self._late

    def let_be_late(self, pc: Pc) -> bool:
        """Draw whether this PC is one of those; whether it is."""
        if self.world.chance(f"late {pc.name}").random() < self.world.knobs.late:
            self._late.add(pc.name)
        return self.is_late(pc)

    def start_late_ones(self) -> None:
        """At about the time of the closing."""
        for pc in self.world.pcs:
            if self.is_late(pc):
                self._late.discard(pc.name)
                self.world.count["PCs first on at the closing"] += 1
                self.world.scheduler.after(self.world.chance(f"late {pc.name}").uniform(0, 2_500), pc.start)

    def heal(self) -> None:
        """From now on nothing goes wrong, and what was off is switched on."""
        world = self.world
        self._is_over = True
        world.trace("all heals")
        world.network.heal()
        for pc in world.pcs:
            pc.is_dead = False
            pc.disk.heal()
            pc.disk.dies_in = None
            if not pc.is_on and not self.is_late(pc):
                world.scheduler.after(world.chance("healing").uniform(0, 3_000), pc.start)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _often(self, what: str, share: float, every_ms: float, fault: Callable[[], None]) -> None:
        if share <= 0:
            return
        chance = self.world.chance(what)

        def now() -> None:
            if not self._is_over:
                if self.world.scheduler.now_ms > CALM_MS:
                    fault()
                plan()

        def plan() -> None:
            self.world.scheduler.after(chance.expovariate(share / every_ms), now)

        plan()

    def _crash(self, pc: Pc, kind: Kind) -> None:
        if not pc.is_on:
            return
        world, chance = self.world, self.world.chance(f"crashes {pc.name}")
        death = pc.kill if kind == "killed" else pc.power_cut

        def die() -> None:
            if not pc.is_on:
                return
            world.trace(f"{pc.name} {kind}")
            world.count[f"PCs {kind}"] += 1
            world.ends(pc, kind)
            death()
            world.scheduler.after(chance.expovariate(1 / 3_000), pc.start)

        if chance.random() < 0.6:
            pc.dies_at(chance.randrange(DIES_AMONG), die)
        else:
            die()

    def _die(self, pc: Pc) -> None:
        """The PC breaks down: whoever sits there must move. Its disk is found again at the end."""
        if not pc.is_on or sum(not each.is_dead for each in self.world.pcs) < 2:
            return
        self.world.trace(f"{pc.name} dead")
        self.world.count["PCs dead"] += 1
        self.world.ends(pc, "cut")
        pc.power_cut()
        pc.is_dead = True

    def _trouble_disk(self, pc: Pc) -> None:
        chance = self.world.chance(f"disk trouble {pc.name}")
        if pc.is_on:
            error = full() if chance.random() < 0.5 else broken()
            self.world.trace(f"{pc.name} disk: {error.strerror}")
            self.world.count["disk errors"] += 1
            pc.disk.fail(error, chance.choice((1, 1, 2, 3)))

    def _cut_line(self, pc: Pc) -> None:
        world = self.world
        world.trace(f"{pc.name} cut off")
        world.count["lines cut"] += 1
        world.network.cut.add(pc.name)
        back_ms = world.chance(f"line back {pc.name}").expovariate(1 / 8_000)
        world.scheduler.after(back_ms, lambda: world.network.cut.discard(pc.name))

    def _store_down(self) -> None:
        world = self.world
        if world.network.is_store_down:
            return
        world.trace("the store is down")
        world.count["store down"] += 1
        world.network.is_store_down = True
        world.place.restart()
        world.scheduler.after(world.chance("store back").expovariate(1 / 8_000), self._store_up)

    def _store_up(self) -> None:
        self.world.network.is_store_down = False

    def _jump(self, pc: Pc) -> None:
        chance = self.world.chance(f"clock jumps {pc.name}")
        by_ms = round(chance.choice((-1, 1)) * chance.choice((500, 5_000, 200_000)) * chance.random())
        self.world.trace(f"{pc.name} clock jumps {by_ms}")
        self.world.count["clock jumps"] += 1
        pc.jump(by_ms)

    # --- a store that is put back from a backup -----------------------------------------------------------------------

    def _back_up(self) -> None:
        world = self.world
        if world.network.is_store_down or world.leader.opened_ms is None:
            world.scheduler.after(1_000, self._back_up)
            return
        backup = world.place.back_up()
        world.trace("the store is backed up")
        lost_ms = world.chance("restoration").uniform(500, 20_000)
        world.scheduler.after(lost_ms, lambda: self._put_back(backup))

    def _put_back(self, backup: int) -> None:
        """The store's disk breaks, when at least one PC has the newest order, and the backup is put back."""
        world = self.world
        heard = [pc.run.room.state.orders for pc in world.pcs if pc.run is not None]
        last = max((orders.last_number for orders in heard if orders is not None), default=0)
        if world.network.is_store_down or last < len(world.leader.orders):
            world.scheduler.after(500, lambda: self._put_back(backup))
            return
        world.trace("the store's disk breaks; a backup is put back")
        world.count["stores put back from a backup"] += 1
        world.network.is_store_down = True
        world.place.put_back(backup)
        world.judge.store_went_back()
        world.leader.begins_anew()
        world.scheduler.after(world.chance("restoration").uniform(500, 6_000), self._store_up)
