"""One scheduler for everything: simulated time, and the programs of all PCs as fibres that it lets go on in turn.

A fibre runs until it waits, for time, for a waker or for the network; then the scheduler takes the next event. Which of
two events of the same millisecond comes first is drawn from the seed. Nothing runs beside anything else, so the same
seed gives the same run.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final

from greenlet import getcurrent, greenlet

MS_PER_S: Final = 1000


class Killed(BaseException):
    """The program was killed: raised where it stands; nothing of it goes on."""


class Timer:
    """An event that was planned."""

    __slots__ = ("is_off", "work")

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.is_off = False


class Scheduler:
    """Events in order of simulated time (milliseconds from 0)."""

    def __init__(self, chance: Random) -> None:
        self.now_ms = 0
        self.events = 0
        self._chance = chance
        self._heap: list[tuple[int, float, int, Timer]] = []
        self._planned = 0
        self._hub = getcurrent()

    def after(self, delay_ms: float, work: Callable[[], None]) -> Timer:
        """Plan an event so many milliseconds from now."""
        timer = Timer(work)
        self._planned += 1
        entry = (self.now_ms + max(0, round(delay_ms)), self._chance.random(), self._planned, timer)
        heapq.heappush(self._heap, entry)
        return timer

    def run(self, until_ms: int, is_done: Callable[[], bool] = lambda: False) -> bool:
        """Let events happen until a time, or until it is done; whether it is."""
        while self._heap and self._heap[0][0] <= until_ms:
            at_ms, _, _, timer = heapq.heappop(self._heap)
            if timer.is_off:
                continue
            self.now_ms = at_ms
            self.events += 1
            timer.work()
            if is_done():
                return True
        self.now_ms = max(self.now_ms, until_ms)
        return is_done()

    def to_hub(self) -> None:
        """Leave a fibre to the scheduler until it is let go on."""
        self._hub.switch()


class Fibre:
    """A thread of a simulated program."""

    def __init__(self, crew: Crew, name: str, work: Callable[[], None]) -> None:
        self.crew = crew
        self.name = name
        self.ended = Flag(crew)
        self._work = work
        self._greenlet = greenlet(self._run)
        self.resume_timer = crew.scheduler.after(0, self.resume)

    def resume(self) -> None:
        """Go on; called by the scheduler."""
        if not self._greenlet.dead and self.crew.is_alive:
            self._greenlet.parent = getcurrent()
            self._greenlet.switch()

    def kill(self) -> None:
        """End where it stands."""
        self.resume_timer.is_off = True
        if self._greenlet and not self._greenlet.dead:
            self._greenlet.parent = getcurrent()
            self._greenlet.throw(Killed)

    def join(self, timeout: float | None = None) -> None:
        """See `sync.threads.Running.join`."""
        self.ended.wait(timeout)

    def _run(self) -> None:
        current = getcurrent()
        self.crew.fibres[current] = self
        try:
            self._work()
        except Killed:
            self.crew.scheduler.after(0, self.crew.die)
        finally:
            del self.crew.fibres[current]
            self.ended.set()


class Flag:
    """`sync.threads.Waker` in simulated time."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._is_set = False
        self._waiting: deque[Fibre] = deque()

    def set(self) -> None:
        """See `sync.threads.Waker.set`."""
        self._is_set = True
        while self._waiting:
            fibre = self._waiting.popleft()
            fibre.resume_timer.is_off = True
            fibre.resume_timer = self._crew.scheduler.after(0, fibre.resume)

    def clear(self) -> None:
        """See `sync.threads.Waker.clear`."""
        self._is_set = False

    def is_set(self) -> bool:
        """See `sync.threads.Waker.is_set`."""
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        """See `sync.threads.Waker.wait`."""
        if self._is_set:
            return True
        fibre = self._crew.current()
        self._waiting.append(fibre)
        try:
            self._crew.pause(fibre, None if timeout is None else timeout * MS_PER_S)
        finally:
            if fibre in self._waiting:
                self._waiting.remove(fibre)
        return self._is_set


class Lock:
    """A lock between fibres: whoever comes later waits in simulated time."""

    def __init__(self, crew: Crew) -> None:
        self._free = Flag(crew)
        self._free.set()

    def __enter__(self) -> None:
        while not self._free.is_set():
            self._free.wait()
        self._free.clear()

    def __exit__(self, *_: object) -> None:
        self._free.set()


class Crew:
    """The threads of one run of a program: `sync.threads.Threads` in simulated time. They are killed together."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.is_alive = True
        self.fibres: dict[greenlet, Fibre] = {}
        self._all: list[Fibre] = []

    def waker(self) -> Flag:
        """See `sync.threads.Threads.waker`."""
        return Flag(self)

    def start(self, name: str, work: Callable[[], None]) -> Fibre:
        """See `sync.threads.Threads.start`."""
        fibre = Fibre(self, name, work)
        self._all = [each for each in self._all if not each.ended.is_set()]
        self._all.append(fibre)
        return fibre

    def lock(self) -> Lock:
        """See `sync.threads.Threads.lock`."""
        return Lock(self)

    def now_s(self) -> float:
        """See `sync.threads.Threads.now_s`."""
        return self.scheduler.now_ms / MS_PER_S

    def sleep(self, milliseconds: float) -> None:
        """Let a fibre of this crew wait."""
        self.pause(self.current(), milliseconds)

    def current(self) -> Fibre:
        """The fibre that runs now."""
        return self.fibres[getcurrent()]

    def pause(self, fibre: Fibre, milliseconds: float | None) -> None:
        """Leave a fibre to the scheduler for a time, or until it is woken."""
        if milliseconds is not None:
            fibre.resume_timer = self.scheduler.after(milliseconds, fibre.resume)
        self.scheduler.to_hub()
        if not self.is_alive:
            raise Killed

    def die(self) -> None:
        """Kill every thread where it stands; called by the scheduler."""
        self.is_alive = False
        for fibre in tuple(self._all):
            fibre.kill()
        self._all.clear()
