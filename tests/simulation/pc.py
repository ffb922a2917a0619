"""A PC of a simulated room: the real conductor, journal, outbox and client on simulated disk, clock and network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from kiosk import intents
from kiosk.clock import SystemClock
from kiosk.conductor import Conditions, Conductor
from kiosk.folder import StateFolder
from kiosk.room import Room
from kiosk.screens import Screen
from kiosk.sound import SilentPlayer
from sync.client import StoreClient
from sync.passwords import TEST_COST
from sync.progress import Progress, sign_progress
from tests.simulation import exam
from tests.simulation.disk import PcDisk
from tests.simulation.network import Line, Network
from tests.simulation.place import EnrolledPc
from tests.simulation.scheduler import MS_PER_S, Crew, Flag, Scheduler


class PcClock(SystemClock):
    """One PC's clocks in simulated time. The wall clock can be wrong, jump, and is set right by the store as ever."""

    def __init__(self, scheduler: Scheduler, boot: int, booted_ms: int, ahead_ms: int) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._boot = boot
        self._booted_ms = booted_ms
        self.ahead_ms = ahead_ms

    def boot_ms(self) -> int:
        """See `kiosk.clock.Clock`."""
        return self._scheduler.now_ms - self._booted_ms

    def own_ms(self) -> int:
        """See `kiosk.clock.SystemClock`."""
        return exam.START_MS + self._scheduler.now_ms + self.ahead_ms

    def boot_id(self) -> str:
        """See `kiosk.clock.Clock`."""
        return f"boot-{self._boot}"


class StateOnDisk(StateFolder):
    """The state folder on the simulated disk; packages lie in a real folder, since they are checked whenever read."""

    def __init__(self, root: Path, disk: PcDisk) -> None:
        super().__init__(root, disk)
        self.disk = disk

    def sittings(self) -> tuple[str, ...]:
        """See `StateFolder.sittings`."""
        return self.disk.folders(self.root / "sittings")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the kiosk program on a PC."""

    crew: Crew
    clock: PcClock
    player: SilentPlayer
    room: Room
    conductor: Conductor


class Pc:
    """A PC: off, or with a program that runs. What outlives a run is its disk."""

    def __init__(
        self,
        name: str,
        enrolled: EnrolledPc,
        root: Path,
        scheduler: Scheduler,
        network: Network,
        *,
        chance: Random,
        tick_ms: int,
        is_prompt: bool,
        before_act: Callable[[str], None],
        after_tick: Callable[[Pc], None],
        on_report: Callable[[Pc, Progress], None],
    ) -> None:
        self.name = name
        self.device = enrolled.enrolment.device
        self.enrolled = enrolled
        self.disk = PcDisk()
        self.root = root
        self.run: Run | None = None
        self.boots = 0
        self.crashes = 0
        self.is_dead = False
        self.ahead_ms = 0
        self._scheduler = scheduler
        self._network = network
        self._chance = chance
        self._tick_ms = tick_ms
        self._is_prompt = is_prompt
        self._knock: Flag | None = None
        self._before_act = before_act
        self._after_tick = after_tick
        self._on_report = on_report
        self._boot = 0
        self._booted_ms = 0
        self._crew: Crew | None = None
        self._wishes: deque[Callable[[], None]] = deque()

    @property
    def folder(self) -> StateOnDisk:
        """The state folder as it is now."""
        return StateOnDisk(self.root, self.disk)

    def keep_keys(self) -> None:
        """Let the files that enrolment made lie in the state folder, for a program that begins with them."""
        if not self.folder.device_keys.exists():
            self.enrolled.keys.save(self.folder.device_keys)
        if self.folder.enrolment() is None:
            self.folder.keep_enrolment(self.enrolled.enrolment)

    # --- power --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Switch on, or start the program anew."""
        if self._crew is None and not self.is_dead:
            self.boots += 1
            crew = self._crew = Crew(self._scheduler)
            crew.start("main", lambda: self._main(crew))

    def kill(self) -> None:
        """SIGKILL: the memory is gone, what was handed to the operating system stays."""
        self._stop()
        self.disk = self.disk.restarted(None)

    def power_cut(self) -> None:
        """The plug is pulled: what was not synced is lost or torn, and the PC boots anew."""
        self._stop()
        self.disk = self.disk.restarted(self._chance)
        self._boot += 1
        self._booted_ms = self._scheduler.now_ms

    def dies_at(self, operations: int, death: Callable[[], None]) -> None:
        """Let the PC die in the middle of a later disk operation; ``death`` is `kill` or `power_cut`, then."""
        self.disk.dies_in = operations
        self.disk.on_death = lambda: ignored(self._scheduler.after(0, death))

    @property
    def is_on(self) -> bool:
        """Whether a program runs here."""
        return self._crew is not None

    def _stop(self) -> None:
        crew, self._crew, self.run = self._crew, None, None
        self.crashes += 1
        self.disk.is_dead = True
        self._wishes.clear()
        if crew is not None:
            crew.die()

    # --- the program --------------------------------------------------------------------------------------------------

    def wish(self, act: Callable[[], None]) -> None:
        """Have something done in the program's main thread, as a press of a key is."""
        self._wishes.append(act)
        if self._is_prompt and self._knock is not None:
            self._knock.set()

    def do(self, *wishes: intents.Intent) -> Screen:
        """Press keys, from the main thread; the screen after the last."""
        assert self.run is not None
        for wish in wishes:
            self.run.conductor.wish(wish)
        return self.run.conductor.screen()

    def begin_act(self) -> None:
        """A key is being pressed: until the screen is looked at again, nothing of what comes of it is known."""
        running = None if self.run is None else self.run.conductor.running
        if running is not None:
            self._before_act(running.attempt.id)

    def look(self) -> None:
        """Something was done: what is on the screen now is looked at."""
        self._after_tick(self)

    def jump(self, by_ms: int) -> None:
        """Somebody, or a bad battery, changes the wall clock."""
        self.ahead_ms += by_ms
        if self.run is not None:
            self.run.clock.ahead_ms = self.ahead_ms

    def switch_off(self) -> None:
        """The simulation ends."""
        if self._crew is not None:
            self._stop()

    def _main(self, crew: Crew) -> None:
        run = self._program(crew)
        run.room.start()
        self.run = run
        knock = self._knock = crew.waker()
        told_ms = self._scheduler.now_ms
        while True:
            run.player.advance(self._scheduler.now_ms - told_ms)
            told_ms = self._scheduler.now_ms
            run.conductor.tick()
            self._after_tick(self)
            while self._wishes:
                self._wishes.popleft()()
                self._after_tick(self)
            self._wait_for_tick(crew, knock)

    def _wait_for_tick(self, crew: Crew, knock: Flag) -> None:
        """Until the next tick; keys that are pressed meanwhile have effect at once where the PC is prompt."""
        wait_ms = self._tick_ms * (0.5 + self._chance.random())
        until_ms = self._scheduler.now_ms + round(wait_ms)
        if not self._is_prompt:
            crew.sleep(wait_ms)
            return
        while (left_ms := until_ms - self._scheduler.now_ms) > 0:
            knock.wait(left_ms / MS_PER_S)
            knock.clear()
            while self._wishes:
                self._wishes.popleft()()
                self._after_tick(self)

    def _program(self, crew: Crew) -> Run:
        clock = PcClock(self._scheduler, self._boot, self._booted_ms, self.ahead_ms)
        keys, enrolment, folder = self.enrolled.keys, self.enrolled.enrolment, self.folder

        def connect() -> StoreClient:
            line = Line(self._network, self.name, crew)
            return StoreClient(
                enrolment.store_url, None, enrolment.device, keys, now_utc_ms=clock.wall_ms, transport=line
            )

        def sign(progress: Progress) -> bytes:
            self._on_report(self, progress)
            return sign_progress(progress, keys.signing)

        room = Room(folder, enrolment, keys, connect, clock, threads=crew)
        player = SilentPlayer()
        conductor = Conductor(
            Conditions(
                device=enrolment.device,
                seat=enrolment.name,
                password_minimum=TEST_COST,
                free_needed=2**20,
                locks_on_focus_loss=True,
                threads=crew,
            ),
            folder=folder,
            clock=clock,
            room=room,
            player=player,
            sign_report=sign,
            show=_shown,
            leave=_shown_nothing,
        )
        return Run(crew, clock, player, room, conductor)


def ignored(_result: object) -> None:
    """A value that nobody needs."""


def _shown(_screen: Screen) -> None:
    return


def _shown_nothing() -> None:
    return
