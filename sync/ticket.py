"""Roster ticket: everything a PC needs to let its sitting's candidates log in, also without a network.

Signed by the store's ticket key, then sealed to one device: a copy tells nothing and is of no use elsewhere.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from sync.canonical import MAX_INT, Message
from sync.errors import DamagedError, ExpiredError, NotForUsError, RollbackError
from sync.keys import BoxKey, BoxPublic, SigningKey, VerifyKey, hpke_open, hpke_seal
from sync.segment import Count, Hash, Id
from sync.signed import MAX_MESSAGE_BYTES, open_message, sign_message

TICKET: Final = "ticket"
_MAGIC: Final = b"PVRMTKT1"
_HPKE_OVERHEAD: Final = 48

Text = Annotated[str, Field(max_length=200)]
Verifier = Annotated[str, Field(max_length=200, pattern=r"^\$argon2id\$")]


class TicketPart(Message):
    """A part that a candidate is to take: its programme and level ("" where the part is adaptive), granted time."""

    programme: Id
    part: Id
    level: Annotated[str, Field(max_length=32)] = ""
    accommodation_ms: Count = 0


class TicketCandidate(Message):
    """A candidate of the sitting. ``name`` is "" when the identity is protected; ``seat`` a device, or ""."""

    number: Id
    name: Text = ""
    login: Text
    password: Verifier
    seat: Annotated[str, Field(max_length=64)] = ""
    parts: Annotated[tuple[TicketPart, ...], Field(max_length=16)]


class TicketStaff(Message):
    """Someone who may log in at this PC when the network is away: "test_leader" or "invigilator"."""

    user: Text
    verifier: Verifier
    role: Literal["test_manager", "test_leader", "invigilator"]


class TicketDayCode(Message):
    """A day code's verifier, where it counts (site and date, or sitting; "" = every part) and when."""

    scope: Text
    part: Annotated[str, Field(max_length=64)] = ""
    valid_from_utc_ms: Count
    valid_to_utc_ms: Count
    verifier: Verifier


class TicketDevice(Message):
    """A cleared PC of the room and its Ed25519 key, by which a hand-over checks what it sent."""

    device: Id
    signing: Hash


class TicketRelease(Message):
    """The test package for a programme's part."""

    programme: Id
    part: Id
    release: Id
    sha256: Hash


class Ticket(Message):
    """The roster ticket. ``version`` rises with every change of the same sitting; times are UTC milliseconds."""

    format: Literal[1] = 1
    sitting: Id
    version: Annotated[int, Field(ge=1, le=MAX_INT)]
    device: Id
    site: Text
    room: Text
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    begins_utc_ms: Count
    ends_utc_ms: Count
    issued_utc_ms: Count
    expires_utc_ms: Count
    parts: Annotated[tuple[TicketPart, ...], Field(max_length=16)]
    candidates: Annotated[tuple[TicketCandidate, ...], Field(max_length=2000)]
    devices: Annotated[tuple[Id, ...], Field(max_length=2000)]
    signing_keys: Annotated[tuple[TicketDevice, ...], Field(max_length=2000)] = ()
    staff: Annotated[tuple[TicketStaff, ...], Field(max_length=200)]
    day_codes: Annotated[tuple[TicketDayCode, ...], Field(max_length=32)]
    releases: Annotated[tuple[TicketRelease, ...], Field(max_length=32)]
    recovery_public: Hash
    order_key: Hash


def seal_ticket(ticket: Ticket, device_public: BoxPublic, ticket_key: SigningKey) -> bytes:
    """The ticket, signed and then sealed to ``ticket.device``."""
    signed = sign_message(TICKET, ticket, ticket_key)
    return _MAGIC + hpke_seal(device_public, signed, TICKET, _context(ticket.sitting, ticket.device))


def open_ticket(
    data: bytes,
    *,
    sitting: str,
    device: str,
    box: BoxKey,
    ticket_key: VerifyKey,
    now_utc_ms: int,
    seen_version: int = 0,
) -> Ticket:
    """A genuine, current ticket for this device and sitting.

    Order of checks: size, seal, signature, fields, names, time, version.

    Args:
        data: the sealed bytes.
        sitting: which sitting it must be for.
        device: this device's id.
        box: this device's X25519 key.
        ticket_key: the store's ticket key, known since enrolment.
        now_utc_ms: the time now.
        seen_version: the highest version of this sitting's ticket that was accepted before (0: none).

    Raises:
        DamagedError: not a ticket.
        CannotOpenError: sealed to another device or for another sitting, or changed.
        WrongSignatureError: not made by this store.
        NotForUsError: names another sitting or device inside.
        ExpiredError: its time is over.
        RollbackError: older than one accepted before.
    """
    if not data.startswith(_MAGIC) or len(data) > len(_MAGIC) + MAX_MESSAGE_BYTES + _HPKE_OVERHEAD:
        raise DamagedError(what=TICKET, fault="it does not begin as a ticket does, or is too long")
    signed = hpke_open(box, data[len(_MAGIC) :], TICKET, _context(sitting, device), what=TICKET)
    ticket = open_message(TICKET, Ticket, signed, ticket_key, signer="the store's ticket key")
    _check_names(ticket, sitting, device)
    if now_utc_ms > ticket.expires_utc_ms:
        raise ExpiredError(what=TICKET, name=sitting, valid_to_utc_ms=ticket.expires_utc_ms, now_utc_ms=now_utc_ms)
    if ticket.version < seen_version:
        raise RollbackError(what=TICKET, name=sitting, version=ticket.version, seen=seen_version)
    return ticket


def _check_names(ticket: Ticket, sitting: str, device: str) -> None:
    if ticket.sitting != sitting:
        raise NotForUsError(what=TICKET, field="sitting", expected=sitting, found=ticket.sitting)
    if ticket.device != device:
        raise NotForUsError(what=TICKET, field="device", expected=device, found=ticket.device)


def _context(sitting: str, device: str) -> dict[str, str]:
    return {"device": device, "sitting": sitting}
