"""The store's folder: private, complete, never overwritten."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509

from centralstore.commands import main
from centralstore.errors import SetUpError
from centralstore.folder import init_folder, open_folder, set_content_key
from sync.passwords import TEST_COST


def test_every_file_of_a_new_store_is_its_owners_alone(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "store"), "store.example.no", "10.0.0.5"]) == 0
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"order.key", "box.key", "ca.key", "server.key", "store.sqlite"}
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_certificate_is_for_loopback_and_the_names_given_and_signed_by_the_stores_own_authority(
    tmp_path: Path,
) -> None:
    made = init_folder(tmp_path / "store", names=("store.example.no", "10.0.0.5"), cost=TEST_COST)
    certificate = x509.load_pem_x509_certificate(made.server_certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "store.example.no"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "10.0.0.5"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(made.ca_file.read_bytes()))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    init_folder(tmp_path / "store", cost=TEST_COST)
    before = (tmp_path / "store" / "keys" / "order.key").read_bytes()
    with pytest.raises(SetUpError, match="not empty"):
        init_folder(tmp_path / "store", cost=TEST_COST)
    assert (tmp_path / "store" / "keys" / "order.key").read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "keys" / "order.key").unlink(), "Restore it from the backup"),
        (lambda folder: (folder / "keys" / "order.key").write_bytes(b"short"), "has 5 bytes instead of 32"),
        (lambda folder: (folder / "keys" / "order.key").chmod(0o644), "others could read it"),
    ],
)
def test_a_damaged_or_open_key_file_is_told(tmp_path: Path, damage: object, told: str) -> None:
    init_folder(tmp_path / "store", cost=TEST_COST)
    assert callable(damage)
    damage(tmp_path / "store")
    with pytest.raises(SetUpError, match=told):
        open_folder(tmp_path / "store").keys()


def test_a_missing_or_malformed_setting_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sittings", str(tmp_path / "none")]) == 1
    assert "Make a store with 'store init" in capsys.readouterr().err
    made = init_folder(tmp_path / "store", cost=TEST_COST)
    with pytest.raises(SetUpError, match="not 64 hexadecimal digits"):
        set_content_key(made, "abc")
    (tmp_path / "store" / "store.json").write_text('{"name": 5}')
    with pytest.raises(SetUpError, match="field 'name'"):
        open_folder(tmp_path / "store")
