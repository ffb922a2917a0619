"""The authority's keys: made once, kept private, never overwritten; grants that open."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from itembank.bank import read_bank
from itembank.commands import main
from itembank.errors import KeyFolderError, PackageError
from itembank.grants import grant_sitting, read_devices, read_grants, write_grants
from itembank.keyring import KeyFolder
from itembank.package import open_sealed
from itembank.publish import publish
from sync.canonical import canonical_bytes
from sync.errors import SyncDataError
from sync.keys import BoxKey, DeviceKeys
from sync.release import Ed25519Trust, GrantedKeys, open_grant, open_store_share

NOW = 1_790_000_000_000
DAY_MS = 86_400_000


@pytest.fixture
def authority(tmp_path: Path) -> KeyFolder:
    folder = KeyFolder(tmp_path / "authority")
    folder.create(custodians=3, needed=2)
    return folder


def test_private_keys_are_readable_by_their_owner_only(authority: KeyFolder) -> None:
    authority.keep_content_key("a.v1", bytes(32))
    authority.secrets("S-1")
    private = [path for path in authority.folder.rglob("*") if path.suffix == ".key" or path.parent.name == "sittings"]
    assert len(private) == 6
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)


def test_keys_come_back_as_they_were_made(authority: KeyFolder) -> None:
    custodians = authority.custodians()
    assert (custodians.needed, len(custodians.keys)) == (2, 3)
    assert [authority.results_key(number).public.hex for number in (1, 2, 3)] == list(custodians.keys)
    first, second = authority.secrets("S-1"), authority.secrets("S-1")
    assert first.release_share == second.release_share
    assert first.recovery.raw == second.recovery.raw
    assert authority.secrets("S-2").release_share != first.release_share


def test_no_key_is_ever_overwritten(authority: KeyFolder) -> None:
    with pytest.raises(KeyFolderError, match="it is there already"):
        authority.create(custodians=1, needed=1)
    authority.keep_content_key("a.v1", bytes(32))
    with pytest.raises(KeyFolderError, match="it is there already"):
        authority.keep_content_key("a.v1", bytes(32))


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("content-signing.key", "zz", "it is not hexadecimal"),
        ("content-signing.key", "00ff", "it has 2 bytes, not 32"),
        ("custodians.json", "{}", "custodians"),
        ("sittings/S-1.json", "{}", "it is damaged"),
    ],
)
def test_a_damaged_key_file_is_told(authority: KeyFolder, file: str, text: str, said: str) -> None:
    authority.secrets("S-1")
    (authority.folder / file).write_text(text)
    read = {
        "content-signing.key": authority.signing_key,
        "custodians.json": authority.custodians,
        "sittings/S-1.json": lambda: authority.secrets("S-1"),
    }
    with pytest.raises(KeyFolderError, match=said):
        read[file]()


def test_a_missing_key_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyFolderError, match="make them with 'bank keys init'"):
        KeyFolder(tmp_path / "nowhere").signing_key()


def test_more_keys_needed_than_there_are_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["keys", "init", str(tmp_path / "authority"), "--custodians", "2", "--needed", "3"]
    assert main(arguments) == 1
    assert capsys.readouterr().err
    assert not (tmp_path / "authority").exists()


def test_a_granted_pc_opens_the_package_and_no_other_does(
    whole_demo: Path, keys: KeyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = KeyFolder(tmp_path / "authority")
    assert main(["keys", "init", str(authority.folder)]) == 0
    package = tmp_path / "demo.provrom"
    release = whole_demo / "releases/norskprove-demo.json"
    assert main(["release", str(release), "--keys", str(authority.folder), "--out", str(package)]) == 0
    store, cleared, stranger = BoxKey.create(), DeviceKeys.create(), DeviceKeys.create()
    devices = {"sitting": "S-1", "store": store.public.hex, "devices": {"pc-1": cleared.box.public.hex}}
    (tmp_path / "devices.json").write_bytes(canonical_bytes(devices))
    out = tmp_path / "grants.json"
    arguments = ["grant", str(tmp_path / "devices.json"), str(package), "--keys", str(authority.folder)]
    assert main([*arguments, "--out", str(out)]) == 0
    assert "1 grants for sitting S-1" in capsys.readouterr().out
    grants = read_grants(out)
    signer = authority.signing_key().public
    share = open_store_share(grants.store_share, sitting="S-1", box=store, content_key=signer)
    now = time.time_ns() // 1_000_000

    def granted(keys: DeviceKeys) -> GrantedKeys:
        return open_grant(
            grants.grants["pc-1", "norskprove-demo.v1"],
            sitting="S-1",
            device="pc-1",
            release="norskprove-demo.v1",
            keys=keys,
            release_share=share,
            content_key=signer,
            now_utc_ms=now,
        )

    opened = open_sealed(package, granted(cleared).content_key, Ed25519Trust(signer, {}), now_utc_ms=now)
    assert opened.programme.id == "norskprove-demo"
    with pytest.raises(SyncDataError):
        granted(stranger)


def test_pcs_cleared_later_get_grants_of_the_same_sitting(whole_demo: Path, tmp_path: Path) -> None:
    authority = KeyFolder(tmp_path / "authority")
    custodians = authority.create(custodians=1, needed=1)
    bank = read_bank(whole_demo)
    (made,) = publish(bank, bank.releases["norskprove-demo"], authority.signing_key(), custodians, now_utc_ms=NOW)
    authority.keep_content_key(made.manifest.release, made.content_key)
    package = tmp_path / "demo.provrom"
    package.write_bytes(made.data)
    recovery: set[str] = set()
    for device in ("pc-1", "pc-2"):
        plain = {"sitting": "S-1", "store": BoxKey.create().public.hex, "devices": {device: BoxKey.create().public.hex}}
        (tmp_path / "devices.json").write_bytes(canonical_bytes(plain))
        devices = read_devices(tmp_path / "devices.json")
        grants = grant_sitting(authority, devices, [package], now_utc_ms=NOW, expires_utc_ms=NOW + DAY_MS)
        assert set(grants.grants) == {(device, "norskprove-demo.v1")}
        recovery.add(grants.recovery_public.hex)
    assert len(recovery) == 1


def test_grants_come_back_from_their_file_as_they_were(whole_demo: Path, tmp_path: Path) -> None:
    authority = KeyFolder(tmp_path / "authority")
    authority.create(custodians=1, needed=1)
    plain = {"sitting": "S-1", "store": BoxKey.create().public.hex, "devices": {}}
    (tmp_path / "devices.json").write_bytes(canonical_bytes(plain))
    devices = read_devices(tmp_path / "devices.json")
    grants = grant_sitting(authority, devices, [], now_utc_ms=NOW, expires_utc_ms=NOW + DAY_MS)
    write_grants(tmp_path / "grants.json", grants)
    assert read_grants(tmp_path / "grants.json") == grants


@pytest.mark.parametrize("text", ["", "{}", '{"a":1}', "no"])
def test_a_damaged_devices_or_grants_file_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(PackageError, match="Have it written again"):
        read_devices(path)
    with pytest.raises(PackageError, match="Have it written again"):
        read_grants(path)
    with pytest.raises(PackageError, match="cannot be read"):
        read_devices(tmp_path / "none.json")
