"""What stands at a PC at which nobody sits: told in its reports as long as it is so, for the staff to find. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kiosk.roomstate import RoomState
    from sync.daycode import DayCodeGate

MANY_LOG_INS: Final = 3
"""Refused log-ins in a row after which the test leader is told (look.md §6)."""

LOG_INS_STAND_MS: Final = 10 * 60_000
"""Whoever was refused has gone, when nobody has tried for so long."""

CLOCK_OFF_MS: Final = 120_000
"""As far as a request's time may be from the store's (PROTOCOL.md §10)."""


def standing(state: RoomState, log_ins: DayCodeGate, *, refused: str | None, now_ms: int) -> tuple[str, ...]:
    """The codes of everything that is wrong at this PC now.

    Args:
        state: what the room knows.
        log_ins: the refused log-ins in a row.
        refused: the screen that tells somebody why not, None when it does not stand.
        now_ms: on the clock of ``log_ins``.
    """
    is_tried = log_ins.wrong >= MANY_LOG_INS and now_ms - log_ins.last_wrong_ms < LOG_INS_STAND_MS
    found = {
        "list_expired": state.is_list_expired,
        "package_refused": state.refused_package,
        "clock_off": abs(state.clock_off_ms) > CLOCK_OFF_MS,
        "delivery_conflict": any(each.delivered.conflicts for each in state.delivered.values()),
        "login_refused": is_tried,
        f"refused_{refused}": refused is not None,
    }
    return tuple(kind for kind, is_so in found.items() if is_so)
