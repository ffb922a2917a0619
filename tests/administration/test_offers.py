"""What a seat offers, by table: shown and open, shown with its reason, or not shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from administration.board import Status
from administration.offers import Standpoint, offers
from centralstore.words import Attendance, SittingState
from engine.programme import PartRules, parse_programme
from tests.administration.views import entry, seat
from tests.strategies import programme_plain

RULES = {str(part.part): part for part in parse_programme(programme_plain(), "test").parts}


def at(part: str = "reading", **changes) -> Standpoint:
    found = changes.pop("seat", seat())
    rules: PartRules = RULES[part]
    base = Standpoint(
        seat=found, entry=found.entries[0], rules=rules, state=SittingState.OPENED, is_started=True, is_signed=False,
        is_out=False, status=Status.RUNNING,
    )  # fmt: skip
    return replace(base, **changes)


EXPECTED = seat(phase="", attendance=Attendance.EXPECTED)
REJECTED = seat(phase="", attendance=Attendance.REJECTED_ID)
FRESH = seat(phase="")
DELIVERED = seat(phase="submitted", is_delivered=True)

TABLE = {
    "reading can get time": (at(), "extra_time", ""),
    "listening cannot": (at("listening"), "extra_time", "no.extra_time.part"),
    "time only while running": (at(seat=FRESH), "extra_time", "no.not_running"),
    "out from reading": (at(), "exit", ""),
    "not out from listening": (at("listening"), "exit", "no.may_not_leave"),
    "not out before the start": (at(is_started=False), "exit", "no.not_running"),
    "back when out": (at(is_out=True), "return", ""),
    "not back when in": (at(), "return", None),
    "reset what was begun": (at(), "reset", ""),
    "nothing to reset": (at(seat=FRESH), "reset", "no.no_attempt"),
    "nothing to hand over": (at(seat=FRESH), "handover", "no.no_attempt"),
    "sign when delivered": (at(seat=DELIVERED), "sign_delivered", ""),
    "not before": (at(), "sign_delivered", "no.not_delivered"),
    "expel": (at(), "expel", ""),
    "not in a planned sitting": (at(state=SittingState.PLANNED), "expel", None),
    "not in a closed one": (at(state=SittingState.CLOSED), "reset", None),
    "note present": (at(seat=EXPECTED), "present", ""),
    "present once": (at(), "present", None),
    "a rejection stands": (at(seat=REJECTED), "present", "no.rejected"),
    "a signed list stands": (at(seat=EXPECTED, is_signed=True), "present", "no.signed_list"),
    "not reject who has begun": (at(), "reject", None),
    "no acts on the rejected": (at(seat=REJECTED), "handover", None),
    "no unlock after the end": (at(seat=DELIVERED), "unlock", None),
    "incident at any open sitting": (at(seat=REJECTED), "incident", ""),
    "no sign twice": (
        at(seat=DELIVERED, entry=entry(phase="submitted", is_delivered=True, signed_delivered_ms=1)),
        "sign_delivered",
        None,
    ),
}


@pytest.mark.parametrize(("standpoint", "act", "answer"), TABLE.values(), ids=TABLE.keys())
def test_a_seat_offers_what_makes_sense(standpoint: Standpoint, act: str, answer: str | None) -> None:
    found = {offer.act: offer.refusal for offer in offers(standpoint)}
    assert found.get(act) == answer


@pytest.mark.parametrize(
    ("status", "first"),
    [(Status.LOCKED, "unlock"), (Status.NO_CONTACT, "handover"), (Status.CANNOT_SAVE, "handover")],
)
def test_the_likeliest_act_stands_first(status: Status, first: str) -> None:
    assert offers(at(status=status))[0].act == first
