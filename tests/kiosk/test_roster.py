"""Where a candidate may be: an order that moves an attempt is used once, and by the PC that it names."""

from __future__ import annotations

import pytest

from engine.admission import AdmissionReason
from engine.state import Phase
from kiosk.roster import KnownAttempt, Roster
from sync.orders import Order, OrderKind
from sync.segment import NO_HASH
from tests.sync.test_ticket import ticket

ATTEMPT = "a" * 32


def order(number: int, kind: OrderKind, **more: object) -> Order:
    return Order.model_validate(
        {
            "sitting": "oslo-a",
            "number": number,
            "kind": kind,
            "by": "lars",
            "at_utc_ms": 0,
            "previous_sha256": NO_HASH,
            **more,
        }
    )


def moved(number: int, to: str, come_from: str) -> Order:
    return order(number, "permit_handover", data={"attempt": ATTEMPT, "to_device": to, "from_device": come_from})


def at(device: str, *, is_local: bool = False) -> KnownAttempt:
    return KnownAttempt(ATTEMPT, "100234", "reading", device, Phase.RUNNING, is_local)


def roster(device: str, known: KnownAttempt, *orders: Order) -> Roster:
    made = ticket(devices=("pc-07", "pc-08", "pc-09"))
    return Roster(made, device, (order(1, "open"), *orders), {(known.candidate, known.part): known})


@pytest.mark.parametrize(
    ("here", "to", "come_from", "now_at", "may"),
    [
        ("pc-08", "pc-08", "pc-07", "pc-07", True),
        ("pc-08", "", "pc-07", "pc-07", True),
        ("pc-09", "pc-08", "pc-07", "pc-07", False),
        ("pc-09", "", "pc-07", "pc-08", False),
        ("pc-07", "", "pc-07", "pc-08", False),
    ],
    ids=["to it", "to any", "to another", "to any, and it has moved already", "back again by the same order"],
)
def test_an_order_lets_an_attempt_come_to_one_pc_once(
    here: str, to: str, come_from: str, now_at: str, *, may: bool
) -> None:
    known = at(now_at)
    found = roster(here, known, moved(2, to, come_from))
    assert found.permits_handover(known) is may


def test_without_an_order_the_candidate_is_refused_where_the_attempt_is_not() -> None:
    known = at("pc-07")
    found = roster("pc-08", known)
    (candidate,) = [each for each in found.ticket.candidates if each.number == "100234"]
    (part,) = [each for each in candidate.parts if each.part == "reading"]
    admission = found.admission(candidate, part, is_password_right=True)
    assert (admission.is_admitted, admission.reason) == (False, AdmissionReason.RUNNING_ELSEWHERE)
    again = roster("pc-08", known, moved(2, "pc-08", "pc-07")).admission(candidate, part, is_password_right=True)
    assert (again.is_admitted, again.reason) == (True, AdmissionReason.RESUMES)


def test_a_pc_lets_an_attempt_go_by_an_order_that_came_after_it_sat_down_there() -> None:
    known = at("pc-07", is_local=True)
    found = roster("pc-07", known, moved(2, "pc-08", "pc-07"))
    assert found.lets_go(ATTEMPT, since=1) is found.orders[1]
    assert found.lets_go(ATTEMPT, since=2) is None  # it came back here since
    assert roster("pc-08", known, moved(2, "pc-08", "pc-07")).lets_go(ATTEMPT, since=1) is None
    assert found.lets_go("b" * 32, since=1) is None
