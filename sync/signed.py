"""Signed messages: a body of plain data, its kind, and one Ed25519 signature over both (`PROTOCOL.md` §3).

The bytes are canonical JSON ``{"body": …, "kind": "receipt", "signature": "<128 hex>"}``; the signature is over
``domain("signed/" + kind) ‖ canonical_bytes(body)``. Receipts, progress, manifests, grants and tickets all travel so.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

from pydantic import Field, JsonValue

from sync.canonical import Message, canonical_bytes, parse_model, plain_of, read_model
from sync.errors import DamagedError
from sync.keys import SigningKey, VerifyKey

MAX_MESSAGE_BYTES: Final = 4 * 2**20
"""A ticket of a room with some hundred candidates is about 100 kB; nothing signed is larger than this."""

M = TypeVar("M", bound=Message)


class _Signed(Message):
    body: dict[str, JsonValue]
    kind: Annotated[str, Field(max_length=64)]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


def sign_message(kind: str, message: Message, key: SigningKey) -> bytes:
    """A signed message's bytes; ``kind`` names what it is and is bound by the signature."""
    body = canonical_bytes(plain_of(message))
    signature = key.sign(f"signed/{kind}", body)
    return b'{"body":%b,"kind":%b,"signature":"%b"}' % (body, canonical_bytes(kind), signature.hex().encode())


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
    body = canonical_bytes(signed.body)
    public.verify(f"signed/{kind}", body, bytes.fromhex(signed.signature), what=kind, signer=signer)
    return parse_model(model, signed.body, kind)
