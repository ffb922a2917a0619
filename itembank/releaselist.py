"""The authority's list of current releases (The Update Framework): made, renewed, and its keys changed. All offline.

    roles/root-1.key  .pub      one pair for each holder; the private halves go to the holders and leave the folder
    metadata/1.root.json …      the list itself, all of it public: what stores, relays and PCs are given

Who signs what: **root** names everyone's keys and how many are needed; **targets** names the releases; **snapshot** and
**timestamp** say which list is the newest. All four are the authority's. No store signs anything here, so a store under
foreign control can withhold a newer list until the old one has run out, and nothing else.
"""

# pyright: reportPrivateImportUsage=false
# `tuf.api.metadata` is where tuf's documentation says to import these from.

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from itembank.errors import ReleaseListError
from itembank.keyring import read_hex_key, write_key
from sync.canonical import plain_of
from sync.keys import random_key
from sync.metadata import SUFFIX, CurrentRelease, fingerprint

RoleName: TypeAlias = Literal["root", "targets", "snapshot", "timestamp"]
ROLES: Final[tuple[RoleName, ...]] = ("root", "targets", "snapshot", "timestamp")
DAYS: Final[Mapping[RoleName, int]] = {"root": 365, "targets": 180, "snapshot": 14, "timestamp": 14}
"""How long each is good. Fourteen days, as a sitting's grants: so long a PC may be without a network before an exam,
and so long at most can somebody who holds a newer list back keep PCs on the old one."""

_NUMBERED: Final = re.compile(r"(\d+)\.(root|targets|snapshot)\.json")
_SERIALIZER: Final = JSONSerializer(compact=False)


@dataclass(frozen=True, slots=True)
class Holders:
    """How many keys a role has, and how many of them sign together.

    Raises:
        ReleaseListError: more are needed than there are, or none.
    """

    keys: int = 1
    needed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.keys:
            fault = f"{self.needed} of {self.keys} keys cannot sign together"
            raise ReleaseListError("keys", fault, "Give one or more, and no more than there are")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a role is: how many of how many keys, its version, and when it runs out (UTC milliseconds)."""

    role: RoleName
    needed: int
    key_ids: tuple[str, ...]
    version: int
    expires_utc_ms: int


@dataclass(frozen=True, slots=True)
class ReleaseList:
    """The list in an authority's folder. ``key_files``: private role keys that lie elsewhere, on their holders' sticks.

    Every method that signs raises `ReleaseListError` when too few keys are there, and then nothing was changed.
    """

    folder: Path
    key_files: Sequence[Path] = field(default=())

    # --- made once ----------------------------------------------------------------------------------------------------

    def create(self, root: Holders, targets: Holders, *, now_utc_ms: int) -> None:
        """Make every role's keys and an empty list.

        Raises:
            KeyFolderError: there are keys already.
        """
        wanted = {"root": root, "targets": targets, "snapshot": Holders(), "timestamp": Holders()}
        signed = Root(version=1, expires=_expiry("root", now_utc_ms), consistent_snapshot=True)
        for role in ROLES:
            for number in range(1, wanted[role].keys + 1):
                signed.add_key(_public(self._new_key(role, number)), role)
            signed.roles[role].threshold = wanted[role].needed
        files = self._signed_root(signed, before=None)
        self._write(files | self._following(signed, Targets(expires=_expiry("targets", now_utc_ms)), 1, 1, now_utc_ms))

    # --- releases -----------------------------------------------------------------------------------------------------

    def require_keys(self) -> None:
        """Refuse before anything is made what `add` would refuse for want of keys.

        Raises:
            ReleaseListError: too few keys are here.
        """
        root = self._root()
        for role in ("targets", "snapshot", "timestamp"):
            self._present(role, root)

    def add(self, releases: Iterable[CurrentRelease], *, keep_older: bool = False, now_utc_ms: int) -> tuple[str, ...]:
        """Put releases on the list; older versions of their series go off it, unless ``keep_older``. What went off.

        Raises:
            ReleaseListError: a release of this name is on the list with another package, or too few keys are here.
        """
        targets = self._targets()
        taken_off: set[str] = set()
        for each in releases:
            path = f"{each.release}{SUFFIX}"
            known = targets.targets.get(path)
            made = TargetFile(each.length, {"sha256": each.sha256}, path, {"custom": plain_of(each.listed)})
            if known is not None and known != made:
                raise ReleaseListError(
                    self._metadata, f"'{each.release}' is on the list with another package", "Raise its version"
                )
            if not keep_older:
                taken_off |= {other for other, target in targets.targets.items() if _is_older(target, each)}
            targets.targets[path] = made
        for path in taken_off:
            del targets.targets[path]
        self._publish(targets, now_utc_ms)
        return tuple(sorted(path.removesuffix(SUFFIX) for path in taken_off))

    def withdraw(self, release: str, *, now_utc_ms: int) -> None:
        """Take a release off the list: PCs that have seen the new list open it no more.

        Raises:
            ReleaseListError: it is not on the list, or too few keys are here.
        """
        targets = self._targets()
        if targets.targets.pop(f"{release}{SUFFIX}", None) is None:
            raise ReleaseListError(self._metadata, f"'{release}' is not on the list", "See 'bank metadata show'")
        self._publish(targets, now_utc_ms)

    def releases(self) -> tuple[str, ...]:
        """The releases on the list."""
        return tuple(sorted(path.removesuffix(SUFFIX) for path in self._targets().targets))

    # --- time and keys ------------------------------------------------------------------------------------------------

    def renew(self, *roles: RoleName, now_utc_ms: int) -> None:
        """Say again that the list is the newest, and sign the named roles anew, for their whole time from now on.

        Raises:
            ReleaseListError: too few keys are here.
        """
        files: dict[str, bytes] = {}
        root, targets = self._root(), None
        if "root" in roles:
            root = self._next_root(now_utc_ms)
            files |= self._signed_root(root, before=self._root())
        if "targets" in roles:
            targets = self._targets()
        self._write(files | self._renewed(root, targets, now_utc_ms))

    def replace_key(self, role: RoleName, key_id: str, *, now_utc_ms: int) -> Path:
        """Take a key from a role and give it a fresh one; where the fresh one's private half stands.

        What the old key alone has signed counts no more once a PC has seen the new root. Losing fewer keys than are
        needed together is mended so, with the keys that are left.

        Raises:
            ReleaseListError: the role has no such key, or too few keys are here.
        """
        before, root = self._root(), self._next_root(now_utc_ms)
        found = [each for each in root.roles[role].keyids if each.startswith(key_id)]
        if len(found) != 1:
            raise ReleaseListError(self._metadata, f"role {role} has no one key '{key_id}'", "See 'bank metadata show'")
        numbers = [int(path.stem.split("-")[1]) for path in self._roles.glob(f"{role}-*.pub")]
        path = self._new_key(role, max(numbers, default=0) + 1)
        try:
            root.revoke_key(found[0], role)
            root.add_key(_public(path), role)
            # Whatever the old key had signed is signed anew, so that nothing hangs on it any more.
            targets = self._targets() if role == "targets" else None
            files = self._signed_root(root, before=before)
            self._write(files | self._renewed(root, targets, now_utc_ms))
        except ReleaseListError:
            path.unlink()
            path.with_suffix(".pub").unlink()
            raise
        return path

    def standing(self) -> tuple[Standing, ...]:
        """Every role as it is now."""
        root = self._root()
        held: dict[RoleName, Root | Targets | Snapshot | Timestamp] = {
            "root": root,
            "targets": self._targets(),
            "snapshot": self._snapshot(),
            "timestamp": self._timestamp(),
        }
        return tuple(
            Standing(
                role,
                root.roles[role].threshold,
                tuple(root.roles[role].keyids),
                signed.version,
                int(signed.expires.timestamp() * 1000),
            )
            for role, signed in held.items()
        )

    def files(self) -> dict[str, bytes]:
        """All files of the list by name: what goes to stores, relays and sticks.

        Raises:
            ReleaseListError: there is none here.
        """
        if not (self._metadata / "timestamp.json").exists():
            raise ReleaseListError(self._metadata, "there is no list of releases", "Make one with 'bank keys init'")
        return {path.name: path.read_bytes() for path in sorted(self._metadata.glob("*.json"))}

    @property
    def first_root(self) -> Path:
        """The root file that PCs and stores are given by hand."""
        return self._metadata / "1.root.json"

    @property
    def root_fingerprint(self) -> str:
        """The SHA-256 of that file, to be compared by people."""
        return fingerprint(self.first_root.read_bytes())

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _metadata(self) -> Path:
        return self.folder / "metadata"

    @property
    def _roles(self) -> Path:
        return self.folder / "roles"

    def _new_key(self, role: RoleName, number: int) -> Path:
        raw = random_key()
        path = write_key(self._roles / f"{role}-{number}.key", raw.hex(), mode=0o600)
        public = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
        write_key(path.with_suffix(".pub"), public.hex(), mode=0o644)
        return path

    def _signers(self) -> dict[str, CryptoSigner]:
        """By key id, everyone whose private half is here or on a named stick."""
        found: dict[str, CryptoSigner] = {}
        for path in (*sorted(self._roles.glob("*.key")), *self.key_files):
            signer = CryptoSigner(Ed25519PrivateKey.from_private_bytes(read_hex_key(path)))
            found[signer.public_key.keyid] = signer
        return found

    def _sign(self, metadata: Metadata[Any], role: RoleName, *roots: Root) -> bytes:
        """A file signed by all keys that are here and that one of the roots lets sign for the role."""
        for root in roots:
            for signer in self._present(role, root):
                metadata.sign(signer, append=True)
        return metadata.to_bytes(_SERIALIZER)

    def _present(self, role: RoleName, root: Root) -> list[CryptoSigner]:
        signers = self._signers()
        here = [signers[key] for key in root.roles[role].keyids if key in signers]
        if len(here) < root.roles[role].threshold:
            fault = f"{root.roles[role].threshold} keys of role {role} must sign, and {len(here)} are here"
            raise ReleaseListError(self._metadata, fault, "Name the others' files with --key")
        return here

    def _signed_root(self, root: Root, before: Root | None) -> dict[str, bytes]:
        """A root is signed by its own holders and by those of the root before it."""
        data = self._sign(Metadata(root), "root", root, *(() if before is None else (before,)))
        return {f"{root.version}.root.json": data}

    def _renewed(self, root: Root, targets: Targets | None, now_utc_ms: int) -> dict[str, bytes]:
        snapshot, timestamp = self._snapshot().version + 1, self._timestamp().version + 1
        if targets is None:
            held = self._targets()
            data = self._path("targets", held.version).read_bytes()
            return self._announced(
                root, MetaFile.from_data(held.version, data, ["sha256"]), snapshot, timestamp, now_utc_ms
            )
        targets.version, targets.expires = targets.version + 1, _expiry("targets", now_utc_ms)
        return self._following(root, targets, snapshot, timestamp, now_utc_ms)

    def _publish(self, targets: Targets, now_utc_ms: int) -> None:
        self._write(self._renewed(self._root(), targets, now_utc_ms))

    def _following(
        self, root: Root, targets: Targets, snapshot: int, timestamp: int, now_utc_ms: int
    ) -> dict[str, bytes]:
        data = self._sign(Metadata(targets), "targets", root)
        announced = MetaFile.from_data(targets.version, data, ["sha256"])
        files = self._announced(root, announced, snapshot, timestamp, now_utc_ms)
        return {f"{targets.version}.targets.json": data, **files}

    def _announced(
        self, root: Root, targets: MetaFile, snapshot: int, timestamp: int, now_utc_ms: int
    ) -> dict[str, bytes]:
        """Snapshot and time stamp, which name length and hash of what they announce: not a blank may be changed."""
        newest = Snapshot(version=snapshot, expires=_expiry("snapshot", now_utc_ms), meta={"targets.json": targets})
        data = self._sign(Metadata(newest), "snapshot", root)
        announced = MetaFile.from_data(snapshot, data, ["sha256"])
        stamp = Timestamp(version=timestamp, expires=_expiry("timestamp", now_utc_ms), snapshot_meta=announced)
        return {f"{snapshot}.snapshot.json": data, "timestamp.json": self._sign(Metadata(stamp), "timestamp", root)}

    def _next_root(self, now_utc_ms: int) -> Root:
        root = self._root()
        root.version, root.expires = root.version + 1, _expiry("root", now_utc_ms)
        return root

    def _root(self) -> Root:
        return self._read("root", Metadata[Root].from_bytes).signed

    def _targets(self) -> Targets:
        return self._read("targets", Metadata[Targets].from_bytes).signed

    def _snapshot(self) -> Snapshot:
        return self._read("snapshot", Metadata[Snapshot].from_bytes).signed

    def _timestamp(self) -> Timestamp:
        return self._read("timestamp", Metadata[Timestamp].from_bytes).signed

    def _read(self, role: RoleName, reader: Callable[[bytes], Any]) -> Any:  # noqa: ANN401 - as the reader
        names = [path.name for path in self._metadata.glob("*.json")]
        versions = [int(found[1]) for name in names if (found := _NUMBERED.fullmatch(name)) and found[2] == role]
        path = self._path(role, max(versions, default=1))
        try:
            return reader(path.read_bytes())
        except (RepositoryError, OSError) as error:
            remedy = "Make a list with 'bank keys init', or restore it from the backup"
            raise ReleaseListError(path, "it cannot be read", remedy) from error

    def _path(self, role: RoleName, version: int) -> Path:
        return self._metadata / ("timestamp.json" if role == "timestamp" else f"{version}.{role}.json")

    def _write(self, files: Mapping[str, bytes]) -> None:
        """Write a new state; the time stamp, which announces the rest, last."""
        self._metadata.mkdir(parents=True, exist_ok=True)
        for name in sorted(files, key=lambda name: name == "timestamp.json"):
            new = self._metadata / f"{name}.new"
            with new.open("wb") as file:
                file.write(files[name])
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._metadata / name)


def _is_older(target: TargetFile, than: CurrentRelease) -> bool:
    custom: dict[str, Any] = target.custom or {}
    return custom.get("series") == than.listed.series and int(custom.get("version", 0)) < than.listed.version


def _public(path: Path) -> SSlibKey:
    return SSlibKey.from_crypto(Ed25519PrivateKey.from_private_bytes(read_hex_key(path)).public_key())


def _expiry(role: RoleName, now_utc_ms: int) -> dt.datetime:
    """To whole seconds, as the format has it."""
    return dt.datetime.fromtimestamp(now_utc_ms // 1000, dt.UTC) + dt.timedelta(days=DAYS[role])
