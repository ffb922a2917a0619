"""Files between the authority's command and the store: the PCs that need grants, and the grants made for them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from itembank.errors import PackageError
from itembank.keyring import KeyFolder
from itembank.package import open_public
from sync.canonical import Message, canonical_bytes, parse_canonical, parse_model, plain_of
from sync.errors import DamagedError
from sync.keys import BoxPublic
from sync.release import Ed25519Trust, SittingGrants, make_grants
from sync.segment import Hash, Id

LIMIT = 16_000_000
ASK_AGAIN = "Have it written again"


_File = TypeVar("_File", bound=Message)


class DevicesFile(Message):
    """The PCs cleared for a sitting's room, written by the store: X25519 public keys in hexadecimal, and its own."""

    sitting: Id
    store: Hash
    devices: Annotated[dict[Id, Hash], Field(max_length=2000)]


class GrantModel(Message):
    """One PC's grant for one release, in base64."""

    device: Id
    release: Id
    grant: str


class GrantsFile(Message):
    """All grants of a sitting and the store's sealed share, in base64."""

    sitting: Id
    recovery_public: Hash
    store_share: str
    grants: tuple[GrantModel, ...]


def read_devices(path: Path) -> DevicesFile:
    """The PCs that need grants.

    Raises:
        PackageError: the file is missing or damaged.
    """
    return _read(path, DevicesFile)


def grant_sitting(
    keys: KeyFolder, devices: DevicesFile, packages: Sequence[Path], *, now_utc_ms: int, expires_utc_ms: int
) -> SittingGrants:
    """Grants for every PC and package of a sitting.

    Raises:
        PackageError: a package is damaged.
        SyncDataError: a package is not signed with this folder's key, or a public key is none.
        KeyFolderError: a content key is missing.
    """
    signing = keys.signing_key()
    trust = Ed25519Trust(signing.public, {})
    manifests = [open_public(path, trust, now_utc_ms=now_utc_ms).manifest for path in packages]
    return make_grants(
        keys.secrets(devices.sitting),
        [(manifest, keys.content_key(manifest.release)) for manifest in manifests],
        {device: BoxPublic.from_hex(public) for device, public in devices.devices.items()},
        store=BoxPublic.from_hex(devices.store),
        content_key=signing,
        expires_utc_ms=expires_utc_ms,
    )


def write_grants(path: Path, grants: SittingGrants) -> None:
    """Write grants for the store to take in."""
    content = GrantsFile(
        sitting=grants.sitting,
        recovery_public=grants.recovery_public.hex,
        store_share=_base64(grants.store_share),
        grants=tuple(
            GrantModel(device=device, release=release, grant=_base64(data))
            for (device, release), data in sorted(grants.grants.items())
        ),
    )
    path.write_bytes(canonical_bytes(plain_of(content)))


def read_grants(path: Path) -> SittingGrants:
    """Read what `write_grants` wrote; the store verifies every signature in it.

    Raises:
        PackageError: the file is missing or damaged.
    """
    content = _read(path, GrantsFile)
    try:
        return SittingGrants(
            content.sitting,
            BoxPublic.from_hex(content.recovery_public),
            base64.b64decode(content.store_share, validate=True),
            {(each.device, each.release): base64.b64decode(each.grant, validate=True) for each in content.grants},
        )
    except (ValueError, DamagedError) as error:
        raise PackageError(path.name, "it holds something that is not base64 or not a key", ASK_AGAIN) from error


def _read(path: Path, model: type[_File]) -> _File:
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
        return parse_model(model, parse_canonical(data, path.name, limit=LIMIT), path.name)
    except OSError as error:
        raise PackageError(path.name, f"the file cannot be read ({error.strerror})", ASK_AGAIN) from error
    except DamagedError as error:
        raise PackageError(path.name, str(error).removesuffix("."), ASK_AGAIN) from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
