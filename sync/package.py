"""Test package file (``.provrom``): signed manifest, public part in the clear, sealed part (`PROTOCOL.md` §9).

The sealed part is a stream of 64 KiB chunks under AES-256-GCM, each bound to its number, to whether it is the last, and
to the package's header, so that cutting, reordering, repeating or mixing chunks is always found.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.canonical import canonical_bytes
from sync.errors import CannotOpenError, DamagedError
from sync.keys import derive_key, sha256_hex
from sync.release import ReleaseManifest, Trust, content_key_check

PACKAGE_MAGIC: Final = b"PVRMPKG1"
SEALED_MAGIC: Final = b"PVRMSTR1"
CHUNK_BYTES: Final = 65_536
MAX_PACKAGE_BYTES: Final = 2**31
_LENGTHS: Final = struct.Struct(">IQQ")
_TAG: Final = 16
_SALT: Final = 16
_NONCE: Final = struct.Struct(">3xQB")


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A package's three parts, as they stand in the file; nothing is verified yet."""

    manifest: bytes = field(repr=False)
    public: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


def seal_content(plaintext: bytes, content_key: bytes, header: object, *, salt: bytes | None = None) -> bytes:
    """Seal a package's content: magic ‖ salt (16) ‖ chunks; ``header`` is plain data that must be given to open it.

    The stream key is HKDF(content key, salt, header); chunk i has nonce 000000 ‖ i (8 bytes) ‖ last flag.
    """
    salt = secrets.token_bytes(_SALT) if salt is None else salt
    aead = AESGCM(derive_key(content_key, "package", header, salt=salt))
    chunks = [plaintext[start : start + CHUNK_BYTES] for start in range(0, len(plaintext), CHUNK_BYTES)] or [b""]
    last = len(chunks) - 1
    sealed = [
        aead.encrypt(_NONCE.pack(index, index == last), chunk, canonical_bytes(header))
        for index, chunk in enumerate(chunks)
    ]
    return SEALED_MAGIC + salt + b"".join(sealed)


def open_content(sealed: bytes, content_key: bytes, header: object, *, what: str = "sealed part") -> bytes:
    """The plaintext of `seal_content`.

    Raises:
        DamagedError: it is too short or does not begin as it must.
        CannotOpenError: another key or header, or changed, cut, reordered or repeated chunks.
    """
    body = sealed[len(SEALED_MAGIC) + _SALT :]
    if not sealed.startswith(SEALED_MAGIC) or len(body) < _TAG:
        raise DamagedError(what=what, fault="it does not begin as a sealed part does, or is cut")
    salt = sealed[len(SEALED_MAGIC) : len(SEALED_MAGIC) + _SALT]
    aead = AESGCM(derive_key(content_key, "package", header, salt=salt))
    step = CHUNK_BYTES + _TAG
    starts = range(0, len(body), step)
    try:
        return b"".join(
            aead.decrypt(
                _NONCE.pack(index, start + step >= len(body)), body[start : start + step], canonical_bytes(header)
            )
            for index, start in enumerate(starts)
        )
    except (InvalidTag, ValueError) as error:
        raise CannotOpenError(what=what, context="this package") from error


def sealed_header(manifest: ReleaseManifest) -> dict[str, object]:
    """What the sealed part is bound to: the manifest's names and the public part's hash."""
    return sealed_header_of(
        release=manifest.release,
        series=manifest.series,
        version=manifest.version,
        programme=manifest.programme,
        public_sha256=manifest.public_sha256,
    )


def sealed_header_of(
    *, release: str, series: str, version: int, programme: str, public_sha256: str
) -> dict[str, object]:
    """`sealed_header` from its fields, before there is a manifest."""
    return {
        "programme": programme,
        "public_sha256": public_sha256,
        "release": release,
        "series": series,
        "version": version,
    }


def encode_package(package: PackageFile) -> bytes:
    """The file: magic ‖ lengths (manifest 4, public 8, sealed 8) ‖ manifest ‖ public ‖ sealed."""
    lengths = _LENGTHS.pack(len(package.manifest), len(package.public), len(package.sealed))
    return PACKAGE_MAGIC + lengths + package.manifest + package.public + package.sealed


def decode_package(data: bytes) -> PackageFile:
    """The three parts of a file that is exactly as long as it says.

    Raises:
        DamagedError: another kind of file, cut, or with something after its end.
    """
    begin = len(PACKAGE_MAGIC) + _LENGTHS.size
    if len(data) > MAX_PACKAGE_BYTES or len(data) < begin or not data.startswith(PACKAGE_MAGIC):
        raise DamagedError(what="test package", fault="it does not begin as a test package does")
    manifest, public, sealed = _LENGTHS.unpack_from(data, len(PACKAGE_MAGIC))
    if begin + manifest + public + sealed != len(data):
        raise DamagedError(what="test package", fault=f"it is {len(data)} bytes long and says otherwise")
    middle, end = begin + manifest, begin + manifest + public
    return PackageFile(data[begin:middle], data[middle:end], data[end:])


def verify_package(package: PackageFile, trust: Trust, *, now_utc_ms: int) -> ReleaseManifest:
    """The manifest of a genuine, current package whose parts are the ones it names.

    Raises:
        DamagedError: a part is not the one the manifest names.
        WrongSignatureError, ExpiredError, RollbackError: see `Trust.verify`.
    """
    manifest = trust.verify(package.manifest, now_utc_ms=now_utc_ms)
    for part, data, expected, size in (
        ("public part", package.public, manifest.public_sha256, manifest.public_bytes),
        ("sealed part", package.sealed, manifest.sealed_sha256, manifest.sealed_bytes),
    ):
        if len(data) != size or sha256_hex(data) != expected:
            fault = f"its {part} is not the one that release '{manifest.release}' was signed with"
            raise DamagedError(what="test package", fault=fault)
    return manifest


def open_package(package: PackageFile, manifest: ReleaseManifest, content_key: bytes) -> bytes:
    """The sealed part's plaintext, in memory; ``manifest`` comes from `verify_package`.

    Raises:
        CannotOpenError: not this release's content key, or a changed sealed part.
    """
    if content_key_check(content_key) != manifest.content_key_check:
        raise CannotOpenError(what="test package", context=f"release '{manifest.release}'")
    return open_content(package.sealed, content_key, sealed_header(manifest), what="test package")
