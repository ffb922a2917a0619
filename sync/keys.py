"""Keys and the few cryptographic operations that everything else is built of.

Suite 1: HPKE base mode (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM), Ed25519 (RFC 8032), AES-256-GCM, HKDF-SHA256,
SHA-256. All of it comes from `cryptography`; nothing here is an algorithm of our own. A purpose string goes into every
signature, seal and derived key, so that none made for one thing is ever taken for another (`PROTOCOL.md` §2).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sync.canonical import Message, canonical_bytes, read_model
from sync.errors import CannotOpenError, DamagedError, FileFailedError, SyncUsageError, WrongSignatureError

SUITE: Final = 1
"""The only suite there is; every format carries the number so that a later one can be told apart."""

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_DOMAIN: Final = b"provrom/1/"
_HPKE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def domain(purpose: str) -> bytes:
    """The prefix that separates uses: ``provrom/1/<purpose>`` and a zero byte."""
    return _DOMAIN + purpose.encode("ascii") + b"\0"


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def random_key() -> bytes:
    """32 fresh random bytes from the operating system."""
    return secrets.token_bytes(KEY_BYTES)


def derive_key(secret: bytes, purpose: str, context: object, *, salt: bytes = b"") -> bytes:
    """HKDF-SHA256 (RFC 5869): 32 bytes from ``secret`` for one purpose and context (plain data, in canonical form)."""
    info = domain(purpose) + canonical_bytes(context)
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=salt or None, info=info).derive(secret)


# --- signatures -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """The public half of an Ed25519 key, 32 raw bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise DamagedError(what="Ed25519 public key", fault=f"{len(self.raw)} bytes instead of {KEY_BYTES}")

    @classmethod
    def from_hex(cls, text: str) -> VerifyKey:
        """From 64 hexadecimal digits.

        Raises:
            DamagedError: not 64 hexadecimal digits.
        """
        return cls(_raw_from_hex(text, "Ed25519 public key"))

    @property
    def hex(self) -> str:
        """64 hexadecimal digits."""
        return self.raw.hex()

    def verify(self, purpose: str, message: bytes, signature: bytes, *, what: str, signer: str) -> None:
        """Check a signature over ``domain(purpose) ‖ message``.

        Raises:
            WrongSignatureError: it does not fit; ``what`` and ``signer`` make the sentence.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, domain(purpose) + message)
        except (InvalidSignature, ValueError) as error:
            raise WrongSignatureError(what=what, signer=signer) from error


class SigningKey:
    """The private half of an Ed25519 key. Its text form never shows the key."""

    __slots__ = ("_key", "public")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise DamagedError(what="Ed25519 private key", fault=f"{len(raw)} bytes instead of {KEY_BYTES}")
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.public = VerifyKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def create(cls) -> SigningKey:
        """A fresh key."""
        return cls(random_key())

    @property
    def raw(self) -> bytes:
        """The 32 secret bytes, for keeping them in a file."""
        return self._key.private_bytes_raw()

    def sign(self, purpose: str, message: bytes) -> bytes:
        """64 bytes: the signature over ``domain(purpose) ‖ message``."""
        return self._key.sign(domain(purpose) + message)


# --- sealing to a public key ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BoxPublic:
    """The public half of an X25519 key, 32 raw bytes: something can be sealed to it."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise DamagedError(what="X25519 public key", fault=f"{len(self.raw)} bytes instead of {KEY_BYTES}")

    @classmethod
    def from_hex(cls, text: str) -> BoxPublic:
        """From 64 hexadecimal digits.

        Raises:
            DamagedError: not 64 hexadecimal digits.
        """
        return cls(_raw_from_hex(text, "X25519 public key"))

    @property
    def hex(self) -> str:
        """64 hexadecimal digits."""
        return self.raw.hex()


class BoxKey:
    """The private half of an X25519 key: opens what was sealed to its public half."""

    __slots__ = ("_key", "public")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise DamagedError(what="X25519 private key", fault=f"{len(raw)} bytes instead of {KEY_BYTES}")
        self._key = X25519PrivateKey.from_private_bytes(raw)
        self.public = BoxPublic(self._key.public_key().public_bytes_raw())

    @classmethod
    def create(cls) -> BoxKey:
        """A fresh key."""
        return cls(random_key())

    @property
    def raw(self) -> bytes:
        """The 32 secret bytes, for keeping or wrapping them."""
        return self._key.private_bytes_raw()

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """HPKE single-shot opening; see `hpke_open`."""
        return _HPKE.decrypt(sealed, self._key, info)


def hpke_info(purpose: str, context: object) -> bytes:
    """The ``info`` that a seal is bound to: ``domain(purpose) ‖ canonical_bytes(context)``."""
    return domain(purpose) + canonical_bytes(context)


def hpke_seal(public: BoxPublic, plaintext: bytes, purpose: str, context: object) -> bytes:
    """HPKE base mode, single shot: ``enc (32) ‖ ciphertext ‖ tag (16)``, bound to purpose and context.

    Raises:
        DamagedError: ``public`` is one of the low-order points, to which nothing can be sealed.
    """
    try:
        return _HPKE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public.raw), hpke_info(purpose, context))
    except (ValueError, InvalidTag) as error:
        raise DamagedError(what="X25519 public key", fault="nothing can be sealed to it") from error


def hpke_open(private: BoxKey, sealed: bytes, purpose: str, context: object, *, what: str) -> bytes:
    """Open what `hpke_seal` made.

    Raises:
        CannotOpenError: another key, purpose or context, or changed bytes.
    """
    try:
        return private.open(sealed, hpke_info(purpose, context))
    except (InvalidTag, ValueError) as error:
        raise CannotOpenError(what=what, context=_told(context)) from error


# --- wrapping under a shared secret -----------------------------------------------------------------------------------


def wrap(key: bytes, plaintext: bytes, purpose: str, context: object) -> bytes:
    """AES-256-GCM under a key that is used once (from `derive_key`): ``ciphertext ‖ tag``; the nonce is zero."""
    return AESGCM(key).encrypt(bytes(12), plaintext, hpke_info(purpose, context))


def unwrap(key: bytes, wrapped: bytes, purpose: str, context: object, *, what: str) -> bytes:
    """Open what `wrap` made.

    Raises:
        CannotOpenError: another key, purpose or context, or changed bytes.
    """
    try:
        return AESGCM(key).decrypt(bytes(12), wrapped, hpke_info(purpose, context))
    except (InvalidTag, ValueError) as error:
        raise CannotOpenError(what=what, context=_told(context)) from error


# --- a PC's own keys --------------------------------------------------------------------------------------------------


class _DeviceKeysFile(Message):
    format: int
    box: str
    signing: str


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """A PC's two private keys, made there: X25519 to receive with and Ed25519 to sign with."""

    box: BoxKey
    signing: SigningKey

    @classmethod
    def create(cls) -> DeviceKeys:
        """Two fresh keys."""
        return cls(BoxKey.create(), SigningKey.create())

    def save(self, path: Path) -> None:
        """Write both to a new file that only this user can read (0600), synced before the call returns.

        Raises:
            SyncUsageError: the file is there already; keys are never overwritten.
            FileFailedError: the disk refused.
        """
        body = {"format": 1, "box": self.box.raw.hex(), "signing": self.signing.raw.hex()}
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise SyncUsageError(
                what=f"{path} is there already", remedy="Load the keys of this PC instead of making new"
            ) from error
        except OSError as error:
            raise FileFailedError("create", str(path), str(error)) from error
        with os.fdopen(descriptor, "wb") as file:
            file.write(canonical_bytes(body))
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def load(cls, path: Path) -> DeviceKeys:
        """Read what `save` wrote.

        Raises:
            DamagedError: other users can read the file, or it is not a key file.
            FileFailedError: it cannot be read.
        """
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            data = path.read_bytes()
        except OSError as error:
            raise FileFailedError("read", str(path), str(error)) from error
        if os.name == "posix" and mode & 0o077:
            raise DamagedError(
                what="device key file", fault=f"its mode is {mode:o}", remedy="Set it to 600, or enrol this PC again"
            )
        content = read_model(_DeviceKeysFile, data, "device key file", limit=1024)
        box = BoxKey(_raw_from_hex(content.box, "X25519 private key"))
        return cls(box, SigningKey(_raw_from_hex(content.signing, "Ed25519 private key")))


def _told(context: object) -> str:
    """A context for an error's sentence: its names, without what nobody reads."""
    names = cast("dict[str, object]", context) if isinstance(context, dict) else {}
    told = [f"{name} '{names[name]}'" for name in ("attempt", "sitting", "device", "release") if name in names]
    return ", ".join(told) or "this PC"


def _raw_from_hex(text: str, what: str) -> bytes:
    """32 bytes from exactly 64 lower-case hexadecimal digits."""
    if len(text) != 2 * KEY_BYTES or not set(text) <= set("0123456789abcdef"):
        raise DamagedError(what=what, fault="it is not 64 lower-case hexadecimal digits")
    return bytes.fromhex(text)
