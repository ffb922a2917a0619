"""The kiosk's one clock.

`SystemClock` reads CLOCK_BOOTTIME, which counts while the PC sleeps and which nobody can set. An attempt's own clock
(`AttemptClock`) runs on it from the attempt's first fact, over restarts and hand-overs, and never backwards. Within one
boot it is exact; over a reboot, or on another PC, it is bridged by the wall clock, corrected by the store's time when
that is known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Something that tells the time in two ways."""

    def boot_ms(self) -> int:
        """Milliseconds since the machine started, sleep included; never decreasing."""
        ...

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC, as good as the PC and the store together know it."""
        ...

    def boot_id(self) -> str:
        """Names this boot of this machine; two readings of `boot_ms` compare only under one boot id."""
        ...


class SystemClock:
    """The operating system's clocks; `correct_by_store` takes in the store's time.

    From then on the time of day runs on the boot's clock too: whoever sets this PC's clock changes nothing here.
    """

    def __init__(self) -> None:
        self._boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
        self._store_minus_boot_ms: int | None = None
        self._boot_id = _read_boot_id()

    def boot_ms(self) -> int:
        """Milliseconds since the machine started, sleep included."""
        if self._boot_clock is None:
            return time.monotonic_ns() // 1_000_000
        return time.clock_gettime_ns(self._boot_clock) // 1_000_000

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC: by the store since it was last asked, before that by this PC's own clock."""
        return self.own_ms() if self._store_minus_boot_ms is None else self.boot_ms() + self._store_minus_boot_ms

    def own_ms(self) -> int:
        """Milliseconds since 1970 UTC as this PC's clock was set, right or wrong."""
        return time.time_ns() // 1_000_000

    def boot_id(self) -> str:
        """The kernel's random id of this boot."""
        return self._boot_id

    def correct_by_store(self, store_utc_ms: int) -> int:
        """Take the store's time as the truth; return how far it is ahead of this PC's own clock, in milliseconds."""
        self._store_minus_boot_ms = store_utc_ms - self.boot_ms()
        return store_utc_ms - self.own_ms()


def _read_boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # Systems without it: the instant of start, to the nearest ten seconds, tells boots apart.
        return f"started-{round(time.time() - time.monotonic(), -1):.0f}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """An instant seen by all three clocks: the attempt's, the boot's and the wall's (milliseconds)."""

    at_ms: int
    boot_ms: int
    wall_ms: int
    boot_id: str

    @classmethod
    def now(cls, clock: Clock, at_ms: int) -> Anchor:
        """Tie the attempt's instant ``at_ms`` to what the clocks show now."""
        return cls(at_ms, clock.boot_ms(), clock.wall_ms(), clock.boot_id())


class AttemptClock:
    """Milliseconds of one attempt: 0 at its first fact, running on over restarts, never back."""

    def __init__(self, clock: Clock, anchor: Anchor) -> None:
        self._clock = clock
        self._anchor = anchor
        self._latest_ms = anchor.at_ms

    @classmethod
    def begin(cls, clock: Clock) -> AttemptClock:
        """The clock of an attempt that begins now."""
        return cls(clock, Anchor.now(clock, 0))

    @classmethod
    def resume(cls, clock: Clock, anchor: Anchor, last_at_ms: int) -> AttemptClock:
        """Go on with an attempt that ``anchor`` tied to time and whose last fact was at ``last_at_ms``."""
        if anchor.boot_id == clock.boot_id():
            elapsed_ms = clock.boot_ms() - anchor.boot_ms
        else:
            elapsed_ms = clock.wall_ms() - anchor.wall_ms
        return cls(clock, Anchor.now(clock, max(last_at_ms, anchor.at_ms + elapsed_ms)))

    @property
    def anchor(self) -> Anchor:
        """What this run of the program is tied to; written in its segment."""
        return self._anchor

    def now_ms(self) -> int:
        """The attempt's time now."""
        now = self._anchor.at_ms + self._clock.boot_ms() - self._anchor.boot_ms
        self._latest_ms = max(self._latest_ms, now)
        return self._latest_ms
