"""Wrong day codes at this PC: counted on the disk before a code is compared, over candidates, restarts and clocks.

The count is per PC and sitting. A kill at any moment of a try costs whoever tries the waiting time and gives nothing:
the count is there first, the answer comes last. The attempt's journal counts too, so that no one file takes it back.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from sync.daycode import DayCodeGate

if TYPE_CHECKING:
    from kiosk.folder import StateFolder

_MOST_TRIES: Final = 100_000
"""Of one PC in one sitting: more than one every second all day."""


class DayCodeTries:
    """The gate before the day code. Times are the boot clock's, which nobody can set."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._sitting = ""
        self._attempt = ""
        self._journalled = 0
        self._forgiven = 0
        self._gate = DayCodeGate()

    @property
    def must_alarm(self) -> bool:
        """Whether the test leader is to be told."""
        return self._gate.must_alarm

    def wait_ms(self, now_ms: int) -> int:
        """Milliseconds until a code may be typed."""
        return self._gate.wait_ms(now_ms)

    def enter(self, sitting: str, attempt: str, *, journalled: int, now_ms: int) -> None:
        """Somebody sits down. A program that was started again waits the whole of the last delay again.

        Args:
            sitting: the sitting whose day code it is.
            attempt: who tries now.
            journalled: the tries in that attempt's own journal.
            now_ms: the boot clock.
        """
        is_known = sitting == self._sitting
        self._sitting, self._attempt, self._journalled = sitting, attempt, journalled
        wrong, forgiven_attempt, forgiven = self._read()
        self._forgiven = forgiven if forgiven_attempt == attempt else 0
        wrong = max(wrong, journalled - self._forgiven, self._gate.wrong if is_known else 0)
        if not is_known or wrong > self._gate.wrong:
            self._gate = DayCodeGate.after_restart([False] * wrong, now_ms=now_ms)

    def begin(self, now_ms: int) -> None:
        """Count a try as a wrong one, durably, before the code is looked at.

        Raises:
            SyncUsageError: it is too early.
            OSError: it could not be counted; the code must not be looked at.
        """
        gate = self._gate.tried(now_ms, accepted=False)
        self._write(gate.wrong)
        self._gate = gate
        self._journalled += 1

    def accepted(self) -> None:
        """The code was right: whoever comes next begins at nothing."""
        self._forget()

    def overridden(self) -> None:
        """The test leader's order lifts the delay."""
        self._forget()

    def _forget(self) -> None:
        self._forgiven = self._journalled
        self._gate = self._gate.overridden()
        self._write(0)

    def _write(self, wrong: int) -> None:
        plain = {"wrong": wrong, "attempt": self._attempt, "forgiven": self._forgiven}
        self._folder.write(self._folder.tries(self._sitting), json.dumps(plain).encode())

    def _read(self) -> tuple[int, str, int]:
        """Count, and which attempt's journalled tries up to how many were forgiven; of a damaged file nothing."""
        try:
            data = self._folder.read(self._folder.tries(self._sitting)) or b"{}"
            plain = cast("dict[str, Any]", json.loads(data))
            return _count(plain.get("wrong")), str(plain.get("attempt", "")), _count(plain.get("forgiven"))
        except (ValueError, AttributeError, RecursionError):
            return 0, "", 0


def _count(found: object) -> int:
    """A number of tries; one that nobody can have made is none."""
    return found if type(found) is int and 0 <= found <= _MOST_TRIES else 0
