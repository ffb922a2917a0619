"""Threads and the clock they wait by, as small as the kiosk needs them: `Threads` is the interface.

`SystemThreads` is the real one. A simulation of a whole room puts another behind the same interface, where one
scheduler lets every program of every PC go on in turn, in simulated time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Waker(Protocol):
    """Something one thread waits for and others set, as `threading.Event`."""

    def set(self) -> None:
        """Wake whoever waits, now and until it is cleared."""
        ...

    def clear(self) -> None:
        """From now on waiting waits again."""
        ...

    def is_set(self) -> bool:
        """Whether it was set and not cleared since."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Come back when it is set (True) or after so many seconds (False)."""
        ...


class Running(Protocol):
    """A thread that was started."""

    def join(self, timeout: float | None = None) -> None:
        """Come back when its work has ended, or after so many seconds."""
        ...


class Threads(Protocol):
    """What a program starts threads by."""

    def waker(self) -> Waker:
        """A new one, not set."""
        ...

    def start(self, name: str, work: Callable[[], None]) -> Running:
        """Do the work in a thread of its own that does not keep the program alive."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """A lock that may be held while its thread waits for disk or network."""
        ...

    def now_s(self) -> float:
        """Seconds on a clock that only goes forward."""
        ...


class SystemThreads:
    """The operating system's threads."""

    def waker(self) -> Waker:
        """See `Threads.waker`."""
        return threading.Event()

    def start(self, name: str, work: Callable[[], None]) -> Running:
        """See `Threads.start`."""
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    def lock(self) -> AbstractContextManager[object]:
        """See `Threads.lock`."""
        return threading.Lock()

    def now_s(self) -> float:
        """See `Threads.now_s`."""
        return time.monotonic()
