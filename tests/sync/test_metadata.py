"""The authority's list of current releases: nothing forged, old, frozen or mixed is taken, nothing lost by trying."""

# pyright: reportPrivateImportUsage=false
# `tuf.api.metadata` is where tuf's documentation says to import these from.

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Timestamp

from sync.canonical import canonical_bytes, parse_canonical
from sync.errors import (
    DamagedError,
    ListExpiredError,
    ListRefusedError,
    NotCurrentError,
    StoreUnreachableError,
    SyncDataError,
)
from sync.keys import sha256_hex
from sync.metadata import MetadataTrust, ReleaseMetadata, check_root, fingerprint, listed_release
from tests.proof import Trial
from tests.sync.authority import DAY_MS, Authority, Pc, release, signed
from tests.sync.examples import NOW, box, signing
from tests.sync.forgeries import EVIL_NAME, MAKERS, Offer, Scene, forged, real
from tests.sync.test_release import package

HOUR_MS = 3_600_000
NORSK, NORSK_2, JEGER = release("norskprove", 1), release("norskprove", 2), release("jegerprove", 1)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder in memory where there is one: what is tried here a thousand times is not the disk."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="proverom-list-", dir=memory if memory.is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def scene(place: Path) -> Scene:
    """An authority's list as it grew: one release; a newer one; a key revoked. And another authority's."""
    authority = Authority(place / "authority")
    authority.list.add([NORSK, JEGER], now_utc_ms=NOW)
    old = authority.files()
    authority.list.add([NORSK_2], now_utc_ms=NOW + HOUR_MS)
    new = authority.files()
    used = next(role for role in authority.list.standing() if role.role == "targets").key_ids[0]
    revoked = next(key for key in authority.signers("targets") if key.public_key.keyid == used)
    authority.list.replace_key("targets", used, now_utc_ms=NOW + 2 * HOUR_MS)
    rotated = authority.files()
    for role in authority.list.standing():
        if role.role in {"snapshot", "timestamp"}:
            authority.list.replace_key(role.role, role.key_ids[0], now_utc_ms=NOW + 2 * HOUR_MS)
    other = Authority(place / "other")
    other.list.add([NORSK, JEGER], now_utc_ms=NOW)
    other.list.add([NORSK_2], now_utc_ms=NOW + HOUR_MS)
    recovered = authority.files()
    return Scene(authority, old, new, rotated, recovered, revoked, other.files(), Random(0))


@pytest.fixture
def pc(scene: Scene, place: Path) -> Pc:
    return Pc(scene.authority.root, place)


def names(pc: Pc, now: int = NOW + 2 * HOUR_MS) -> set[str]:
    """What a PC may open that is switched on without a network."""
    return set(pc.memory().current(now_utc_ms=now).releases)


@pytest.fixture(scope="module")
def memories(scene: Scene, place: Path) -> dict[str, bytes]:
    """What a PC remembers that has taken in each of the genuine lists."""
    found: dict[str, bytes] = {}
    for name, files in (("old", scene.old), ("new", scene.new), ("rotated", scene.rotated)):
        pc = Pc(scene.authority.root, place)
        pc.memory().update(files.get, now_utc_ms=NOW + HOUR_MS)
        found[name] = pc.disk[-1]
    return found


def prepared(scene: Scene, memories: dict[str, bytes], place: Path, offer: Offer) -> Pc:
    """A PC that has taken in what it has before the offer comes."""
    before = "rotated" if offer.after_rotation else "new" if offer.after_new else "old"
    return Pc(scene.authority.root, place, [memories[before]])


def in_use(pc: Pc) -> object:
    plain: Any = parse_canonical(pc.disk[-1], "memory", limit=2**24)
    return plain["current"], plain["latest_utc_ms"]


# --- what is genuine --------------------------------------------------------------------------------------------------


def test_a_genuine_list_is_taken_and_is_there_without_a_network(pc: Pc, scene: Scene) -> None:
    found = pc.memory().update(scene.old.get, now_utc_ms=NOW)
    assert found.releases == {"norskprove.v1": NORSK, "jegerprove.v1": JEGER}
    assert (found.is_shared, found.valid_to_utc_ms) == (True, NOW // 1000 * 1000 + 14 * DAY_MS)
    assert names(pc) == {"norskprove.v1", "jegerprove.v1"}
    pc.memory().update(scene.new.get, now_utc_ms=NOW)
    assert names(pc) == {"norskprove.v2", "jegerprove.v1"}


def test_a_pc_that_was_away_over_a_change_of_keys_follows_every_root(pc: Pc, scene: Scene) -> None:
    pc.memory().update(scene.old.get, now_utc_ms=NOW)
    assert set(pc.memory().update(scene.rotated.get, now_utc_ms=NOW).releases) == names(pc)
    assert "2.root.json" in scene.rotated


def test_the_same_list_again_changes_nothing_on_the_disk(pc: Pc, scene: Scene) -> None:
    pc.memory().update(scene.new.get, now_utc_ms=NOW)
    before = list(pc.disk)
    pc.memory().update(scene.new.get, now_utc_ms=NOW)
    assert pc.disk == before


# --- what is not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [0, 1])
def test_no_changed_repository_is_taken_and_the_pc_goes_on_as_before(
    block: int,
    scene: Scene,
    memories: dict[str, bytes],
    place: Path,
    proof: Callable[..., AbstractContextManager[Trial]],
) -> None:
    with proof("changed TUF repositories", ci=500, full=10_000, block=block) as trial:
        for what in ("accepted", "list in use changed", "genuine list refused afterwards"):
            trial.count(what, 0)
        told: set[str] = set()
        for seed in trial.seeds():
            maker = MAKERS[seed % len(MAKERS)]
            offer = maker(replace(scene, chance=Random(seed)))
            pc = prepared(scene, memories, place, offer)
            before = in_use(pc)
            try:
                taken = pc.memory().update(offer.files.get, now_utc_ms=offer.now_ms)
            except (ListRefusedError, ListExpiredError) as error:
                told.add(str(error))
            else:
                trial.count("accepted")
                raise AssertionError(f"{maker.__name__}, seed {seed}: {sorted(taken.releases)}")
            if in_use(pc) != before:
                trial.count("list in use changed")
            genuine = scene.recovered if offer.has_stolen else scene.rotated
            try:
                assert EVIL_NAME not in pc.memory().update(genuine.get, now_utc_ms=NOW + 2 * HOUR_MS).releases
            except SyncDataError:
                trial.count("genuine list refused afterwards")
                raise
        assert trial.counts["list in use changed"] == 0
        assert all(re.fullmatch(r"The list of current releases [^\n]+\.", each) for each in told)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_control_what_is_forged_from_is_genuine(
    maker: Any, scene: Scene, memories: dict[str, bytes], place: Path
) -> None:
    """Each forgery is refused for what was changed: the PC before it takes the list that it was made from."""
    offer = maker(replace(scene, chance=Random(7)))
    pc = prepared(scene, memories, place, offer)
    base = scene.rotated if offer.after_rotation else scene.new
    assert pc.memory().update(base.get, now_utc_ms=NOW + HOUR_MS).releases


def test_two_stolen_targets_keys_are_the_limit(scene: Scene, place: Path) -> None:
    """The honest end of it: whoever has as many keys as are needed is the authority, until its root says otherwise."""
    pc = Pc(scene.authority.root, place)
    left = next(key for key in scene.authority.signers("targets") if key.public_key != scene.revoked.public_key)
    files = forged(scene, {**real(scene, "snapshot", "timestamp"), "targets": [scene.revoked, left]})
    assert EVIL_NAME in pc.memory().update(files.get, now_utc_ms=NOW).releases
    # … and the root that revokes one of them has said otherwise.
    rotated = Pc(scene.authority.root, place)
    rotated.memory().update(scene.rotated.get, now_utc_ms=NOW)
    later = forged(scene, {**real(scene, "snapshot", "timestamp"), "targets": [scene.revoked, left]}, scene.rotated)
    with pytest.raises(ListRefusedError, match="too few"):
        rotated.memory().update(later.get, now_utc_ms=NOW)


def test_numbers_that_ran_ahead_by_a_stolen_key_are_mended_by_a_fresh_one(scene: Scene, place: Path) -> None:
    """A stolen time-stamp key lists nothing, but can make PCs refuse what is genuine, until the key is replaced."""
    pc = Pc(scene.authority.root, place)
    stamp = Metadata[Timestamp].from_bytes(scene.new["timestamp.json"])
    stamp.signed.version = 2**31
    ahead = {**scene.new, "timestamp.json": signed(stamp, scene.authority.signers("timestamp"))}
    assert set(pc.memory().update(ahead.get, now_utc_ms=NOW).releases) == {"norskprove.v2", "jegerprove.v1"}
    with pytest.raises(ListRefusedError, match="older than one that was verified before"):
        pc.memory().update(scene.rotated.get, now_utc_ms=NOW)
    assert pc.memory().update(scene.recovered.get, now_utc_ms=NOW).releases


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_list_holds_to_its_last_second_and_not_a_moment_longer(pc: Pc, scene: Scene) -> None:
    found = pc.memory().update(scene.old.get, now_utc_ms=NOW)
    end = found.valid_to_utc_ms
    assert names(pc, end - 1)
    with pytest.raises(ListExpiredError, match=r"held until .* Connect this PC to the store") as told:
        pc.memory().current(now_utc_ms=end)
    assert told.value.valid_to_utc_ms == end
    with pytest.raises(ListExpiredError):
        found.release("norskprove.v1", now_utc_ms=end)
    with pytest.raises(ListExpiredError):
        pc.memory().update(scene.old.get, now_utc_ms=end)


def test_a_clock_that_was_set_back_revives_nothing(scene: Scene, pc: Pc, place: Path) -> None:
    authority = Authority(place / "renewing")
    authority.list.add([NORSK], now_utc_ms=NOW)
    first = authority.files()
    pc = Pc(authority.root, place)
    pc.memory().update(first.get, now_utc_ms=NOW)
    authority.list.renew(now_utc_ms=NOW + 10 * DAY_MS)
    pc.memory().update(authority.files().get, now_utc_ms=NOW + 20 * DAY_MS)
    assert pc.memory().believed_utc_ms == NOW + 20 * DAY_MS
    with pytest.raises((ListExpiredError, ListRefusedError)):
        pc.memory().update(first.get, now_utc_ms=NOW)
    assert names(pc, NOW - 100 * DAY_MS) == {"norskprove.v1"}
    with pytest.raises(ListExpiredError):
        pc.memory().current(now_utc_ms=NOW + 24 * DAY_MS)
    authority.list.renew(now_utc_ms=NOW + DAY_MS)  # newer by its number, and over before the time believed here
    with pytest.raises(ListExpiredError):
        pc.memory().update(authority.files().get, now_utc_ms=NOW + 2 * DAY_MS)


def test_a_clock_far_ahead_refuses_and_does_no_lasting_harm(pc: Pc, scene: Scene) -> None:
    """A PC whose clock says 2090: nothing opens, one sentence says why; set right, everything is as it was."""
    pc.memory().update(scene.old.get, now_utc_ms=NOW)
    with pytest.raises(ListExpiredError, match="if the time is wrong, set this PC's clock"):
        pc.memory().update(scene.new.get, now_utc_ms=NOW + 64 * 365 * DAY_MS)
    assert pc.memory().update(scene.new.get, now_utc_ms=NOW + HOUR_MS).releases


# --- interruptions ----------------------------------------------------------------------------------------------------


def test_an_update_cut_off_anywhere_leaves_the_old_list_in_use_and_never_goes_back(pc: Pc, scene: Scene) -> None:
    """The network goes at every single file; the program is killed at every single write to the disk."""
    pc.memory().update(scene.old.get, now_utc_ms=NOW)
    start = list(pc.disk)
    cuts = 0
    for cut in range(20):
        pc.disk[:] = start
        asked: list[str] = []

        def fetch(name: str, cut: int = cut, asked: list[str] = asked) -> bytes | None:
            asked.append(name)
            if len(asked) > cut:
                raise StoreUnreachableError("https://store", "no network")
            return scene.rotated.get(name)

        try:
            pc.memory().update(fetch, now_utc_ms=NOW)
        except StoreUnreachableError:
            cuts += 1
            if "2.root.json" in asked[:cut]:
                # A root that revokes a key counts at once, for the list in use too.
                with pytest.raises(ListRefusedError, match="too few"):
                    names(pc)
            else:
                assert names(pc) == {"norskprove.v1", "jegerprove.v1"}
            if "timestamp.json" in asked[:cut]:
                with pytest.raises(ListRefusedError, match="older than one that was verified before"):
                    pc.memory().update(scene.old.get, now_utc_ms=NOW)
            assert pc.memory().update(scene.rotated.get, now_utc_ms=NOW).releases
        else:
            break
    assert cuts >= 5
    for kept in pc.disk[len(start) :]:
        killed = Pc(pc.root, pc.workplace, [kept])
        assert killed.memory().update(scene.rotated.get, now_utc_ms=NOW).releases


def test_a_newer_root_counts_at_once_even_when_the_rest_did_not_come(pc: Pc, scene: Scene) -> None:
    """A root that revokes a key is remembered before anything else, and the old list no longer hangs on the old key."""
    pc.memory().update(scene.new.get, now_utc_ms=NOW)
    half = {**scene.new, "2.root.json": scene.rotated["2.root.json"]}
    with pytest.raises(ListRefusedError, match="too few"):
        pc.memory().update(half.get, now_utc_ms=NOW)
    with pytest.raises(ListRefusedError, match="too few"):
        pc.memory().current(now_utc_ms=NOW)
    assert pc.memory().update(scene.rotated.get, now_utc_ms=NOW).releases


def test_a_memory_of_another_root_or_damaged_is_told(pc: Pc, scene: Scene, place: Path) -> None:
    pc.memory().update(scene.old.get, now_utc_ms=NOW)
    kept = pc.disk[-1]
    other = scene.other["1.root.json"]
    with pytest.raises(DamagedError, match="belongs to another root"):
        ReleaseMetadata(other, kept=kept, keep=pc.disk.append, workplace=place)
    with pytest.raises(DamagedError, match="memory of the authority's list"):
        ReleaseMetadata(pc.root, kept=kept[:-1], keep=pc.disk.append, workplace=place)
    with pytest.raises(ListRefusedError, match="has not fetched one yet"):
        Pc(pc.root, place).memory().current(now_utc_ms=NOW)


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"\xff", canonical_bytes({"signed": {}, "signatures": []})])
def test_what_is_no_root_cannot_be_pinned(data: bytes, scene: Scene) -> None:
    with pytest.raises(DamagedError, match="authority's root file"):
        check_root(data)
    with pytest.raises(DamagedError):
        check_root(scene.new["timestamp.json"])
    with pytest.raises(DamagedError, match="not signed by the keys it names"):
        check_root(canonical_bytes({**json.loads(scene.authority.root), "signatures": []}))
    check_root(scene.authority.root)
    assert fingerprint(scene.authority.root) == sha256_hex(scene.authority.root)


# --- packages by the list ---------------------------------------------------------------------------------------------


def trusting(scene: Scene, place: Path, *, shared: bool = True, **changes: Any) -> MetadataTrust:
    """The trust of a PC whose list names package(3)."""
    from sync.package import encode_package
    from sync.release import Ed25519Trust

    authority = Authority(Path(tempfile.mkdtemp(dir=place)), shared)
    file = package(3, **changes)
    manifest = Ed25519Trust(signing("authority").public, {}).verify(file.manifest, now_utc_ms=NOW)
    authority.list.add([listed_release(encode_package(file), manifest, signing("authority").public)], now_utc_ms=NOW)
    pc = Pc(authority.root, place)
    return MetadataTrust(pc.memory().update(authority.files().get, now_utc_ms=NOW), manifest.release)


def test_a_package_is_opened_only_when_the_list_names_this_very_one(scene: Scene, place: Path) -> None:
    trust = trusting(scene, place)
    assert trust.verify(package(3).manifest, now_utc_ms=NOW).version == 3
    other = package(3, made_utc_ms=NOW - 1)
    with pytest.raises(NotCurrentError, match="names another package under this name"):
        trust.verify(other.manifest, now_utc_ms=NOW)
    with pytest.raises(NotCurrentError, match="it is not on the authority's list"):
        replace(trust, release="norskprove-4").verify(package(4).manifest, now_utc_ms=NOW)
    with pytest.raises(ListExpiredError):
        trust.verify(package(3).manifest, now_utc_ms=NOW + 14 * DAY_MS)


@pytest.mark.parametrize("field", ["release", "series", "version"])
def test_a_package_that_says_another_name_than_the_list_is_not_opened(scene: Scene, place: Path, field: str) -> None:
    """Whoever keeps the list wrote one release's hash beside another's name: an older one under a newer name."""
    trust = trusting(scene, place)
    genuine = package(3).manifest
    found = trust.current.releases["norskprove-3"]
    other = {"series": "other", "version": 4}
    listed = replace(found, listed=found.listed.model_copy(update={field: other[field]} if field in other else {}))
    name = "norskprove-4" if field == "release" else "norskprove-3"
    listed = replace(listed, release=name)
    mixed = replace(trust, release=name, current=replace(trust.current, releases={name: listed}))
    with pytest.raises(NotCurrentError, match="says another release, series or version than the list"):
        mixed.verify(genuine, now_utc_ms=NOW)


def test_a_file_is_the_one_listed_to_the_last_byte(scene: Scene, place: Path) -> None:
    from sync.package import encode_package

    data = encode_package(package(3))
    listed = trusting(scene, place).current.release("norskprove-3", now_utc_ms=NOW)
    listed.verify_file(data)
    for changed in (data + b"\0", data[:-1], data[:-1] + bytes([data[-1] ^ 1]), b""):
        with pytest.raises(DamagedError, match="not the 'norskprove-3' that the authority's list names"):
            listed.verify_file(changed)


def test_one_key_of_a_role_lists_demo_releases_only(scene: Scene, place: Path) -> None:
    from sync.release import Custodians

    two = Custodians(needed=2, keys=tuple(box(name).public.hex for name in "abc"))
    file = package(3, is_demo=False, results=two)
    alone = trusting(scene, place, shared=False, is_demo=False, results=two)
    with pytest.raises(NotCurrentError, match="one key alone could have listed it"):
        alone.verify(file.manifest, now_utc_ms=NOW)
    assert trusting(scene, place, is_demo=False, results=two).verify(file.manifest, now_utc_ms=NOW)
    assert trusting(scene, place, shared=False).verify(package(3).manifest, now_utc_ms=NOW).is_demo
