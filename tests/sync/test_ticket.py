"""A roster ticket opens on its PC, for its sitting, in its time, and never an older one after a newer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sync.canonical import canonical_bytes
from sync.errors import (
    CannotOpenError,
    DamagedError,
    ExpiredError,
    NotForUsError,
    RollbackError,
    WrongSignatureError,
)
from sync.keys import SigningKey, hpke_seal
from sync.passwords import TEST_COST, PasswordVerifier
from sync.signed import sign_message
from sync.ticket import (
    Ticket,
    TicketCandidate,
    TicketDayCode,
    TicketPart,
    TicketRelease,
    TicketStaff,
    open_ticket,
    seal_ticket,
)
from tests.proof import Proof
from tests.sync.examples import NOW, box, device, signing
from tests.sync.mutations import none_is_accepted

STORE = signing("store tickets")
PC = device("pc-07")
VERIFIER = PasswordVerifier.make("hemmelig", TEST_COST, salt=bytes(16)).text


def ticket(**changes: Any) -> Ticket:
    part = TicketPart(programme="norskprove-demo", part="reading", accommodation_ms=600_000)
    made = Ticket(
        sitting="oslo-a",
        version=3,
        device="pc-07",
        site="Oslo voksenopplæring",
        room="204",
        date="2026-12-01",
        begins_utc_ms=NOW,
        ends_utc_ms=NOW + 7_200_000,
        issued_utc_ms=NOW - 1000,
        expires_utc_ms=NOW + 86_400_000,
        parts=(part,),
        candidates=(
            TicketCandidate(number="100234", name="Åse Ødegård", login="100234", password=VERIFIER, parts=(part,)),
            TicketCandidate(number="100235", name="", login="100235", password=VERIFIER, parts=(part,)),
        ),
        devices=("pc-07", "pc-08"),
        staff=(TicketStaff(user="leader-1", verifier=VERIFIER, role="test_leader"),),
        day_codes=(TicketDayCode(scope="oslo", valid_from_utc_ms=NOW, valid_to_utc_ms=NOW + 1, verifier=VERIFIER),),
        releases=(
            TicketRelease(programme="norskprove-demo", part="reading", release="norskprove-demo-3", sha256="ab" * 32),
        ),
        recovery_public=box("recovery").public.hex,
        order_key=signing("store orders").public.hex,
    )
    return made.model_copy(update=changes)


def opened(data: bytes, *, now: int = NOW, seen: int = 0, sitting: str = "oslo-a", name: str = "pc-07") -> Ticket:
    return open_ticket(
        data,
        sitting=sitting,
        device=name,
        box=device(name).box,
        ticket_key=STORE.public,
        now_utc_ms=now,
        seen_version=seen,
    )


def sealed(made: Ticket | None = None, key: SigningKey = STORE) -> bytes:
    return seal_ticket(ticket() if made is None else made, PC.box.public, key)


def test_a_ticket_opens_on_its_pc_and_is_what_was_sealed() -> None:
    assert opened(sealed()) == ticket()
    assert opened(sealed(), seen=3) == ticket()


def test_a_copied_ticket_shows_no_name_and_opens_nowhere_else() -> None:
    data = sealed()
    assert "Ødegård".encode() not in data
    assert b"100234" not in data
    with pytest.raises(CannotOpenError, match="The ticket for sitting 'oslo-a', device 'pc-08' cannot be opened"):
        opened(data, name="pc-08")
    with pytest.raises(CannotOpenError):
        opened(data, sitting="oslo-b")


def test_a_ticket_of_another_maker_is_refused() -> None:
    with pytest.raises(WrongSignatureError, match="not signed by the store's ticket key"):
        opened(sealed(key=signing("somebody")))


def test_an_expired_ticket_is_told() -> None:
    with pytest.raises(ExpiredError, match="The ticket 'oslo-a' was valid until"):
        opened(sealed(), now=NOW + 86_400_001)


def test_an_older_ticket_after_a_newer_one_is_told() -> None:
    with pytest.raises(RollbackError, match="has version 3, but version 4 was accepted before"):
        opened(sealed(), seen=4)


def test_a_ticket_resealed_under_another_name_is_found() -> None:
    for changes, field in (({"device": "pc-08"}, "device"), ({"sitting": "oslo-b"}, "sitting")):
        signed = sign_message("ticket", ticket(**changes), STORE)
        data = b"PVRMTKT1" + hpke_seal(PC.box.public, signed, "ticket", {"device": "pc-07", "sitting": "oslo-a"})
        with pytest.raises(NotForUsError, match=f"The ticket is for {field}"):
            opened(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "3"),
        ("version", True),
        ("version", 2**53),
        ("unknown", 1),
        ("date", "1.12.2026"),
        ("order_key", "xy"),
        ("candidates", None),
    ],
)
def test_a_genuine_ticket_with_a_wrong_field_is_refused_by_name(field: str, value: object) -> None:
    body = {**json.loads(canonical_bytes(ticket().model_dump(mode="json"))), field: value}
    signature = STORE.sign("signed/ticket", canonical_bytes(body)).hex()
    signed = canonical_bytes({"body": body, "kind": "ticket", "signature": signature})
    data = b"PVRMTKT1" + hpke_seal(PC.box.public, signed, "ticket", {"device": "pc-07", "sitting": "oslo-a"})
    with pytest.raises(DamagedError, match=f"The ticket is damaged: field '{field}'"):
        opened(data)


def test_what_is_longer_than_any_ticket_is_refused_before_it_is_opened() -> None:
    with pytest.raises(DamagedError, match="or is too long"):
        opened(b"PVRMTKT1" + bytes(4 * 2**20 + 49))


def test_a_protected_candidate_has_a_number_and_no_name() -> None:
    assert [candidate.name for candidate in opened(sealed()).candidates] == ["Åse Ødegård", ""]


def test_no_changed_ticket_is_accepted(proof: Proof) -> None:
    with proof("changed, reordered, cut, spliced tickets", ci=5_000, full=500_000) as trial:
        none_is_accepted(trial, [sealed()], opened)
