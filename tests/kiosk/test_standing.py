"""What stands at a PC without a candidate: each fault as long as it is so, and no longer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.roomstate import Receipted, RoomState
from kiosk.standing import CLOCK_OFF_MS, LOG_INS_STAND_MS, MANY_LOG_INS, standing
from sync.daycode import DayCodeGate
from sync.outbox import Conflict, Delivered
from sync.receipt import Receipt

NOW = 5_000_000
RECEIPT = Receipt(
    attempt="a" * 32, segment="b" * 32, first=0, last=2, sha256="c" * 64, device="pc-1", stored_utc_ms=1,
    is_conflict=True,
)  # fmt: skip
CONFLICTS = (Conflict("d" * 64, RECEIPT),)
WELL = RoomState()


def told(state: RoomState = WELL, *, wrong: int = 0, ago_ms: int = 0, refused: str | None = None) -> tuple[str, ...]:
    return standing(state, DayCodeGate(wrong, NOW - ago_ms), refused=refused, now_ms=NOW)


def test_a_pc_that_is_well_tells_nothing() -> None:
    assert told() == ()


STATES = {
    "list_expired": replace(WELL, is_list_expired=True),
    "package_refused": replace(WELL, refused_package=True),
    "delivery_conflict": replace(WELL, delivered={"a": Receipted(Delivered(3, 2, CONFLICTS), {})}),
}


@pytest.mark.parametrize(("kind", "state"), STATES.items(), ids=STATES)
def test_what_the_room_knows_is_told(kind: str, state: RoomState) -> None:
    assert told(state) == (kind,)


@pytest.mark.parametrize("off_ms", [CLOCK_OFF_MS + 1, -CLOCK_OFF_MS - 1])
def test_a_clock_far_off_is_told_before_and_after(off_ms: int) -> None:
    assert told(replace(WELL, clock_off_ms=off_ms)) == ("clock_off",)
    assert told(replace(WELL, clock_off_ms=CLOCK_OFF_MS)) == ()


def test_three_refused_log_ins_in_a_row_are_told_until_somebody_is_let_in_or_all_have_gone() -> None:
    assert MANY_LOG_INS == 3, "look.md, the order of the room page: refused log-in or code three times"
    assert told(wrong=2) == ()
    assert told(wrong=3) == told(wrong=7) == ("login_refused",)
    assert told(wrong=3, ago_ms=LOG_INS_STAND_MS - 1) == ("login_refused",)
    assert told(wrong=3, ago_ms=LOG_INS_STAND_MS) == ()


def test_a_screen_that_tells_why_not_is_told_while_it_stands() -> None:
    assert told(refused="not_on_list") == ("refused_not_on_list",)


def test_all_that_is_wrong_is_told_at_once() -> None:
    state = replace(WELL, is_list_expired=True, clock_off_ms=CLOCK_OFF_MS + 1)
    assert told(state, wrong=3, refused="late") == ("list_expired", "clock_off", "login_refused", "refused_late")
