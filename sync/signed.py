"""Signed messages: a body of plain data, its kind, and one Ed25519 signature over both (`PROTOCOL.md` §3).

The bytes are canonical JSON ``{"body": …, "kind": "receipt", "signature": "<128 hex>"}``; the signature is over
``domain("signed/" + kind) ‖ canonical_bytes(body)``. Receipts, progress, manifests, grants and tickets all travel so.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

from pydantic import Field, JsonValue

from sync.canonical import Message, canonical_bytes, plain_of, read_checked, read_model
from sync.errors import DamagedError, WrongSignatureError
from sync.keys import SIGNATURE_BYTES, SigningKey, VerifyKey

MAX_MESSAGE_BYTES: Final = 4 * 2**20
"""A ticket of a room with some hundred candidates is about 100 kB; nothing signed is larger than this."""

_BEFORE: Final = b'{"body":'

M = TypeVar("M", bound=Message)


class _Signed(Message):
    body: dict[str, JsonValue]
    kind: Annotated[str, Field(max_length=64)]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


def sign_message(kind: str, message: Message, key: SigningKey) -> bytes:
    """A signed message's bytes; ``kind`` names what it is and is bound by the signature."""
    body = canonical_bytes(plain_of(message))
    signature = key.sign(f"signed/{kind}", body)
    return _BEFORE + body + _after(kind, signature.hex())


def open_message(
    kind: str,
    model: type[M],
    data: bytes,
    public: VerifyKey,
    *,
    signer: str,
    limit: int = MAX_MESSAGE_BYTES,
) -> M:
    """The body of a signed message. Order of checks: size, canonical form, kind, signature, fields.

    Args:
        kind: what it must be.
        model: the strict model of its body.
        data: the bytes as received.
        public: the only key whose signature counts.
        signer: who holds that key, for the error's sentence.
        limit: largest accepted size in bytes.

    Raises:
        DamagedError: not a signed message of this kind, or a body that breaks its model.
        WrongSignatureError: not signed by that key.
    """
    signed = read_model(_Signed, data, kind, limit=limit)
    if signed.kind != kind:
        raise DamagedError(what=kind, fault="it is a signed message of another kind")
    body = data[len(_BEFORE) : len(data) - len(_after(kind, signed.signature))]
    public.verify(f"signed/{kind}", body, bytes.fromhex(signed.signature), what=kind, signer=signer)
    return read_checked(model, body, kind)


def is_message(kind: str, body: bytes, data: bytes, public: VerifyKey) -> bool:
    """Whether ``data`` is the signed message of exactly this body (canonical JSON); nothing of it needs reading."""
    digits = data[-len('"}') - 2 * SIGNATURE_BYTES : -len('"}')]
    try:
        signature = bytes.fromhex(digits.decode("ascii"))
        public.verify(f"signed/{kind}", body, signature, what=kind, signer="whoever it must be")
    except (WrongSignatureError, ValueError):
        return False
    return data == _BEFORE + body + _after(kind, signature.hex())


def _after(kind: str, signature: str) -> bytes:
    """What stands behind the body: there is one way to write the frame, so the body needs no writing anew."""
    return b',"kind":%b,"signature":"%b"}' % (canonical_bytes(kind), signature.encode())
