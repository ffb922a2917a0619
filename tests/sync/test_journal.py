"""Segment files after a restart: nothing is rewritten, a torn tail is set aside, damage is kept for examination."""

from __future__ import annotations

import random
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from sync.bundle import read_journal
from sync.errors import DamagedError, SyncUsageError
from sync.files import DiskFiles, write_whole
from sync.journal import Journal, attempts_in, erase_stream, read_segment, recover
from sync.outbox import Outbox
from sync.segment import KEY_TIMINGS, Binding, Link, encode_preamble, scan_segment
from sync.writer import Disk, JournalWriter
from tests.proof import Proof
from tests.sync.examples import (
    BINDING,
    FOLDER,
    NOW,
    answer,
    recipients,
    recovery,
    results,
    segment,
    signing,
    small_disk,
    written,
)
from tests.sync.simulated_disk import SimulatedDisk


def begun(disk: SimulatedDisk, payloads: int = 3) -> Path:
    journal = Journal.create(FOLDER, segment(), files=disk, size=4096)
    for number in range(payloads):
        journal.append("answers", 21, bytes([number]) * 50)
    journal.sync()
    journal.close()
    return journal.path


def test_a_torn_tail_is_copied_aside_and_the_file_is_left_as_it_was() -> None:
    disk = SimulatedDisk()
    path = begun(disk)
    data = disk.read(path)
    end = scan_segment(data).end
    torn = data[: end - 20] + bytes(len(data) - end + 20)
    disk.put(path, torn)
    for _ in range(2):
        found = recover(FOLDER, BINDING.attempt, files=disk)
        assert found.segments[0].scan.count == 2
        assert found.link is not None
        assert found.link.count == 2
    assert disk.read(path) == torn
    aside = disk.read(path.with_suffix(".torn"))
    assert torn[:end].rstrip(b"\0").endswith(aside)
    assert len(aside) > 50


def test_what_was_read_after_a_restart_survives_the_next_power_cut() -> None:
    """A killed program's unsynced records are read from the page cache; they are synced before anything follows."""
    disk = SimulatedDisk()
    writer = JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk))
    for number in range(4):
        writer.append(answer(number), utc_ms=NOW)
    cuts = [disk.as_it_is().power_cut(random.Random(seed)) for seed in range(40)]
    assert min(recover(FOLDER, BINDING.attempt, files=cut).segments[0].scan.count for cut in cuts) < 4
    found = recover(FOLDER, BINDING.attempt, files=disk)
    assert found.segments[0].scan.count == 4
    for seed in range(40):
        after = disk.as_it_is().power_cut(random.Random(seed))
        assert recover(FOLDER, BINDING.attempt, files=after).segments[0].scan.count == 4


def test_a_run_that_wrote_nothing_is_not_what_the_next_one_follows() -> None:
    """Its segment has no record, so it never travels: nobody but this PC would find what was to be followed."""
    disk = SimulatedDisk()
    for count in (3, 0, 0, 1):
        writer = JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk))
        for number in range(count):
            writer.append(answer(number), utc_ms=NOW)
        writer.close()
    found = recover(FOLDER, BINDING.attempt, files=disk)
    first, last = found.segments[0].scan, found.segments[-1].scan
    assert (last.header.ordinal, len(found.segments)) == (3, 4)
    assert last.header.previous == Link(segment=first.header.segment, count=3, head=first.head.hex())


def test_unreadable_files_are_named_and_the_others_read() -> None:
    disk = SimulatedDisk()
    path = begun(disk)
    other = FOLDER / f"{BINDING.attempt}-0004-{'ab' * 16}.journal"
    disk.put(other, b"\0" * 500)
    found = recover(FOLDER, BINDING.attempt, files=disk)
    assert found.unreadable == (other,)
    assert [each.path for each in found.segments] == [path]
    assert read_segment(other, files=disk) is None


def test_attempts_are_found_by_their_files_even_with_a_dash_in_the_id() -> None:
    disk = SimulatedDisk()
    begun(disk)
    Journal.create(FOLDER, segment(Binding("s", "b-2-x", "pc", "r")), files=disk)
    disk.put(FOLDER / "reserve.bin", b"")
    assert attempts_in(FOLDER, files=disk) == (BINDING.attempt, "b-2-x")
    assert attempts_in(Path("/nowhere"), files=disk) == ()


def test_one_attempts_files_are_not_taken_for_anothers() -> None:
    disk = SimulatedDisk()
    Journal.create(FOLDER, segment(Binding("s", "a", "pc", "r")), files=disk)
    Journal.create(FOLDER, segment(Binding("s", "a-b", "pc", "r")), files=disk)
    assert [each.scan.header.attempt for each in recover(FOLDER, "a", files=disk).segments] == ["a"]


def test_a_stream_is_erased_from_the_files_and_everything_else_still_fits() -> None:
    disk = SimulatedDisk()
    for run in range(2):
        writer = JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk))
        writer.append(answer(run), utc_ms=NOW)
        writer.append_payload("keys", KEY_TIMINGS, b"[1,2,3]")
        writer.close()
    box = Outbox(FOLDER, device_key=signing("pc-07"), receipt_key=signing("store").public, files=disk)
    before = [parcel.sha256 for parcel in box.pending()]
    assert erase_stream(FOLDER, BINDING.attempt, "keys", files=disk) == 2
    for opener in (results(), recovery()):
        bundle = read_journal(FOLDER, BINDING.attempt, opener, files=disk)
        assert bundle.events == (answer(0), answer(1))
        assert bundle.faults == ()
        assert [entry.payload for entry in bundle.entries if entry.stream == "keys"] == [None, None]
    again = Outbox(FOLDER, device_key=signing("pc-07"), receipt_key=signing("store").public, files=disk)
    assert [parcel.sha256 for parcel in again.pending()] == before


def test_a_segment_whose_header_could_not_be_written_leaves_no_file_behind() -> None:
    for refused in ("write", "sync"):
        disk = SimulatedDisk(lambda _, operation, refused=refused: OSError(5, "EIO") if operation == refused else None)
        with pytest.raises(OSError, match="EIO"):
            Journal.create(FOLDER, segment(), files=disk)
        assert disk.names(FOLDER) == ()


def test_a_failed_or_closed_segment_takes_nothing_more() -> None:
    journal = Journal.create(FOLDER, segment(), files=SimulatedDisk())
    journal.close()
    with pytest.raises(SyncUsageError, match="Begin a new segment"):
        journal.append("answers", 21, b"x")
    with pytest.raises(SyncUsageError):
        journal.sync()


def test_random_damage_is_always_found_and_costs_hardly_any_other_record(proof: Proof) -> None:
    """A file of 20 records, up to 64 changed bytes in a row somewhere in it, its two headers included.

    Only damage that reaches into both copies of the header costs the file.
    """
    fill = random.Random(20_261_122)
    new, data = written([bytes(fill.randrange(200)) for _ in range(20)])
    whole, block = scan_segment(data), len(encode_preamble(new.preamble))
    data = data[: whole.end + 4096]
    ends = list(accumulate((len(record.raw) for record in whole.records), initial=2 * block))
    assert ends[-1] == whole.end
    with proof("random damage in a journal file", ci=5_000, full=100_000) as trial:
        for what in ("damages not found", "records lost that were not hit", "records read otherwise"):
            trial.count(what, 0)
        for seed in trial.seeds():
            chance = random.Random(seed)
            first = chance.randrange(whole.end)
            length = min(chance.choice((1, 1, 1, 2, 8, 64)), whole.end - first)
            noise = bytes(byte ^ chance.randrange(1, 256) for byte in data[first : first + length])
            damaged = data[:first] + noise + data[first + length :]
            if first < block < first + length:
                trial.count("both copies of the header hit")
                with pytest.raises(DamagedError, match="Keep the file for examination"):
                    scan_segment(damaged)
                continue
            scan = scan_segment(damaged)
            hit = [begin < first + length and first < end for begin, end in pairwise(ends)]
            left = {record.counter: record for record in scan.records}
            trial.count("damages not found", not (scan.damages or scan.torn_tail))
            trial.count("records hit", sum(hit))
            trial.count("records lost that were not hit", sum(not each for each in hit) - len(left))
            trial.count("records read otherwise", sum(whole.records[each] != left[each] for each in left))
        lost = trial.counts["records lost that were not hit"]
        assert (trial.counts["damages not found"], lost, trial.counts["records read otherwise"]) == (0, 0, 0)


# --- the real disk ----------------------------------------------------------------------------------------------------


def test_the_real_disk_reserves_writes_replaces_and_removes(tmp_path: Path) -> None:
    disk, path = DiskFiles(), tmp_path / "new" / "file"
    file = disk.create(path, 1000)
    assert path.stat().st_size == 1000
    write_whole(file, 10, b"hello")
    file.extend(2000)
    file.extend(5)
    file.sync()
    file.close()
    file.close()
    assert disk.read(path) == bytes(10) + b"hello" + bytes(1985)
    with pytest.raises(FileExistsError):
        disk.create(path, 1)
    disk.replace(path, b"other")
    assert (disk.read(path), disk.names(path.parent)) == (b"other", ("file",))
    disk.remove(path)
    disk.remove(path)
    assert disk.names(path.parent) == ()
    assert disk.free_bytes(tmp_path / "not" / "there") > 0


def test_without_the_system_calls_of_linux_the_same_bytes_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has neither pwrite, posix_fallocate nor fdatasync."""
    import os

    for name in ("pwrite", "posix_fallocate", "fdatasync"):
        monkeypatch.delattr(os, name, raising=False)
    disk = Disk(free_needed=0, reserve_bytes=100, segment_bytes=70_000)
    writer = JournalWriter.begin(tmp_path, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=disk)
    for number in range(5):
        writer.append(answer(number), utc_ms=NOW)
    writer.close()
    (found,) = recover(tmp_path, BINDING.attempt).segments
    assert found.scan.count == 5
    assert found.path.stat().st_size == 70_000
