"""Releases and who may open them: manifest, trust, grants and the two shares of the content key (`PROTOCOL.md` §9).

Before a sitting is OPENED nothing on a PC opens its package: the content key is wrapped under
HKDF(device share ‖ release share), and the release share is with the store until then. The authority's own command
makes the grants, so the store never sees a content key or a recovery key.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Protocol

from pydantic import Field, model_validator

from sync.canonical import MAX_INT, Message
from sync.errors import CannotOpenError, DamagedError, ExpiredError, NotForUsError, RollbackError
from sync.keys import (
    KEY_BYTES,
    BoxKey,
    BoxPublic,
    DeviceKeys,
    SigningKey,
    VerifyKey,
    derive_key,
    domain,
    hpke_open,
    hpke_seal,
    random_key,
    sha256_hex,
    unwrap,
    wrap,
)
from sync.segment import Count, Hash, Id, Recipient, results_recipients
from sync.signed import open_message, sign_message

MANIFEST: Final = "release-manifest"
GRANT: Final = "grant"
STORE_SHARE: Final = "store-share"
DEVICE_SHARE: Final = "device-share"
LENT_SHARE: Final = "lent-share"
_AUTHORITY: Final = "the authority's content key"
_MAX_BYTES: Final = 65_536

Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=4096)]


# --- manifest and trust -----------------------------------------------------------------------------------------------


class Custodians(Message):
    """Whose keys open the answers: ``needed`` of the X25519 public keys (hexadecimal) together."""

    needed: Annotated[int, Field(ge=1, le=9)]
    keys: Annotated[tuple[Hash, ...], Field(min_length=1, max_length=9)]

    @model_validator(mode="after")
    def _enough_keys(self) -> Custodians:
        if self.needed > len(self.keys) or len(set(self.keys)) != len(self.keys):
            raise ValueError
        return self

    def recipients(self) -> tuple[Recipient, ...]:
        """The recipients to whom a journal's stream keys are sealed."""
        return results_recipients([BoxPublic.from_hex(key) for key in self.keys], self.needed)


class ReleaseManifest(Message):
    """What a test package is. ``series`` goes through its versions; ``release`` names one of them.

    ``content_key_check`` is `content_key_check` of the content key, so that a wrong one is told before it is used.
    """

    format: Literal[1] = 1
    release: Id
    series: Id
    version: Annotated[int, Field(ge=1, le=MAX_INT)]
    programme: Id
    programme_version: Count
    is_demo: bool
    public_sha256: Hash
    public_bytes: Count
    sealed_sha256: Hash
    sealed_bytes: Count
    content_key_check: Hash
    results: Custodians
    made_utc_ms: Count
    expires_utc_ms: Count

    @model_validator(mode="after")
    def _one_custodian_only_in_a_demo(self) -> ReleaseManifest:
        if self.results.needed == 1 and not self.is_demo:
            raise ValueError
        return self


class Trust(Protocol):
    """Decides which releases count: `Ed25519Trust` by who signed, `sync.metadata.MetadataTrust` by the list besides."""

    def verify(self, data: bytes, *, now_utc_ms: int) -> ReleaseManifest:
        """The manifest, when it is genuine, in time and not older than one accepted before.

        Raises:
            DamagedError, WrongSignatureError, ExpiredError, RollbackError: it is not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ed25519Trust:
    """One content signing key. ``high_water``: the highest version accepted of each series, kept by the caller."""

    content_key: VerifyKey
    high_water: Mapping[str, int]

    def verify(self, data: bytes, *, now_utc_ms: int) -> ReleaseManifest:
        """See `Trust.verify`."""
        manifest = open_message(MANIFEST, ReleaseManifest, data, self.content_key, signer=_AUTHORITY, limit=_MAX_BYTES)
        if now_utc_ms > manifest.expires_utc_ms:
            raise ExpiredError(
                what="release", name=manifest.release, valid_to_utc_ms=manifest.expires_utc_ms, now_utc_ms=now_utc_ms
            )
        seen = self.high_water.get(manifest.series, 0)
        if manifest.version < seen:
            raise RollbackError(what="release", name=manifest.release, version=manifest.version, seen=seen)
        return manifest

    def having_seen(self, manifest: ReleaseManifest) -> Ed25519Trust:
        """The trust after accepting a manifest; its ``high_water`` is what the caller keeps."""
        seen = max(self.high_water.get(manifest.series, 0), manifest.version)
        return Ed25519Trust(self.content_key, {**self.high_water, manifest.series: seen})


def sign_manifest(manifest: ReleaseManifest, content_key: SigningKey) -> bytes:
    """The manifest as it stands in a package."""
    return sign_message(MANIFEST, manifest, content_key)


def content_key_check(content_key: bytes) -> str:
    """What a manifest says of its content key: a hash that tells nothing about 256 random bits."""
    return sha256_hex(domain("content-key-check") + content_key)


# --- the sitting's secrets and grants ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SittingSecrets:
    """What the authority makes for a sitting and keeps until CLOSED: the release share and the recovery key pair."""

    sitting: str
    release_share: bytes
    recovery: BoxKey

    @classmethod
    def create(cls, sitting: str) -> SittingSecrets:
        """Fresh secrets."""
        return cls(sitting, random_key(), BoxKey.create())


class Grant(Message):
    """One device's way to one release in one sitting; opens nothing without the release share."""

    format: Literal[1] = 1
    sitting: Id
    device: Id
    release: Id
    device_share: Base64
    content_key: Base64
    recovery_key: Base64
    recovery_public: Hash
    share_check: Hash
    expires_utc_ms: Count


class _StoreShare(Message):
    format: Literal[1] = 1
    sitting: Id
    sealed: Base64


class _DeviceShare(Message):
    format: Literal[1] = 1
    sitting: Id
    device: Id
    sealed: Base64


@dataclass(frozen=True, slots=True)
class SittingGrants:
    """What the authority's command hands to the store: its sealed share, and a grant for each PC and release."""

    sitting: str
    recovery_public: BoxPublic
    store_share: bytes
    grants: Mapping[tuple[str, str], bytes]


@dataclass(frozen=True, slots=True)
class GrantedKeys:
    """What an opened grant gives. Kept in memory only."""

    content_key: bytes
    recovery: BoxKey


def make_grants(
    secrets: SittingSecrets,
    releases: Sequence[tuple[ReleaseManifest, bytes]],
    devices: Mapping[str, BoxPublic],
    *,
    store: BoxPublic,
    content_key: SigningKey,
    expires_utc_ms: int,
) -> SittingGrants:
    """Grants for every device (id → X25519 key) and every (manifest, content key); the store's share beside.

    Run again with the same secrets for PCs cleared later.

    Raises:
        CannotOpenError: a content key does not belong to its manifest.
    """
    grants: dict[tuple[str, str], bytes] = {}
    for manifest, key in releases:
        if content_key_check(key) != manifest.content_key_check:
            raise CannotOpenError(what="content key", context=f"release '{manifest.release}'")
        for device, public in devices.items():
            grant = _make_grant(secrets, manifest.release, key, device, public, expires_utc_ms)
            grants[device, manifest.release] = sign_message(GRANT, grant, content_key)
    sealed = hpke_seal(store, secrets.release_share, STORE_SHARE, {"sitting": secrets.sitting})
    share = _StoreShare(sitting=secrets.sitting, sealed=_base64(sealed))
    signed = sign_message(STORE_SHARE, share, content_key)
    return SittingGrants(secrets.sitting, secrets.recovery.public, signed, grants)


def open_grant(
    data: bytes,
    *,
    sitting: str,
    device: str,
    release: str,
    keys: DeviceKeys,
    release_share: bytes,
    content_key: VerifyKey,
    now_utc_ms: int,
) -> GrantedKeys:
    """The content key and the recovery key, on the PC, after OPENED.

    Order of checks: size, form, signature, fields, sitting, device, release, time, share, device share, keys.

    Raises:
        DamagedError, WrongSignatureError: not a grant of the authority.
        NotForUsError: for another sitting, device or release.
        ExpiredError: its time is over.
        CannotOpenError: the release share or this device's key does not fit.
    """
    grant = verify_grant(data, content_key)
    for field, expected, found in (
        ("sitting", sitting, grant.sitting),
        ("device", device, grant.device),
        ("release", release, grant.release),
    ):
        if expected != found:
            raise NotForUsError(what=GRANT, field=field, expected=expected, found=found)
    if now_utc_ms > grant.expires_utc_ms:
        raise ExpiredError(what=GRANT, name=sitting, valid_to_utc_ms=grant.expires_utc_ms, now_utc_ms=now_utc_ms)
    if share_check(sitting, release_share) != grant.share_check:
        raise CannotOpenError(what=GRANT, context=f"sitting '{sitting}'")
    context = _grant_context(sitting, release, device)
    share = hpke_open(keys.box, _unbase64(grant.device_share, GRANT), "device-half", context, what=GRANT)
    content = unwrap(
        derive_key(share + release_share, "content-key", context),
        _unbase64(grant.content_key, GRANT),
        "content-key",
        context,
        what="content key",
    )
    recovery = unwrap(
        derive_key(share + release_share, "recovery-key", context),
        _unbase64(grant.recovery_key, GRANT),
        "recovery-key",
        context,
        what="recovery key",
    )
    opened = BoxKey(recovery)
    if opened.public.hex != grant.recovery_public:
        raise CannotOpenError(what="recovery key", context=f"sitting '{sitting}'")
    return GrantedKeys(content, opened)


def verify_grant(data: bytes, content_key: VerifyKey) -> Grant:
    """A grant of the authority, unopened: for the recovery public key, which a PC takes from here and nowhere else.

    Raises:
        DamagedError, WrongSignatureError: it is none.
    """
    return open_message(GRANT, Grant, data, content_key, signer=_AUTHORITY, limit=_MAX_BYTES)


# --- the release share's way ------------------------------------------------------------------------------------------


def open_store_share(data: bytes, *, sitting: str, box: BoxKey, content_key: VerifyKey) -> bytes:
    """The release share, in the store, at OPENED.

    Raises:
        DamagedError, WrongSignatureError: not a share of the authority.
        NotForUsError: of another sitting.
        CannotOpenError: sealed to another store.
    """
    share = open_message(STORE_SHARE, _StoreShare, data, content_key, signer=_AUTHORITY, limit=_MAX_BYTES)
    if share.sitting != sitting:
        raise NotForUsError(what="release share", field="sitting", expected=sitting, found=share.sitting)
    sealed = _unbase64(share.sealed, "release share")
    return _share(hpke_open(box, sealed, STORE_SHARE, {"sitting": sitting}, what="release share"))


def reseal_share(release_share: bytes, *, sitting: str, relay: BoxPublic, ticket_key: SigningKey) -> bytes:
    """The release share for a relay: sealed to its box key and signed by the central store's ticket key.

    The authority's word stays the last: every grant names the hash of its share (`share_check`).
    """
    sealed = hpke_seal(relay, release_share, LENT_SHARE, {"sitting": sitting})
    return sign_message(LENT_SHARE, _StoreShare(sitting=sitting, sealed=_base64(sealed)), ticket_key)


def open_lent_share(data: bytes, *, sitting: str, box: BoxKey, ticket_key: VerifyKey) -> bytes:
    """The release share, in a relay.

    Raises:
        DamagedError, WrongSignatureError: not a share of that central store.
        NotForUsError: of another sitting.
        CannotOpenError: sealed to another relay.
    """
    share = open_message(
        LENT_SHARE, _StoreShare, data, ticket_key, signer="the central store's ticket key", limit=_MAX_BYTES
    )
    if share.sitting != sitting:
        raise NotForUsError(what="release share", field="sitting", expected=sitting, found=share.sitting)
    sealed = _unbase64(share.sealed, "release share")
    return _share(hpke_open(box, sealed, LENT_SHARE, {"sitting": sitting}, what="release share"))


def seal_device_share(
    release_share: bytes, *, sitting: str, device: str, public: BoxPublic, ticket_key: SigningKey
) -> bytes:
    """The release share for one device: sealed to it and signed by the store's ticket key."""
    sealed = hpke_seal(public, release_share, DEVICE_SHARE, {"device": device, "sitting": sitting})
    return sign_message(DEVICE_SHARE, _DeviceShare(sitting=sitting, device=device, sealed=_base64(sealed)), ticket_key)


def open_device_share(data: bytes, *, sitting: str, device: str, box: BoxKey, ticket_key: VerifyKey) -> bytes:
    """The release share, on the PC. ``data`` may lie on the disk as it came until CLOSED, then it is wiped.

    Raises:
        DamagedError, WrongSignatureError: not a share of this store.
        NotForUsError: for another sitting or device.
        CannotOpenError: sealed to another key.
    """
    share = open_message(
        DEVICE_SHARE, _DeviceShare, data, ticket_key, signer="the store's ticket key", limit=_MAX_BYTES
    )
    if share.sitting != sitting:
        raise NotForUsError(what="release share", field="sitting", expected=sitting, found=share.sitting)
    if share.device != device:
        raise NotForUsError(what="release share", field="device", expected=device, found=share.device)
    sealed = _unbase64(share.sealed, "release share")
    context = {"device": device, "sitting": sitting}
    return _share(hpke_open(box, sealed, DEVICE_SHARE, context, what="release share"))


def share_check(sitting: str, release_share: bytes) -> str:
    """A hash by which a grant knows its release share; it tells nothing about 256 random bits."""
    return sha256_hex(domain("share-check") + sitting.encode() + b"\0" + release_share)


def _make_grant(
    secrets: SittingSecrets, release: str, key: bytes, device: str, public: BoxPublic, expires_utc_ms: int
) -> Grant:
    context = _grant_context(secrets.sitting, release, device)
    half = random_key()
    both = half + secrets.release_share
    return Grant(
        sitting=secrets.sitting,
        device=device,
        release=release,
        device_share=_base64(hpke_seal(public, half, "device-half", context)),
        content_key=_base64(wrap(derive_key(both, "content-key", context), key, "content-key", context)),
        recovery_key=_base64(
            wrap(derive_key(both, "recovery-key", context), secrets.recovery.raw, "recovery-key", context)
        ),
        recovery_public=secrets.recovery.public.hex,
        share_check=share_check(secrets.sitting, secrets.release_share),
        expires_utc_ms=expires_utc_ms,
    )


def _grant_context(sitting: str, release: str, device: str) -> dict[str, str]:
    return {"device": device, "release": release, "sitting": sitting}


def _share(raw: bytes) -> bytes:
    if len(raw) != KEY_BYTES:
        raise DamagedError(what="release share", fault=f"{len(raw)} bytes instead of {KEY_BYTES}")
    return raw


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unbase64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise DamagedError(what=what, fault="it is not base64") from error
    if _base64(data) != text:
        raise DamagedError(what=what, fault="it is base64, but not in canonical form")
    return data
