"""Day code: how long a PC must wait after wrong tries. Pure: facts and times in, milliseconds out.

The day code is permission to start, never a key. Wrong tries at one PC delay that PC: 1 s, 2 s, 4 s … up to five
minutes. The tries are facts in the PC's journal, so a restart does not forget them, and a changed wall clock changes
nothing: times are the PC's boot clock, and after a restart the whole delay is waited again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sync.errors import SyncUsageError
from sync.passwords import PRODUCTION_MINIMUM, Cost, DayCodeVerifier
from sync.ticket import TicketDayCode

FIRST_DELAY_MS: Final = 1_000
LONGEST_DELAY_MS: Final = 300_000
ALARM_AFTER: Final = 5
"""From so many wrong tries the test leader is told (background figure: five tries are 0.05 % of 10 000 codes)."""


@dataclass(frozen=True, slots=True)
class DayCodeGate:
    """What is known of one PC's tries: wrong ones since the last accepted one or override, and when the last was."""

    wrong: int = 0
    last_wrong_ms: int = 0

    @classmethod
    def after_restart(cls, outcomes: Iterable[bool], *, now_ms: int) -> DayCodeGate:
        """The gate from the tries in this PC's journal, in order (True: accepted or overridden by an order).

        The time of the last try is taken as now: how long the PC was off is not believed.
        """
        wrong = 0
        for accepted in outcomes:
            wrong = 0 if accepted else wrong + 1
        return cls(wrong, now_ms)

    @property
    def delay_ms(self) -> int:
        """How long the next try waits after the last wrong one."""
        if self.wrong == 0:
            return 0
        return min(FIRST_DELAY_MS << min(self.wrong - 1, 30), LONGEST_DELAY_MS)

    def wait_ms(self, now_ms: int) -> int:
        """Milliseconds until a code may be typed; 0: now. A clock that went back gives no shorter wait."""
        waited = max(0, now_ms - self.last_wrong_ms)
        return max(0, self.delay_ms - waited)

    @property
    def must_alarm(self) -> bool:
        """True when the test leader is to be told."""
        return self.wrong >= ALARM_AFTER

    def tried(self, now_ms: int, *, accepted: bool) -> DayCodeGate:
        """The gate after a try; the caller journals the fact (`DayCodeTried`) before it shows the outcome.

        Raises:
            SyncUsageError: a try was made while the gate was closed.
        """
        if self.wait_ms(now_ms) > 0:
            raise SyncUsageError(what="a day code was tried before its time", remedy="Ask wait_ms first")
        return DayCodeGate() if accepted else replace(self, wrong=self.wrong + 1, last_wrong_ms=now_ms)

    def overridden(self) -> DayCodeGate:
        """The gate after the test leader's order lifted the delay."""
        return DayCodeGate()


def accepts_day_code(
    code: str, codes: Sequence[TicketDayCode], *, part: str, now_utc_ms: int, minimum: Cost = PRODUCTION_MINIMUM
) -> bool:
    """True when ``code`` is four digits and fits a code of the ticket that counts for ``part`` and now.

    Raises:
        DamagedError: a verifier in the ticket is damaged or cheaper than ``minimum``.
    """
    if len(code) != 4 or not (code.isascii() and code.isdigit()):  # noqa: PLR2004 (reglement 4.1: four digits)
        return False
    return any(
        DayCodeVerifier.parse(entry.verifier, minimum).accepts(code)
        for entry in codes
        if entry.part in ("", part) and entry.valid_from_utc_ms <= now_utc_ms <= entry.valid_to_utc_ms
    )
