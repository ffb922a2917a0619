"""Changed repositories: every way we know to offer a PC a list that the authority does not stand for.

Each maker takes a `Scene` and gives an `Offer`. What a maker signs with is what somebody could have: keys of their own,
one key of two needed, keys of another role, keys that were revoked. What two right keys sign is genuine, not here.
"""

# pyright: reportPrivateImportUsage=false
# `tuf.api.metadata` is where tuf's documentation says to import these from.

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from sync.metadata import MAX_METADATA_BYTES
from tests.sync.authority import DAY_MS, Authority, Files, newest, signed, stranger
from tests.sync.examples import NOW

EVIL_NAME: Final = "norskprove.v9"


@dataclass(frozen=True)
class Scene:
    """What there is to forge from. ``old`` is what the PC has; ``new`` is genuine, newer, and not here yet.

    ``rotated`` is newer still, with a root that revoked one targets key (``revoked``); ``recovered`` is what the
    authority gives out when keys of snapshot and timestamp were stolen: with fresh ones. ``other`` is another's.
    """

    authority: Authority
    old: Files
    new: Files
    rotated: Files
    recovered: Files
    revoked: CryptoSigner
    other: Files
    chance: Random


@dataclass(frozen=True)
class Offer:
    """Files, the time at which they are offered, and what the PC has taken already.

    ``has_stolen``: true keys of snapshot or timestamp signed, so that only fresh ones can lead PCs back.
    """

    files: Files
    now_ms: int = NOW + 3_600_000
    after_rotation: bool = False
    after_new: bool = False
    has_stolen: bool = False


Maker = Callable[[Scene], Offer]
CHAIN: Final = ("timestamp", "snapshot", "targets")


def evil_target(targets: Targets) -> Targets:
    """A release that the authority never made."""
    made = dict(targets.targets)
    path, genuine = next(iter(made.items()))
    made[f"{EVIL_NAME}.provrom"] = TargetFile(
        4, {"sha256": "ab" * 32}, f"{EVIL_NAME}.provrom", genuine.unrecognized_fields
    )
    del made[path]
    targets.targets = made
    return targets


def _pick(scene: Scene, *roles: str) -> str:
    return newest(scene.new, scene.chance.choice(roles or CHAIN))


def _with(files: Files, **changed: Any) -> Offer:
    return Offer({**files, **{name.replace("__", "."): data for name, data in changed.items()}})


def _changed(scene: Scene, name: str, data: bytes) -> Offer:
    return Offer({**scene.new, name: data})


# --- bytes ------------------------------------------------------------------------------------------------------------


def bit_flipped(scene: Scene) -> Offer:
    """Any bit but the one that only makes a letter large: in a signature's digits that says the same."""
    name = _pick(scene)
    data = bytearray(scene.new[name])
    data[scene.chance.randrange(len(data))] ^= scene.chance.choice((1, 2, 4, 8, 16, 64, 128))
    return _changed(scene, name, bytes(data))


def root_bit_flipped(scene: Scene) -> Offer:
    name = newest(scene.rotated, "root")
    data = bytearray(scene.rotated[name])
    data[scene.chance.randrange(len(data))] ^= scene.chance.choice((1, 2, 4, 8, 16, 64, 128))
    return Offer({**scene.rotated, name: bytes(data)})


def cut_short(scene: Scene) -> Offer:
    name = _pick(scene)
    return _changed(scene, name, scene.new[name][: scene.chance.randrange(len(scene.new[name]) - 1)])


def lengthened(scene: Scene) -> Offer:
    name = _pick(scene, "snapshot", "targets")
    return _changed(scene, name, scene.new[name] + scene.chance.choice((b" ", b"{}", b"\0" * 100, b"\xff")))


def endless(scene: Scene) -> Offer:
    """More than is ever read; blanks, which would not make JSON wrong."""
    name = _pick(scene)
    return _changed(scene, name, scene.new[name] + b" " * (MAX_METADATA_BYTES + 1))


def endless_root(scene: Scene) -> Offer:
    return _with(scene.new, **{"2__root__json": b" " * (MAX_METADATA_BYTES + 1)})


def missing(scene: Scene) -> Offer:
    name = _pick(scene)
    return Offer({each: data for each, data in scene.new.items() if each != name})


def rubbish(scene: Scene) -> Offer:
    made = (
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"signed":' * 9_000,
        b"1e999",
        b"0" * 9_000,
        b'{"signed":{},"signatures":[]}',
    )
    return _changed(scene, _pick(scene), scene.chance.choice(made))


def other_role(scene: Scene) -> Offer:
    """One genuine file under the name of another."""
    name = _pick(scene)
    return _changed(
        scene,
        name,
        scene.new[
            newest(scene.new, scene.chance.choice([r for r in (*CHAIN, "root") if newest(scene.new, r) != name]))
        ],
    )


# --- signatures -------------------------------------------------------------------------------------------------------


def _raw(data: bytes, change: Callable[[list[dict[str, str]]], object]) -> bytes:
    plain = json.loads(data)
    change(plain["signatures"])
    return json.dumps(plain).encode()


def signature_dropped(scene: Scene) -> Offer:
    name = _pick(scene)
    return _changed(scene, name, _raw(scene.new[name], lambda each: each.pop(scene.chance.randrange(len(each)))))


def signature_doubled(scene: Scene) -> Offer:
    """One key's signature twice, where two keys are needed."""
    name = newest(scene.new, "targets")

    def change(signatures: list[dict[str, str]]) -> None:
        signatures[:] = [signatures[0]] * 2

    return _changed(scene, name, _raw(scene.new[name], change))


def signature_under_two_ids(scene: Scene) -> Offer:
    """One key's signature under its own id and another's."""
    name = newest(scene.new, "targets")

    def change(signatures: list[dict[str, str]]) -> None:
        signatures[1]["sig"] = signatures[0]["sig"]

    return _changed(scene, name, _raw(scene.new[name], change))


def signatures_swapped(scene: Scene) -> Offer:
    """Genuine signatures, of another file."""
    name, other = _pick(scene), newest(scene.old, scene.chance.choice(CHAIN))
    plain, foreign = json.loads(scene.new[name]), json.loads(scene.old[other])
    return _changed(scene, name, json.dumps({**plain, "signatures": foreign["signatures"]}).encode())


# --- forged files -----------------------------------------------------------------------------------------------------


def forged(scene: Scene, signers: dict[str, list[CryptoSigner]], files: Files | None = None) -> Files:
    """A whole chain with an evil release, each role signed by whom is given."""
    base = dict(scene.new if files is None else files)
    targets = Metadata[Targets].from_bytes(base[newest(base, "targets")])
    targets.signed.version += 1
    evil_target(targets.signed)
    base[f"{targets.signed.version}.targets.json"] = signed(targets, signers["targets"])
    snapshot = Metadata[Snapshot].from_bytes(base[newest(base, "snapshot")])
    snapshot.signed.version += 1
    snapshot.signed.meta["targets.json"] = MetaFile(targets.signed.version)
    data = signed(snapshot, signers["snapshot"])
    base[f"{snapshot.signed.version}.snapshot.json"] = data
    timestamp = Metadata[Timestamp].from_bytes(base["timestamp.json"])
    timestamp.signed.version += 1
    timestamp.signed.snapshot_meta = MetaFile.from_data(snapshot.signed.version, data, ["sha256"])
    base["timestamp.json"] = signed(timestamp, signers["timestamp"])
    return base


def real(scene: Scene, *roles: str) -> dict[str, list[CryptoSigner]]:
    return {role: scene.authority.signers(role) for role in roles}


def _own(*roles: str) -> dict[str, list[CryptoSigner]]:
    return {role: [stranger(f"{role} 1"), stranger(f"{role} 2")] for role in roles}


def strangers_list(scene: Scene) -> Offer:
    """All signed by keys of nobody; of the roles that one key signs, perhaps by the true ones, which were stolen."""
    stolen = scene.chance.choice(((), ("timestamp",), ("snapshot",), ("timestamp", "snapshot")))
    return Offer(forged(scene, {**_own(*CHAIN), **real(scene, *stolen)}), has_stolen=True)


def one_stolen_key(scene: Scene) -> Offer:
    """One of the two targets keys that are needed, with all of snapshot's and timestamp's."""
    key = scene.chance.choice(scene.authority.signers("targets"))
    others = scene.chance.choice(([], [stranger("targets 1")], scene.authority.signers("snapshot")))
    return Offer(forged(scene, {**real(scene, "snapshot", "timestamp"), "targets": [key, *others]}), has_stolen=True)


def keys_of_another_role(scene: Scene) -> Offer:
    """Enough keys, all of them on the root, for something else."""
    wrong = [
        *scene.authority.signers("root"),
        *scene.authority.signers("snapshot"),
        *scene.authority.signers("timestamp"),
    ]
    return Offer(forged(scene, {**real(scene, "snapshot", "timestamp"), "targets": wrong}), has_stolen=True)


def timestamp_of_another_role(scene: Scene) -> Offer:
    role = scene.chance.choice(("snapshot", "targets", "root"))
    keys = {**real(scene, "targets", "snapshot"), "timestamp": scene.authority.signers(role)}
    return Offer(forged(scene, keys))


def revoked_key(scene: Scene) -> Offer:
    """A key that the newest root took away, with one that is left."""
    left = scene.chance.choice([key for key in scene.authority.signers("targets") if _is_on(scene.rotated, key)])
    keys = {**real(scene, "snapshot", "timestamp"), "targets": [scene.revoked, left]}
    return Offer(forged(scene, keys, scene.rotated), after_rotation=scene.chance.random() < 0.5, has_stolen=True)


def _is_on(files: Files, key: CryptoSigner) -> bool:
    return key.public_key.keyid in Metadata[Root].from_bytes(files[newest(files, "root")]).signed.keys


# --- roots ------------------------------------------------------------------------------------------------------------


def _forged_root(scene: Scene, change: Callable[[Root], object], signers: list[CryptoSigner]) -> Offer:
    """A second root that hands everything to strangers, with their whole list."""
    root = Metadata[Root].from_bytes(scene.new["1.root.json"])
    root.signed.version = 2
    change(root.signed)
    files = forged(scene, _own(*CHAIN))
    return Offer({**files, "2.root.json": signed(root, signers)})


def _hand_over(root: Root, *, threshold: int = 1, roles: tuple[str, ...] = (*CHAIN, "root")) -> None:
    for role in roles:
        for key in list(root.roles[role].keyids):
            root.revoke_key(key, role)
        for key in _own(role)[role]:
            root.add_key(key.public_key, role)
        root.roles[role].threshold = threshold


def root_of_strangers(scene: Scene) -> Offer:
    signers = [
        *_own("root")["root"],
        *scene.chance.choice(([], scene.authority.signers("root")[:1], scene.authority.signers("targets"))),
    ]
    return _forged_root(scene, _hand_over, signers)


def threshold_lowered(scene: Scene) -> Offer:
    """The same keys, of which fewer are needed, signed by too few."""

    def change(root: Root) -> None:
        root.roles["targets"].threshold = 1
        root.roles["root"].threshold = 1

    return _forged_root(scene, change, scene.authority.signers("root")[:1])


def threshold_of_nothing(scene: Scene) -> Offer:
    """A threshold of zero or less, even if two true root keys had signed it: no such root is read."""
    two = scene.authority.signers("root")[:2]
    offer = _forged_root(scene, _hand_over, two)
    plain = json.loads(offer.files["2.root.json"])
    for role in plain["signed"]["roles"].values():
        role["threshold"] = scene.chance.choice((0, -1))
    return replace(offer, files={**offer.files, "2.root.json": json.dumps(plain).encode()})


def root_signed_by_the_new_alone(scene: Scene) -> Offer:
    return _forged_root(scene, _hand_over, _own("root")["root"])


def root_out_of_turn(scene: Scene) -> Offer:
    """A genuine root of another number than its name says: one left out, or one given twice."""
    served = scene.chance.choice(
        (scene.rotated["2.root.json"].replace(b'"version": 2', b'"version": 3'), scene.new["1.root.json"])
    )
    return Offer({**scene.rotated, "2.root.json": served})


# --- old, frozen, mixed -----------------------------------------------------------------------------------------------


def frozen(scene: Scene) -> Offer:
    """What was genuine once, offered when its time is over."""
    files = scene.chance.choice((scene.old, scene.new))
    return Offer(files, now_ms=NOW + 14 * DAY_MS + scene.chance.randrange(1, 400 * DAY_MS))


def rolled_back(scene: Scene) -> Offer:
    """The older list whole, offered to a PC that has seen the newer one."""
    return Offer(scene.old, after_new=True)


def partly_rolled_back(scene: Scene) -> Offer:
    """The newest time stamp, and something older under the newer one's name."""
    role = scene.chance.choice(("snapshot", "targets"))
    return _changed(scene, newest(scene.new, role), scene.old[newest(scene.old, role)])


def older_timestamp(scene: Scene) -> Offer:
    return Offer({**scene.new, "timestamp.json": scene.old["timestamp.json"]}, after_new=True)


def root_rolled_back(scene: Scene) -> Offer:
    """Before the rotation, to a PC that knows of it: without the newer root, or with the first in its place."""
    files = dict(scene.new)
    if scene.chance.random() < 0.5:
        files["2.root.json"] = files["1.root.json"]
    return Offer(files, after_rotation=True)


def mixed_with_another(scene: Scene) -> Offer:
    """Genuine files of two authorities."""
    role = scene.chance.choice(CHAIN)
    return _changed(scene, newest(scene.new, role), scene.other[newest(scene.other, role)])


def another_authority(scene: Scene) -> Offer:
    """Another authority's whole list, its root under a later number too."""
    return Offer({**scene.other, "2.root.json": scene.other["1.root.json"]})


def rolled_back_within(scene: Scene) -> Offer:
    """Older targets announced by a newer snapshot: keys of snapshot and timestamp were stolen."""
    files = dict(scene.new)
    snapshot = Metadata[Snapshot].from_bytes(files[newest(files, "snapshot")])
    snapshot.signed.version += 1
    snapshot.signed.meta["targets.json"] = MetaFile(int(newest(scene.old, "targets").split(".")[0]))
    data = signed(snapshot, scene.authority.signers("snapshot"))
    timestamp = Metadata[Timestamp].from_bytes(files["timestamp.json"])
    timestamp.signed.version += 1
    timestamp.signed.snapshot_meta = MetaFile.from_data(snapshot.signed.version, data, ["sha256"])
    files |= {f"{snapshot.signed.version}.snapshot.json": data}
    files["timestamp.json"] = signed(timestamp, scene.authority.signers("timestamp"))
    return Offer(files, after_new=True, has_stolen=True)


def targets_left_out(scene: Scene) -> Offer:
    """A snapshot that no longer speaks of the targets."""
    files = dict(scene.new)
    snapshot = Metadata[Snapshot].from_bytes(files[newest(files, "snapshot")])
    snapshot.signed.version += 1
    snapshot.signed.meta = {"other.json": MetaFile(1)}
    data = signed(snapshot, scene.authority.signers("snapshot"))
    timestamp = Metadata[Timestamp].from_bytes(files["timestamp.json"])
    timestamp.signed.version += 1
    timestamp.signed.snapshot_meta = MetaFile.from_data(snapshot.signed.version, data, ["sha256"])
    files |= {f"{snapshot.signed.version}.snapshot.json": data}
    files["timestamp.json"] = signed(timestamp, scene.authority.signers("timestamp"))
    return Offer(files, has_stolen=True)


MAKERS: Final[tuple[Maker, ...]] = (
    bit_flipped, root_bit_flipped, cut_short, lengthened, endless, endless_root, missing, rubbish, other_role,
    signature_dropped, signature_doubled, signature_under_two_ids, signatures_swapped,
    strangers_list, one_stolen_key, keys_of_another_role, timestamp_of_another_role, revoked_key,
    root_of_strangers, threshold_lowered, threshold_of_nothing, root_signed_by_the_new_alone, root_out_of_turn,
    frozen, rolled_back, partly_rolled_back, older_timestamp, root_rolled_back, rolled_back_within, targets_left_out,
    mixed_with_another, another_authority,
)  # fmt: skip
