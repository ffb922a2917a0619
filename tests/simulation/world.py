"""A whole room in one process: built from a seed, run to its end, checked at every step.

Everything that is drawn comes from the seed: how many PCs, how rough network and disks are, what everybody does when.
After the rough time all heals: PCs come back, the network is whole; then everything must be delivered, the sitting is
closed, and what the store holds is scored and held against what the candidates saw.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import ClassVar, Final

from centralstore.store import Store
from kiosk.openings import Running
from kiosk.screens import LockedScreen, PartScreen
from sync.progress import Progress
from tests.simulation import exam, judge
from tests.simulation.books import Book, BrokenPromiseError, Kind
from tests.simulation.leader import Leader
from tests.simulation.network import Network
from tests.simulation.pc import Pc
from tests.simulation.people import ONGOING, SLIP_KINDS, Candidate
from tests.simulation.place import MOST, SimulatedStore, scratch, template
from tests.simulation.scheduler import Scheduler
from tests.simulation.seeding import one_thread, seeded
from tests.simulation.troubles import ROUGH_MS, Troubles

HEALED_MS: Final = 240_000
"""Within so much simulated time after it everything must be delivered."""

SAVED_AFTER_MS: Final = 300
"""An edit that stands so long on a screen that does not say it is being saved is promised (`kiosk.showing`)."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """What kind of room a seed makes; drawn, or given by a test. Shares are of how often something could happen."""

    SMALL: ClassVar[int] = 5

    pcs: int
    people: int
    tick_ms: int
    latency_ms: float
    roughness: float
    kills: float
    power_cuts: float
    deaths: float
    disk_errors: float
    partitions: float
    store_downs: float
    clock_jumps: float
    meddling: float
    ask_s: float
    sticks: float = 0.0
    restorations: float = 0.0
    late: float = 0.0
    read_back: float = 0.01
    is_prompt: bool = False

    @property
    def size(self) -> int:
        """For how many the sitting is planned."""
        return self.SMALL if self.pcs <= self.SMALL else MOST

    @classmethod
    def drawn(cls, chance: Random) -> Knobs:
        """A small room, so that many can be tried; `full` makes it one of 30 PCs."""
        pcs = chance.choice((1, 2, 2, 2, 3, 4))
        level = chance.choice((0.0, 0.5, 1.0, 1.0, 2.0))

        def share(most: float) -> float:
            return level * most if chance.random() < 0.6 else 0.0

        return cls(
            pcs=pcs,
            people=max(1, pcs - chance.choice((0, 0, 0, 1))),
            tick_ms=chance.choice((100, 300, 600)),
            latency_ms=chance.choice((5.0, 30.0, 200.0)),
            roughness=share(1.0),
            kills=share(1.0),
            power_cuts=share(1.0),
            deaths=share(0.4),
            disk_errors=share(1.0),
            partitions=share(1.0),
            store_downs=share(1.0),
            clock_jumps=share(1.0),
            meddling=share(1.0),
            ask_s=chance.choice((5.0, 8.0, 15.0)),
            sticks=share(1.0),
            restorations=1.0 if chance.random() < 0.2 else 0.0,
            late=share(0.5),
            is_prompt=chance.random() < 0.5,
        )

    @classmethod
    def full(cls, seed: int) -> Knobs:
        """A room of 30 PCs, as rough as the seed says."""
        asks_s = Random(f"asks {seed}").choice((12.0, 20.0))
        return replace(cls.drawn(Random(f"knobs {seed}")), pcs=MOST, people=MOST - 1, ask_s=asks_s)

    @classmethod
    def calm(cls, pcs: int) -> Knobs:
        """A room where nothing goes wrong."""
        return cls(pcs, pcs, 250, 20.0, *([0.0] * 9), ask_s=5.0)


class World:
    """One simulated room."""

    def __init__(self, seed: int, *, knobs: Knobs | None = None, tell: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.knobs = knobs or Knobs.drawn(Random(f"knobs {seed}"))
        self.count: Counter[str] = Counter()
        self.books: dict[str, Book] = {}
        self.day_code = "0000"
        self.hash = hashlib.sha256()
        self._tell = tell
        self._chances: dict[str, Random] = {}
        self.scheduler = Scheduler(self.chance("ties"))
        self._sat: dict[str, Running] = {}

    def chance(self, what: str) -> Random:
        """The source of chance for one matter: what is drawn there changes with nothing that is drawn elsewhere."""
        if what not in self._chances:
            self._chances[what] = Random(f"{self.seed} {what}")
        return self._chances[what]

    # --- from the beginning to the end --------------------------------------------------------------------------------

    def run(self) -> World:
        """Run the whole day; the world at its end, with everything checked.

        Raises:
            BrokenPromiseError: an invariant does not hold.
        """
        logging.disable(logging.CRITICAL)
        self.made = made = template(self.knobs.size)
        self.folder = folder = scratch()
        shutil.copytree(made.folder / "store", folder / "store")
        clock = one_thread(ask_s=self.knobs.ask_s, now_ms=lambda: self.scheduler.now_ms)
        try:
            with clock, seeded(self.chance("secrets")):
                self._build(folder)
                try:
                    self._run()
                finally:
                    for pc in self.pcs:
                        pc.switch_off()
                    self.place.close()
        finally:
            logging.disable(logging.NOTSET)
            shutil.rmtree(folder, ignore_errors=True)
        return self

    @property
    def store(self) -> Store:
        """The store as it runs now."""
        return self.place.store

    @property
    def digest(self) -> str:
        """Hash of the whole trace: equal for equal runs."""
        return self.hash.hexdigest()

    def trace(self, line: str) -> None:
        """Something happened; the same seed must tell the same."""
        text = f"{self.scheduler.now_ms:>7} {line}"
        self.hash.update(text.encode() + b"\n")
        if self._tell is not None:
            self._tell(text)

    def _build(self, folder: Path) -> None:
        made, knobs = self.made, self.knobs
        self.place = SimulatedStore(folder / "store", lambda: exam.START_MS + self.scheduler.now_ms)
        self.leader = Leader(self, self.chance("leader"))
        self.judge = judge.Judge(self)
        self.network = Network(
            scheduler=self.scheduler,
            store=self.place,
            chance=self.chance,
            roughness=knobs.roughness,
            latency_ms=knobs.latency_ms,
            count=self.count,
            trace=self.trace,
            orders_given=lambda: len(self.leader.orders),
            on_answer=self.judge.on_answer,
            on_arrival=self.judge.arrives,
        )
        self.pcs = [
            Pc(
                f"pc-{place + 1}",
                made.pcs[place],
                folder / f"pc-{place + 1}",
                self.scheduler,
                self.network,
                chance=self.chance(f"pc-{place + 1}"),
                tick_ms=knobs.tick_ms,
                is_prompt=knobs.is_prompt,
                before_act=self._acts,
                after_tick=self._look,
                on_report=self._on_report,
            )
            for place in range(knobs.pcs)
        ]
        people = self.chance("people").sample(range(len(made.people)), knobs.people)
        self.people = [
            Candidate(self, made.people[place], place, self.chance(f"candidate {place}")) for place in people
        ]
        self.troubles = Troubles(self)

    def _run(self) -> None:
        chance = self.chance("course")
        for place, pc in enumerate(self.pcs):
            if place < len(self.people) or not self.troubles.let_be_late(pc):
                self.scheduler.after(chance.uniform(0, 2_000), pc.start)
        for place, candidate in enumerate(self.people):
            self._arrives(candidate, self.pcs[place])
        gaps = (2_500, 10_000, 11_000, 12_000)
        self.leader.plan(tuple(round(gap * chance.uniform(0.4, 1.3)) for gap in gaps))  # type: ignore[arg-type]
        self.troubles.plan()
        self.scheduler.run(ROUGH_MS, lambda: all(each.is_gone for each in self.people))
        self.troubles.heal()
        if not self.scheduler.run(ROUGH_MS + HEALED_MS, self.judge.is_all_delivered):
            raise BrokenPromiseError(f"not everything was delivered: {self.judge.undelivered()}")
        self._close()
        if not self.scheduler.run(self.scheduler.now_ms + HEALED_MS, self.judge.is_all_wiped):
            raise BrokenPromiseError("not every PC saw that the sitting is closed and wiped what opened it")
        for candidate in self.people:
            candidate.is_gone = True
        if not self.scheduler.run(self.scheduler.now_ms + HEALED_MS, self.judge.is_all_delivered):
            raise BrokenPromiseError(f"not everything was delivered after CLOSED: {self.judge.undelivered()}")
        self.judge.score()
        self.count["simulated seconds"] += self.scheduler.now_ms // 1000
        self.count["events"] += self.scheduler.events

    def _close(self) -> None:
        self.troubles.start_late_ones()
        self.scheduler.run(self.scheduler.now_ms + self.chance("closing").randrange(6_000))
        most_ms = self.scheduler.now_ms + HEALED_MS
        while not self.leader.close():
            if self.scheduler.now_ms > most_ms:
                raise BrokenPromiseError("the test leader cannot close the sitting")
            self.scheduler.run(self.scheduler.now_ms + 1_000)

    def _arrives(self, candidate: Candidate, pc: Pc) -> None:
        chance = self.chance(f"arrival {candidate.name}")
        at_ms = chance.uniform(200, 2_500) if chance.random() >= 0.1 else chance.uniform(5_000, 40_000)

        def arrive() -> None:
            candidate.has_come = True
            self.leader.present(candidate)
            candidate.pc = pc
            self._thinks(candidate)

        self.scheduler.after(at_ms, arrive)

    def _thinks(self, candidate: Candidate) -> None:
        chance = self.chance(f"thoughts {candidate.name}")

        def act() -> None:
            if candidate.is_gone:
                return
            pc = candidate.pc
            if pc is not None and chance.random() < 0.01 * self.knobs.meddling:
                self._stray(candidate, pc)
            elif pc is not None and pc.is_on:
                pc.wish(partial(candidate.act, pc))
            elif pc is not None and pc.is_dead:
                self._find_another(candidate)
            self._thinks(candidate)

        self.scheduler.after(chance.expovariate(1 / candidate.think_ms), act)

    def _stray(self, candidate: Candidate, home: Pc) -> None:
        """A candidate sits down at another PC without being told to, for a while."""
        taken = {each.pc.name for each in self.people if each.pc is not None and not each.is_gone}
        free = [pc for pc in self.pcs if pc.name not in taken and pc.is_on]
        if free:
            chance = self.chance(f"ways of {candidate.name}")
            candidate.pc = chance.choice(free)
            self.count["candidates at a wrong PC"] += 1
            self.trace(f"{candidate.name} sits down at {candidate.pc.name} instead of {home.name}")
            self.scheduler.after(chance.expovariate(1 / 8_000), lambda: self._back(candidate, home))

    def _back(self, candidate: Candidate, home: Pc) -> None:
        taken = {each.pc.name for each in self.people if each.pc is not None and not each.is_gone}
        if home.name not in taken and not home.is_dead and self.book_of(candidate) is not None:
            candidate.pc = home

    def _find_another(self, candidate: Candidate) -> None:
        """The candidate's PC is dead: the test leader permits the hand-over, and the candidate sits down elsewhere."""
        taken = {each.pc.name for each in self.people if each.pc is not None and not each.is_gone}
        free = [pc for pc in self.pcs if pc.name not in taken and not pc.is_dead]
        book = self.book_of(candidate)
        if not free:
            return
        chance = self.chance(f"ways of {candidate.name}")
        pc = chance.choice(free)
        pc.start()
        if book is None or self.leader.let_move(book, chance.choice(("", pc.device))):
            self.trace(f"{candidate.name} moves from {candidate.pc.name if candidate.pc else ''} to {pc.name}")
            candidate.pc = pc

    def book_of(self, candidate: Candidate) -> Book | None:
        """The attempt that a candidate is in."""
        mine = [book for book in self.books.values() if book.candidate == candidate.planned.number]
        return next((book for book in mine if book.phase in ONGOING), None)

    def leave(self, candidate: Candidate) -> None:
        """The candidate goes home, or sits down again for what is still to come."""
        number = candidate.planned.number
        ended = {book.part for book in self.books.values() if book.candidate == number and book.phase not in ONGOING}
        if set(candidate.planned.parts) <= ended or self.chance(f"ways of {candidate.name}").random() < 0.5:
            candidate.is_gone = True

    # --- what is seen -------------------------------------------------------------------------------------------------

    def _acts(self, attempt: str) -> None:
        if attempt in self.books:
            self.books[attempt].is_acting = True

    def _look(self, pc: Pc) -> None:
        """After every step of a program: what stands on its screen is true, and is remembered."""
        run = pc.run
        if run is None:
            return
        running = run.conductor.running
        self.judge.look(pc, run)
        if running is None:
            self._sat.pop(pc.name, None)
            return
        attempt, now_ms = running.attempt, self.scheduler.now_ms
        book = self.books.get(attempt.id)
        if book is None:
            book = self.books[attempt.id] = Book(attempt.id, running.candidate.number, running.part.part, pc.name)
            self.count["attempts"] += 1
            self.judge.begins(pc, book)
        elif self._sat.get(pc.name) is None or self._sat[pc.name].record is not running.record:
            candidate = next(each for each in self.people if each.planned.number == book.candidate)
            if candidate.pc is pc or book.pc == pc.name:
                self.judge.resumes(pc, book, running)
            else:
                self.count["attempts left behind that go on unseen"] += 1
        self._sat[pc.name] = running
        if book.pc != pc.name:
            return
        book.see(attempt, now_ms)
        screen = run.conductor.shown
        is_failed = isinstance(screen, LockedScreen) and screen.reason == "disk"
        is_saving = isinstance(screen, PartScreen) and screen.frame.saved == "saving"
        if not is_failed and not is_saving and now_ms - book.changed_ms >= SAVED_AFTER_MS:
            book.durable = len(book.shown) - 1
        receipted = run.room.state.delivered.get(attempt.id)
        if (
            receipted is not None
            and running.record.is_saved
            and receipted.covers(running.record.writer.durable_counts())
        ):
            book.delivered = len(book.shown) - 1

    def _on_report(self, pc: Pc, told: Progress) -> None:
        """Nothing of one candidate is told under another one's name."""
        slips = {each.kind for each in told.incidents} & set(SLIP_KINDS)
        if told.candidate:
            candidate = next(each for each in self.people if each.planned.number == told.candidate)
            if slips - {SLIP_KINDS[candidate.slip]}:
                raise BrokenPromiseError(f"{pc.name} tells {slips} under {told.candidate}, whose they are not")

    def ends(self, pc: Pc, kind: Kind) -> None:
        """A run of a PC's program ends in this way: what its candidate saw until now is what counts."""
        self._sat.pop(pc.name, None)
        self.judge.forgets(pc.name)
        for book in self.books.values():
            if book.pc == pc.name and not (book.last_end == "cut" and book.down_since_ms is not None):
                book.last_end = kind
                if book.down_since_ms is None:
                    book.down_since_ms = self.scheduler.now_ms
