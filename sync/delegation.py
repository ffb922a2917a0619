"""Delegation: the central store's word that a relay in the room gives one sitting (`PROTOCOL.md` §15).

A PC pinned the central store's ticket key when it was enrolled; so it believes a delegation however it came, and for
that one sitting, in its time, the relay's certificate authority and keys. A recall ends it; a return is the relay's
signed word that it gives no more and what it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from cryptography import x509
from pydantic import Field

from sync.canonical import MAX_INT, Message
from sync.errors import DamagedError, ExpiredError, NotForUsError, RollbackError
from sync.keys import SigningKey, VerifyKey, sha256_hex
from sync.segment import Count, Hash, Id
from sync.signed import open_message, sign_message

DELEGATION: Final = "delegation"
RECALL: Final = "recall"
RETURN: Final = "return"
_MAX_BYTES: Final = 32_768
_CENTRAL: Final = "the central store's ticket key"
_RELAY: Final = "the relay's ticket key"

Number = Annotated[int, Field(ge=1, le=MAX_INT)]
Url = Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.\-]{1,200}(:[0-9]{1,5})?$")]
"""Where a store listens: host and port, nothing behind them."""


class Delegation(Message):
    """Who gives a sitting in the central store's place.

    ``number`` counts the loans of this sitting; a PC never goes back to an older one. ``log_key`` is "" when the relay
    keeps no log. Times are UTC milliseconds.
    """

    format: Literal[1] = 1
    sitting: Id
    number: Number
    relay: Id
    name: Annotated[str, Field(min_length=1, max_length=64)]
    url: Url
    ca_pem: Annotated[str, Field(max_length=8192)]
    order_key: Hash
    ticket_key: Hash
    receipt_key: Hash
    log_key: Hash | Literal[""] = ""
    box_key: Hash
    valid_from_utc_ms: Count
    valid_to_utc_ms: Count


class Recall(Message):
    """The central store gives the sitting itself again: this delegation and all before it are over."""

    format: Literal[1] = 1
    sitting: Id
    number: Number
    at_utc_ms: Count


class Return(Message):
    """A relay's word that it gives no more for a sitting, and what it holds.

    ``envelopes`` are the identities of all it keeps, sorted; ``last_order_sha256`` is the hash of order number
    ``last_order`` (zeros when there is none).
    """

    format: Literal[1] = 1
    sitting: Id
    number: Number
    relay: Id
    last_order: Count
    last_order_sha256: Hash
    envelopes: Annotated[tuple[Hash, ...], Field(max_length=50_000)]
    at_utc_ms: Count


@dataclass(frozen=True, slots=True)
class Standing:
    """What a PC knows of a sitting's loan: the highest number seen, and whether that one was recalled."""

    number: int = 0
    is_recalled: bool = False


def relay_id(ticket_key: VerifyKey) -> str:
    """The name a relay goes by: made from its ticket key, so that no two have the same."""
    return f"relay-{sha256_hex(ticket_key.raw)[:16]}"


def sign_delegation(delegation: Delegation, ticket_key: SigningKey) -> bytes:
    """The delegation as it travels, by the central store."""
    return sign_message(DELEGATION, delegation, ticket_key)


def open_delegation(
    data: bytes, *, sitting: str, ticket_key: VerifyKey, now_utc_ms: int, seen: Standing | None = None
) -> Delegation:
    """A delegation of this sitting that holds now.

    Order of checks: size, form, kind, signature, fields, name, certificate, sitting, number, time.

    Args:
        data: the signed bytes, from wherever they came.
        sitting: which sitting it must be for.
        ticket_key: the central store's, known since enrolment.
        now_utc_ms: the time now.
        seen: what was seen of this sitting's loans before.

    Raises:
        DamagedError: it is none.
        WrongSignatureError: not made by the central store.
        NotForUsError: of another sitting.
        RollbackError: an older one than was seen, or one that was recalled.
        ExpiredError: its time is over or has not come.
    """
    delegation = verify_delegation(data, ticket_key)
    if delegation.sitting != sitting:
        raise NotForUsError(what=DELEGATION, field="sitting", expected=sitting, found=delegation.sitting)
    known = Standing() if seen is None else seen
    if delegation.number < known.number + known.is_recalled:
        raise RollbackError(
            what=DELEGATION, name=sitting, version=delegation.number, seen=known.number + known.is_recalled
        )
    if not delegation.valid_from_utc_ms <= now_utc_ms <= delegation.valid_to_utc_ms:
        raise ExpiredError(
            what=DELEGATION, name=sitting, valid_to_utc_ms=delegation.valid_to_utc_ms, now_utc_ms=now_utc_ms
        )
    return delegation


def verify_delegation(data: bytes, ticket_key: VerifyKey) -> Delegation:
    """A genuine delegation, whatever its time: for orders and receipts that were signed while it held.

    Raises:
        DamagedError, WrongSignatureError: it is none.
    """
    delegation = open_message(DELEGATION, Delegation, data, ticket_key, signer=_CENTRAL, limit=_MAX_BYTES)
    if delegation.relay != relay_id(VerifyKey.from_hex(delegation.ticket_key)):
        raise DamagedError(what=DELEGATION, fault="the relay's name does not belong to its key")
    _check_certificate(delegation.ca_pem)
    return delegation


def sign_recall(recall: Recall, ticket_key: SigningKey) -> bytes:
    """The recall as it travels, by the central store."""
    return sign_message(RECALL, recall, ticket_key)


def open_recall(data: bytes, *, sitting: str, ticket_key: VerifyKey) -> Recall:
    """A genuine recall of this sitting's delegations.

    Raises:
        DamagedError, WrongSignatureError: it is none.
        NotForUsError: of another sitting.
    """
    recall = open_message(RECALL, Recall, data, ticket_key, signer=_CENTRAL, limit=_MAX_BYTES)
    if recall.sitting != sitting:
        raise NotForUsError(what=RECALL, field="sitting", expected=sitting, found=recall.sitting)
    return recall


def sign_return(told: Return, ticket_key: SigningKey) -> bytes:
    """The return as it travels, by the relay."""
    return sign_message(RETURN, told, ticket_key)


def open_return(data: bytes, delegation: Delegation) -> Return:
    """A relay's return of what this delegation gave it.

    Raises:
        DamagedError, WrongSignatureError: it is none of that relay.
        NotForUsError: of another sitting, loan or relay.
    """
    told = open_message(RETURN, Return, data, VerifyKey.from_hex(delegation.ticket_key), signer=_RELAY)
    for field, expected, found in (
        ("sitting", delegation.sitting, told.sitting),
        ("number", str(delegation.number), str(told.number)),
        ("relay", delegation.relay, told.relay),
    ):
        if expected != found:
            raise NotForUsError(what=RETURN, field=field, expected=expected, found=found)
    return told


def _check_certificate(pem: str) -> None:
    """One certificate of an authority, and nothing beside it."""
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem.encode("ascii"))
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise DamagedError(what=DELEGATION, fault="it does not hold one CA certificate") from error
    if not constraints.ca:
        raise DamagedError(what=DELEGATION, fault="its certificate is not that of an authority")
