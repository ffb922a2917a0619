"""Releases: spares are sealed apart, and archives hold the same bytes each time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.bank import read_bank
from itembank.errors import BankDataError, PackageError
from itembank.keyring import KeyFolder
from itembank.package import make_archive, open_sealed
from itembank.publish import publish
from sync.release import Ed25519Trust
from tests.itembank.breaking import change

NOW = 1_790_000_000_000
RELEASE = "releases/norskprove-demo.json"


def with_spare(folder: Path) -> None:
    """Give the demo a spare reading panel, of the same items in another order."""
    shutil.copy(folder / "panels/reading-demo.json", folder / "panels/reading-spare.json")
    change(folder, "panels/reading-spare.json", lambda plain: plain.update(id="reading-spare"))
    change(folder, "panels/reading-spare.json", lambda plain: plain["modules"]["RM1"]["items"].reverse())
    spare = {"part": "reading", "form": "reading-spare", "spare": 1}
    change(folder, RELEASE, lambda plain: plain["forms"].append(spare))


def test_a_spare_is_a_package_of_its_own_with_its_own_key(demo: Path, keys: KeyFolder, tmp_path: Path) -> None:
    with_spare(demo)
    bank = read_bank(demo)
    ordinary, spare = publish(
        bank, bank.releases["norskprove-demo"], keys.signing_key(), keys.custodians(), now_utc_ms=NOW
    )
    assert (ordinary.manifest.release, spare.manifest.release) == ("norskprove-demo.v1", "norskprove-demo.v1.spare1")
    assert ordinary.content_key != spare.content_key
    trust = Ed25519Trust(keys.signing_key().public, {})
    paths = {package.manifest.release: tmp_path / package.manifest.release for package in (ordinary, spare)}
    for package in (ordinary, spare):
        paths[package.manifest.release].write_bytes(package.data)
    opened = open_sealed(paths["norskprove-demo.v1"], ordinary.content_key, trust, now_utc_ms=NOW)
    assert "reading-spare" not in opened.forms
    with pytest.raises(PackageError, match="belongs to another release"):
        open_sealed(paths["norskprove-demo.v1.spare1"], ordinary.content_key, trust, now_utc_ms=NOW)
    reopened = open_sealed(paths["norskprove-demo.v1.spare1"], spare.content_key, trust, now_utc_ms=NOW)
    assert reopened.form_for("reading", None, spare=1) == "reading-spare"


def test_a_release_of_spares_only_is_refused(demo: Path, keys: KeyFolder) -> None:
    change(demo, RELEASE, lambda plain: plain.update(forms=[{"part": "reading", "form": "reading-demo", "spare": 1}]))
    bank = read_bank(demo)
    with pytest.raises(BankDataError, match="there are spare forms only"):
        publish(bank, bank.releases["norskprove-demo"], keys.signing_key(), keys.custodians(), now_utc_ms=NOW)


def test_a_new_version_has_a_new_name_in_the_same_series(demo: Path, keys: KeyFolder) -> None:
    change(demo, RELEASE, lambda plain: plain.update(version=7))
    bank = read_bank(demo)
    (package,) = publish(bank, bank.releases["norskprove-demo"], keys.signing_key(), keys.custodians(), now_utc_ms=NOW)
    manifest = package.manifest
    assert (manifest.release, manifest.series, manifest.version) == ("norskprove-demo.v7", "norskprove-demo", 7)


def test_a_programme_that_is_no_demo_needs_more_than_one_custodian(demo: Path, keys: KeyFolder) -> None:
    change(demo, "programmes/norskprove-demo.json", lambda plain: plain.update(is_demo=False))
    bank = read_bank(demo)
    with pytest.raises(BankDataError, match="one results key alone would open its answers"):
        publish(bank, bank.releases["norskprove-demo"], keys.signing_key(), keys.custodians(), now_utc_ms=NOW)


@given(st.dictionaries(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9), st.binary(), max_size=5))
def test_the_same_files_give_the_same_archive(files: dict[str, bytes]) -> None:
    reversed_files = dict(reversed(files.items()))
    assert make_archive(files) == make_archive(reversed_files)


def test_the_release_command_keeps_the_content_key_apart(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from itembank.commands import main

    assert main(["keys", "init", str(tmp_path / "authority")]) == 0
    out = tmp_path / "out"
    out.mkdir()
    arguments = ["release", str(demo / RELEASE), "--keys", str(tmp_path / "authority"), "--out", str(out)]
    assert main(arguments) == 0
    assert [path.name for path in out.iterdir()] == ["norskprove-demo.v1.provrom"]
    key = tmp_path / "authority/content-keys/norskprove-demo.v1.key"
    assert f"its content key: {key}" in capsys.readouterr().out
    assert key.stat().st_mode & 0o077 == 0
    trust = Ed25519Trust(KeyFolder(tmp_path / "authority").signing_key().public, {})
    opened = open_sealed(next(out.iterdir()), bytes.fromhex(key.read_text()), trust, now_utc_ms=NOW)
    assert opened.programme.is_demo
    assert main(arguments) == 1
    assert "it is there already" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["norskprove-demo.v1.provrom"]


def test_a_file_that_is_no_release_is_refused(demo: Path, keys: KeyFolder, capsys: pytest.CaptureFixture[str]) -> None:
    from itembank.commands import main

    (demo / "elsewhere").mkdir()
    stray = demo / "elsewhere/none.json"
    stray.write_text(json.dumps({}))
    assert main(["release", str(stray), "--keys", str(keys.folder), "--out", str(demo / "x")]) == 1
    assert "it is not a release of a bank" in capsys.readouterr().err


def test_a_place_that_is_not_there_is_told(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from itembank.commands import main

    assert main(["keys", "init", str(tmp_path / "authority")]) == 0
    out = tmp_path / "nowhere" / "demo.provrom"
    assert main(["release", str(demo / RELEASE), "--keys", str(tmp_path / "authority"), "--out", str(out)]) == 1
    assert f"{out}.part: No such file or directory" in capsys.readouterr().err


def test_an_empty_folder_is_no_bank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from itembank.commands import main

    assert main(["check", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told == f"{tmp_path}: there is no bank here: it has no bank.json. Name a bank's folder.\n"
