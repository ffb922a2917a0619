"""The real disk is asked to keep what is promised: every sync is seen as the operating system sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sync.files import DiskFiles

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names of open files are read from /proc")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is asked of the operating system for files under ``tmp_path``, in order; all of it is really done."""
    told: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def watched(descriptor: int, *more: object) -> object:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            told.append(f"{name} {path.relative_to(tmp_path)}")
            return real(descriptor, *more)

        monkeypatch.setattr(os, name, watched)

    for name in ("fsync", "fdatasync", "pwrite"):
        watch(name)
    replace = Path.replace

    def replaced(path: Path, target: Path) -> Path:
        told.append(f"rename {path.relative_to(tmp_path)}")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replaced)
    return told


def test_a_new_file_its_name_and_new_folders_above_it_are_durable_when_create_returns(
    tmp_path: Path, calls: list[str]
) -> None:
    DiskFiles().create(tmp_path / "state/journals/a.journal", 4096).close()
    assert calls == ["fsync .", "fsync state", "fsync state/journals/a.journal", "fsync state/journals"]
    assert (tmp_path / "state/journals/a.journal").stat().st_mode & 0o777 == 0o600
    del calls[:]
    DiskFiles().create(tmp_path / "state/journals/b.journal", 0).close()
    assert calls == ["fsync state/journals/b.journal", "fsync state/journals"]


def test_a_record_is_one_write_and_a_sync_is_of_the_file_it_was_written_to(tmp_path: Path, calls: list[str]) -> None:
    file = DiskFiles().create(tmp_path / "a.journal", 4096)
    del calls[:]
    assert file.write_at(100, b"record") == 6
    file.sync()
    file.close()
    assert calls == ["pwrite a.journal", "fdatasync a.journal"]
    again = DiskFiles().open(tmp_path / "a.journal")
    again.sync()
    again.close()
    assert calls[2:] == ["fdatasync a.journal"]


def test_a_replaced_file_is_durable_under_another_name_before_it_takes_its_own(
    tmp_path: Path, calls: list[str]
) -> None:
    (tmp_path / "orders").write_bytes(b"old")
    DiskFiles().replace(tmp_path / "orders", b"new")
    assert calls == ["fsync orders.new", "rename orders.new", "fsync ."]
    assert (tmp_path / "orders").read_bytes() == b"new"
    assert (tmp_path / "orders").stat().st_mode & 0o777 == 0o600
    del calls[:]
    DiskFiles().replace(tmp_path / "sittings/s1/orders", b"new")
    assert calls[:2] == ["fsync .", "fsync sittings"]


def test_after_a_sync_that_the_disk_refused_nothing_is_left_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    (tmp_path / "orders").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        DiskFiles().replace(tmp_path / "orders", b"new")
    with pytest.raises(OSError, match="Input/output error"):
        DiskFiles().create(tmp_path / "a.journal", 100)
    assert [path.name for path in tmp_path.iterdir()] == ["orders"]
    assert (tmp_path / "orders").read_bytes() == b"old"
