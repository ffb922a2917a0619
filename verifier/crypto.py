"""Suite 1 of PROTOCOL.md §2, and the signed message of §3: checking and opening only, nothing is ever made here."""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from verifier import canonical
from verifier.canonical import Fields
from verifier.errors import need, refuse

_HPKE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_CHUNK: Final = 65_536 + 16


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def domain(purpose: str) -> bytes:
    """D(purpose): what every signature and derivation is bound to."""
    return b"provrom/1/" + purpose.encode() + b"\0"


def is_signed(public: str, purpose: str, message: bytes, signature: bytes) -> bool:
    """Whether the Ed25519 key (64 hexadecimal digits) signed this message for this purpose."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, domain(purpose) + message)
    except (InvalidSignature, ValueError):
        return False
    return True


def claimed(data: bytes, kind: str, *, limit: int) -> tuple[Fields, bytes, str]:
    """Body, signed bytes and signature of a message that says it is of this kind; nothing is believed yet.

    Raises:
        WrongError: it is no signed message of this kind.
    """
    frame = canonical.table(data, f"the {kind}", limit=limit)
    frame.is_value("kind", kind)
    body, signature = frame.object("body"), frame.hex("signature", 64)
    frame.end()
    return Fields(body.plain, f"the {kind}"), canonical.encode(body.plain), signature


def open_message(data: bytes, kind: str, public: str, *, limit: int = 65_536) -> Fields:
    """The body of a signed message.

    Raises:
        WrongError: not a message of this kind, or not signed by ``public``.
    """
    body, signed, signature = claimed(data, kind, limit=limit)
    is_genuine = is_signed(public, f"signed/{kind}", signed, bytes.fromhex(signature))
    need(is_genuine, f"the {kind} is not signed by the key {public[:16]}…")
    return body


def public_of(private: bytes) -> str:
    """The X25519 public key of a private one, as hexadecimal digits."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()


def hpke_open(private: bytes, sealed: bytes, purpose: str, context: object) -> bytes:
    """Open what was sealed to an X25519 key.

    Raises:
        WrongError: another key or context, or changed bytes.
    """
    info = domain(purpose) + canonical.encode(context)
    try:
        return _HPKE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info)
    except (InvalidTag, ValueError):
        refuse(f"a {purpose} does not open with this key")


def aes_open(key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes, what: str) -> bytes:
    """Open AES-256-GCM.

    Raises:
        WrongError: another key or place, or changed bytes.
    """
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, associated)
    except (InvalidTag, ValueError):
        refuse(f"{what} does not open")


def open_stream(sealed: bytes, content_key: bytes, context: dict[str, object]) -> bytes:
    """The plaintext of a package's sealed part (PROTOCOL.md §9).

    Raises:
        WrongError: another key, or chunks changed, cut, swapped or repeated.
    """
    need(sealed[:8] == b"PVRMSTR1" and len(sealed) >= 24 + 16, "the sealed part does not begin as one does")
    info = domain("package") + canonical.encode(context)
    key = HKDF(hashes.SHA256(), 32, salt=sealed[8:24], info=info).derive(content_key)
    chunks = [sealed[place : place + _CHUNK] for place in range(24, len(sealed), _CHUNK)]
    return b"".join(
        aes_open(
            key,
            struct.pack(">3xQB", number, number == len(chunks) - 1),
            chunk,
            canonical.encode(context),
            f"chunk {number} of the sealed part",
        )
        for number, chunk in enumerate(chunks)
    )
