"""What the exam PCs hold is held against what the store holds, record by record."""

from __future__ import annotations

from pathlib import Path

from proverom.kept import received, written
from sync.envelope import pack
from sync.files import DiskFiles
from sync.segment import scan_segment
from sync.writer import Disk, JournalWriter
from tests.sync.examples import BINDING, NOW, answer, recipients, signing

DEVICES = {BINDING.device: signing("pc-07").public}


def sent(folder: Path, count: int) -> list[bytes]:
    disk = Disk(files=DiskFiles(), free_needed=0, reserve_bytes=4096, segment_bytes=65_536)
    writer = JournalWriter.begin(folder, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=disk)
    for number in range(count):
        writer.append(answer(number), utc_ms=NOW)
    writer.commit()
    scan = scan_segment(next(folder.glob("*.journal")).read_bytes())
    return [pack(scan, first, first + 49, "0" * 64, signing("pc-07")) for first in range(0, count - 49, 50)]


def test_all_envelopes_hold_all_records_and_one_missing_at_the_very_end_shows(tmp_path: Path) -> None:
    envelopes = sent(tmp_path, 250)
    on_disk = written([tmp_path])[BINDING.attempt]
    assert len(envelopes) == 5
    assert len(on_disk) == 250
    assert on_disk == received(envelopes, DEVICES)
    assert len(on_disk - received(envelopes[:-1], DEVICES)) == 50


def test_a_record_of_the_same_number_and_another_content_is_not_the_same(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        sent(folder, 3)
    assert not written([first])[BINDING.attempt] & written([second])[BINDING.attempt]
    assert len(written([first, second])[BINDING.attempt]) == 6
