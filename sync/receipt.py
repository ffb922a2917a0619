"""Receipt: the store's signed word that an envelope is stored, naming the hash of what is *stored*."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from sync.canonical import Message, canonical_bytes, plain_of
from sync.keys import SigningKey, VerifyKey
from sync.segment import Count, Hash, Id
from sync.signed import is_message, open_message, sign_message

RECEIPT: Final = "receipt"
_MAX_BYTES: Final = 4096


class Receipt(Message):
    """What the store keeps under (attempt, segment, first, last), and since when.

    ``sha256`` is the hash of the stored envelope (`sync.envelope.Envelope.sha256`). ``is_conflict``: what this PC just
    sent has another hash; it is kept as a conflict for people to look at, and nothing was overwritten.
    """

    format: Literal[1] = 1
    attempt: Id
    segment: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    first: Count
    last: Count
    sha256: Hash
    device: Id
    stored_utc_ms: Count
    is_conflict: bool = False


def sign_receipt(receipt: Receipt, receipt_key: SigningKey) -> bytes:
    """The receipt as the store sends it."""
    return sign_message(RECEIPT, receipt, receipt_key)


def verify_receipt(data: bytes, receipt_key: VerifyKey) -> Receipt:
    """A genuine receipt.

    Raises:
        DamagedError: not a receipt.
        WrongSignatureError: not signed by this store's receipt key.
    """
    return open_message(RECEIPT, Receipt, data, receipt_key, signer="the store's receipt key", limit=_MAX_BYTES)


def is_receipt(data: bytes, receipt: Receipt, receipt_key: VerifyKey) -> bool:
    """Whether these bytes are the genuine receipt that says exactly this."""
    return is_message(RECEIPT, canonical_bytes(plain_of(receipt)), data, receipt_key)
