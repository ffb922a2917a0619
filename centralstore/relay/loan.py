"""What a central store lends with a sitting: everything a relay needs to give it alone, signed and sealed to the relay.

A *public file* (`StorePublic`) tells who a store is; the two stores exchange theirs by hand before anything is lent.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import Field

from centralstore.errors import SetUpError
from sync.canonical import Message, canonical_bytes, parse_canonical, parse_model, plain_of
from sync.delegation import Url
from sync.errors import DamagedError, NotForUsError
from sync.keys import BoxKey, BoxPublic, SigningKey, VerifyKey, hpke_open, hpke_seal
from sync.segment import Count, Hash, Id
from sync.signed import open_message, sign_message

LOAN: Final = "loan"
LIMIT: Final = 16 * 2**20
_MAGIC: Final = b"PVRMLOAN"
_HPKE_OVERHEAD: Final = 48

Text = Annotated[str, Field(max_length=200)]
Verifier = Annotated[str, Field(max_length=200, pattern=r"^\$argon2id\$")]
Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$", max_length=65_536)]

M = TypeVar("M", bound=Message)


class StorePublic(Message):
    """A store's public identity: where it listens, the authority it is known by, its keys in hexadecimal digits."""

    format: Annotated[int, Field(ge=1, le=1)] = 1
    name: Annotated[str, Field(min_length=1, max_length=64)]
    url: Url
    ca_pem: Annotated[str, Field(max_length=8192)]
    order_key: Hash
    ticket_key: Hash
    receipt_key: Hash
    log_key: Hash
    box_key: Hash
    content_key: Hash


class LentPart(Message):
    """A part of the sitting and its plan."""

    part: Id
    position: Count
    planned_start_ms: Count
    planned_end_ms: Count


class LentRelease(Message):
    """A release that lies beside the loan."""

    release: Id
    sha256: Hash


class LentEnrolment(Message):
    """A candidate's entry to a part."""

    part: Id
    level: Annotated[str, Field(max_length=32)]
    accommodation_ms: Count


class LentCandidate(Message):
    """A candidate on the list, with the seat."""

    number: Id
    name: Text
    is_protected: bool
    login: Text
    verifier: Verifier
    seat: Count
    enrolments: Annotated[tuple[LentEnrolment, ...], Field(max_length=16)]


class LentAccount(Message):
    """An account of the room's staff."""

    user: Text
    name: Text
    verifier: Verifier
    role: Annotated[str, Field(max_length=32)]
    room: Text


class LentDevice(Message):
    """A cleared PC of the room."""

    device: Id
    name: Text
    x25519: Hash
    ed25519: Hash
    enrolled_ms: Count


class LentGrant(Message):
    """The authority's grant for a PC and release, as it came."""

    device: Id
    release: Id
    grant: Base64


class LentDayCode(Message):
    """The day code of the place, so that central store and relay tell the same four digits."""

    site: Text
    date: Annotated[str, Field(max_length=10)]
    sitting: Annotated[str, Field(max_length=64)]
    code: Annotated[str, Field(pattern=r"^[0-9]{4}$")]
    verifier: Verifier


class Loan(Message):
    """A sitting as it is lent; ``delegation`` is the signed delegation, ``share`` the release share for the relay."""

    format: Annotated[int, Field(ge=1, le=1)] = 1
    sitting: Id
    number: Annotated[int, Field(ge=1)]
    delegation: Base64
    content_key: Hash
    site: Text
    room: Text
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    programme: Id
    test_leader: Text
    recovery_public: Hash
    share: Base64
    day_code: LentDayCode
    parts: Annotated[tuple[LentPart, ...], Field(min_length=1, max_length=16)]
    releases: Annotated[tuple[LentRelease, ...], Field(min_length=1, max_length=32)]
    candidates: Annotated[tuple[LentCandidate, ...], Field(max_length=2000)]
    accounts: Annotated[tuple[LentAccount, ...], Field(max_length=200)]
    devices: Annotated[tuple[LentDevice, ...], Field(max_length=2000)]
    grants: Annotated[tuple[LentGrant, ...], Field(max_length=8000)]


def seal_loan(loan: Loan, box: BoxPublic, ticket_key: SigningKey) -> bytes:
    """The loan, signed by the central store and then sealed to the relay's box key."""
    signed = sign_message(LOAN, loan, ticket_key)
    return _MAGIC + hpke_seal(box, signed, LOAN, {"relay": box.hex})


def open_loan(data: bytes, *, box: BoxKey, ticket_key: VerifyKey, content_key: VerifyKey) -> Loan:
    """A loan for this relay from the central store it knows. Order of checks: size, seal, signature, fields, authority.

    Raises:
        DamagedError: it is none.
        CannotOpenError: sealed to another relay, or changed.
        WrongSignatureError: not made by that central store.
        NotForUsError: for tests of another authority.
    """
    if not data.startswith(_MAGIC) or len(data) > len(_MAGIC) + LIMIT + _HPKE_OVERHEAD:
        raise DamagedError(what=LOAN, fault="it does not begin as a loan does, or is too long")
    signed = hpke_open(box, data[len(_MAGIC) :], LOAN, {"relay": box.public.hex}, what=LOAN)
    loan = open_message(LOAN, Loan, signed, ticket_key, signer="the central store's ticket key", limit=LIMIT)
    if loan.content_key != content_key.hex:
        raise NotForUsError(what=LOAN, field="content key", expected=content_key.hex, found=loan.content_key)
    return loan


def read_public(path: Path) -> StorePublic:
    """A store's public file.

    Raises:
        SetUpError: it is missing or damaged.
    """
    try:
        return parse_model(StorePublic, parse_canonical(path.read_bytes(), path.name, limit=65_536), path.name)
    except OSError as error:
        raise SetUpError(str(path), f"cannot be read ({error.strerror})", "Name the file of 'store public'.") from error
    except DamagedError as error:
        raise SetUpError(str(path), f"is no store's public file ({error.fault})", "Have it written again.") from error


def write_public(path: Path, public: StorePublic) -> None:
    """Write a store's public file.

    Raises:
        SetUpError: the disk refused.
    """
    try:
        path.write_bytes(canonical_bytes(plain_of(public)))
    except OSError as error:
        raise SetUpError(str(path), f"cannot be written ({error.strerror})", "Name another place.") from error


def to_base64(data: bytes) -> str:
    """Bytes as they stand in a message."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, what: str) -> bytes:
    """What `to_base64` made.

    Raises:
        DamagedError: it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise DamagedError(what=what, fault="it is not base64") from error
