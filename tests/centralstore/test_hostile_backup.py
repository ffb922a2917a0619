"""A backup that somebody packed anew: nothing lands outside its folder, nothing comes back that was not backed up."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from centralstore.errors import RestoreRefusedError
from centralstore.evidence.backup import BACKUP, MANIFEST, Manifest, make_backup, restore
from sync.checkpoint import Checkpoint, sign_checkpoint
from sync.keys import SigningKey
from sync.signed import open_message, sign_message
from tests.centralstore.place import Site

Members = list[tuple[tarfile.TarInfo, bytes]]


def backed_up(site: Site, out: Path) -> Members:
    """The members of a genuine backup."""
    made = make_backup(
        site.store.folder.path, out, checkpoint=lambda: site.store.checkpoint().decode(), now_utc_ms=site.clock()
    )
    with tarfile.open(made.path) as tar:
        return [(member, file.read()) for member in tar if (file := tar.extractfile(member)) is not None]


def packed(members: Members, out: Path) -> Path:
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out


def named(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


ADDED = [
    ("../outside", "impossible name"),
    ("releases/../../outside", "impossible name"),
    ("{here}/outside", "impossible name"),
    (".outside", "impossible name"),
    ("a/b/outside", "impossible name"),
    ("outside", "not those of its manifest"),
    ("releases/outside.provrom", "not those of its manifest"),
]


@pytest.mark.parametrize(("name", "told"), ADDED)
def test_a_file_that_was_put_in_is_never_put_back_and_none_lands_outside(
    site: Site, tmp_path: Path, name: str, told: str
) -> None:
    members = backed_up(site, tmp_path / "backup.tar")
    (tmp_path / "room").mkdir()
    evil = packed([*members, (named(name.format(here=tmp_path)), b"evil")], tmp_path / "evil.tar")
    with pytest.raises(RestoreRefusedError, match=told):
        restore(evil, tmp_path / "room/again", keys=site.store.folder.path)
    assert [*tmp_path.rglob("*outside*")] == []
    assert [*(tmp_path / "room").iterdir()] == []


@pytest.mark.parametrize(
    "member",
    [
        named("link", tarfile.SYMTYPE, "/etc/passwd"),
        named("link", tarfile.LNKTYPE, "store.json"),
        named("folder", tarfile.DIRTYPE),
        named("pipe", tarfile.FIFOTYPE),
    ],
    ids=["symbolic link", "hard link to a changed file", "folder", "pipe"],
)
def test_links_folders_and_devices_in_a_backup_are_refused(site: Site, tmp_path: Path, member: tarfile.TarInfo) -> None:
    members = backed_up(site, tmp_path / "backup.tar")
    evil = packed([*members, (member, b"")], tmp_path / "evil.tar")
    with pytest.raises(RestoreRefusedError):
        restore(evil, tmp_path / "again", keys=site.store.folder.path)
    assert not (tmp_path / "again").exists()


def test_a_file_left_out_or_a_checkpoint_of_another_log_is_refused(site: Site, tmp_path: Path) -> None:
    members = backed_up(site, tmp_path / "backup.tar")
    log = site.store._house.keys.log
    manifest = open_message(BACKUP, Manifest, members[0][1], log.public, signer="the store's log key")

    def without_a_file(found: Members) -> Members:
        return [each for each in found if each[0].name != "ca.pem"]

    def with_anothers_checkpoint(found: Members) -> Members:
        other = SigningKey.create()
        word = sign_checkpoint(Checkpoint(log=other.public.hex, size=1, root="0" * 64, at_utc_ms=1), other).decode()
        said = manifest.model_copy(update={"checkpoint": word})
        return [(named(MANIFEST), sign_message(BACKUP, said, log)), *found[1:]]

    changes: list[Callable[[Members], Members]] = [without_a_file, with_anothers_checkpoint]
    for change in changes:
        evil = packed(change(members), tmp_path / f"{change.__name__}.tar")
        with pytest.raises(RestoreRefusedError):
            restore(evil, tmp_path / "again", keys=site.store.folder.path)
    restore(packed(members, tmp_path / "same.tar"), tmp_path / "again", keys=site.store.folder.path)
