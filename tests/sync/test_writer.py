"""The kiosk's journal writer: what is acknowledged is there, whatever the disk did meanwhile."""

from __future__ import annotations

import contextlib
import errno
import random
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sync.bundle import read_journal
from sync.errors import DiskSpaceError, FileFailedError, JournalFailedError, SyncUsageError
from sync.journal import Journal, recover
from sync.segment import KEY_TIMINGS
from sync.writer import RESERVE_NAME, Disk, JournalTrouble, JournalWriter, Position
from tests.proof import Proof
from tests.sync.examples import BINDING, FOLDER, NOW, answer, recipients, recovery, results, small_disk
from tests.sync.simulated_disk import SimulatedDisk

PATIENCE_S = 60.0

FAULTS: dict[str, OSError | int] = {
    "ENOSPC": OSError(errno.ENOSPC, "No space left on device"),
    "EIO": OSError(errno.EIO, "Input/output error"),
    "EFBIG": OSError(errno.EFBIG, "File too large"),
    "short write": 40,
    "nothing written": 0,
}


def begin(disk: SimulatedDisk, **more: Any) -> JournalWriter:
    return JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk), **more)


def numbers(disk: SimulatedDisk) -> list[int]:
    bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
    return [event.at_ms // 1000 for event in bundle.events]


def test_facts_come_back_in_order_after_commit() -> None:
    disk = SimulatedDisk()
    writer = begin(disk)
    for number in range(40):
        writer.append(answer(number), utc_ms=NOW + number)
    assert writer.commit() == writer.written_position == writer.durable_position
    bundle = read_journal(FOLDER, BINDING.attempt, results(), files=disk)
    assert bundle.events == tuple(answer(number) for number in range(40))
    assert bundle.last_utc_ms == NOW + 39
    assert bundle.faults == ()


def test_durable_is_told_only_after_the_sync() -> None:
    disk = SimulatedDisk()
    told: list[Position] = []
    writer = begin(disk, on_durable=told.append)
    first = writer.append(answer(0), utc_ms=NOW)
    assert (told, writer.durable_position < first) == ([], True)
    writer.commit()
    assert told == [first]
    assert writer.durable_position >= first


def test_a_commit_soon_comes_by_itself_and_groups_records() -> None:
    disk, done = SimulatedDisk(), threading.Event()
    writer = begin(disk, on_durable=lambda position: done.set() if position.counter == 19 else None)
    syncs = disk.operations
    for number in range(20):
        writer.append(answer(number), utc_ms=NOW)
        writer.commit_soon(5000 if number < 19 else 1)
    assert done.wait(PATIENCE_S)
    assert disk.operations - syncs <= 20 + 2 + 4  # writes, one or two syncs, extending the file
    writer.close()


def test_many_threads_may_append_and_commit() -> None:
    disk = SimulatedDisk()
    writer = begin(disk)

    def work(begin_at: int) -> None:
        for number in range(begin_at, begin_at + 25):
            position = writer.append(answer(number), utc_ms=NOW)
            assert writer.commit() >= position

    threads = [threading.Thread(target=work, args=(100 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers(disk)) == [100 * index + each for index in range(4) for each in range(25)]


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_every_operation_loses_nothing_acknowledged(fault: str, proof: Proof) -> None:
    """Every write, sync, extend and create of an attempt fails once, each in a run of its own."""
    begun = begin_operations()
    with proof("one fault at every operation of an attempt", ci=2, full=20, block=list(FAULTS).index(fault)) as trial:
        trial.count("acknowledged records lost", 0)
        for seed in trial.seeds():
            counting = SimulatedDisk()
            run_attempt(counting, [], seed)
            for place in range(begun, counting.operations):
                troubles: list[JournalTrouble] = []
                disk = SimulatedDisk(lambda number, _, place=place: FAULTS[fault] if number == place else None)
                acknowledged = run_attempt(disk, troubles, seed)
                trial.count("faults")
                trial.count("acknowledged records lost", len(set(acknowledged) - set(numbers(disk))))
                assert numbers(disk) == acknowledged == list(range(15)), f"seed {seed}, operation {place}"
                assert [trouble.kind for trouble in troubles] == ["new_segment"]
                bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
                assert {each.kind for each in bundle.faults} <= {"torn_tail", "superseded", "damaged_bytes"}


def test_two_faults_close_together_lose_nothing_acknowledged_either() -> None:
    """The second fault hits the new segment while what was not durable is being written again."""
    first = begin_operations()
    for place in range(first, first + 18, 2):
        for distance in range(1, 7):
            kinds = list(FAULTS.values())
            faults = {place: kinds[place % 5], place + distance: kinds[distance % 5]}
            disk = SimulatedDisk(lambda number, _, faults=faults: faults.get(number))
            acknowledged = run_attempt(disk, [])
            assert numbers(disk) == acknowledged, f"operations {place} and {place + distance}"
            bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
            assert "fork" not in {each.kind for each in bundle.faults}
            assert len(numbers(disk.power_cut(random.Random(place)))) == 15


@pytest.mark.parametrize("fails_at", ["first", "always"])
def test_whoever_is_told_of_what_is_durable_cannot_end_the_writers_thread(
    caplog: pytest.LogCaptureFixture, fails_at: str
) -> None:
    disk, seen, done = SimulatedDisk(), list[Position](), [threading.Event(), threading.Event()]

    def told(position: Position) -> None:
        seen.append(position)
        done[position.counter].set()
        if fails_at == "always" or position.counter == 0:
            raise ValueError(position)

    writer = begin(disk, on_durable=told)
    for number in range(2):
        writer.append(answer(number), utc_ms=NOW)
        writer.commit_soon()
        assert done[number].wait(PATIENCE_S)
    writer.append(answer(2), utc_ms=NOW)
    writer.commit_soon()
    writer.close()
    assert numbers(disk) == [0, 1, 2]
    assert "could not be taken in" in caplog.text


def test_whoever_is_told_of_a_fault_of_the_disk_cannot_undo_the_new_segment(caplog: pytest.LogCaptureFixture) -> None:
    disk = SimulatedDisk(lambda number, _: FAULTS["EIO"] if number == fault_at else None)
    fault_at = begin_operations() + 1

    def told(trouble: JournalTrouble) -> None:
        raise RuntimeError(trouble.kind)

    writer = begin(disk, on_trouble=told)
    for number in range(3):
        writer.append(answer(number), utc_ms=NOW)
    assert writer.commit() == Position(1, 2)
    assert numbers(disk) == [0, 1, 2]
    assert "could not be taken in" in caplog.text


def test_a_fault_that_nobody_foresaw_does_not_end_the_writers_thread(caplog: pytest.LogCaptureFixture) -> None:
    is_broken, done = threading.Event(), threading.Event()

    def plan(_number: int, operation: str) -> None:
        if operation == "sync" and is_broken.is_set():
            is_broken.clear()
            raise RuntimeError

    disk = SimulatedDisk(plan)
    writer = begin(disk, on_durable=lambda _: done.set())
    writer.append(answer(0), utc_ms=NOW)
    is_broken.set()
    writer.commit_soon()
    assert done.wait(PATIENCE_S)
    assert numbers(disk.power_cut(random.Random(1))) == [0]
    assert "the journal's thread tries again" in caplog.text
    writer.close()


def test_a_record_refused_while_the_thread_is_about_to_sync_is_in_the_new_segment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread then finds its file closed under it, and all of it durable in the next one."""
    fails = threading.Event()
    disk = SimulatedDisk(lambda _, operation: FAULTS["EIO"] if operation == "write" and fails.is_set() else None)
    writer = begin(disk)
    writer.append(answer(0), utc_ms=NOW)
    sync = Journal.sync

    def refused_first(journal: Journal) -> None:
        monkeypatch.setattr(Journal, "sync", sync)
        fails.set()
        monkeypatch.setattr(disk, "create", healing(disk, fails))
        writer.append(answer(1), utc_ms=NOW)  # another thread's, in between
        sync(journal)

    monkeypatch.setattr(Journal, "sync", refused_first)
    assert writer.commit() == Position(1, 1)
    assert numbers(disk.power_cut(random.Random(1))) == [0, 1]


def healing(disk: SimulatedDisk, fails: threading.Event) -> Callable[..., Any]:
    """A disk that is well again when a new file is begun."""
    create = disk.create

    def create_healed(path: Path, size: int) -> Any:
        fails.clear()
        return create(path, size)

    return create_healed


def begin_operations() -> int:
    disk = SimulatedDisk()
    begin(disk)
    return disk.operations


def run_attempt(disk: SimulatedDisk, troubles: list[JournalTrouble], seed: int = 0) -> list[int]:
    """Fifteen answers and a commit every third, or where the seed puts them; which of them were acknowledged."""
    writer = begin(disk, on_trouble=troubles.append)
    commits = {2, 5, 8, 11, 14} if seed == 0 else {14, *random.Random(seed).sample(range(14), 5)}
    for number in range(15):
        writer.append(answer(number), utc_ms=NOW)
        if number in commits:
            writer.commit()
    return list(range(15))


def test_after_a_failed_sync_the_old_file_is_not_trusted_again() -> None:
    """The simulated disk drops what was not synced and then reports success, as Linux does (fsyncgate)."""
    syncs: list[int] = []

    def plan(number: int, operation: str) -> OSError | int | None:
        if operation == "sync":
            syncs.append(number)
        return FAULTS["EIO"] if operation == "sync" and len(syncs) == 3 else None

    disk = SimulatedDisk(plan)
    writer = begin(disk)
    writer.append(answer(0), utc_ms=NOW)
    writer.commit()
    writer.append(answer(1), utc_ms=NOW)
    writer.append(answer(2), utc_ms=NOW)
    position = writer.commit()
    assert position == Position(1, 1)
    after = disk.power_cut(random.Random(1))
    assert numbers(after) == [0, 1, 2]


def elsewhere(work: Callable[[], object]) -> None:
    """Do it in another thread, wholly."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_an_answer_that_comes_while_a_sync_fails_in_another_thread_stands_in_the_new_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It comes after the failure and before the committing thread has begun a new segment."""
    syncs = {"left": 1}
    failing = threading.Event()
    disk = SimulatedDisk(
        lambda _, operation: (
            FAULTS["EIO"] if operation == "sync" and failing.is_set() and syncs.pop("left", 0) else None
        )
    )
    troubles: list[JournalTrouble] = []
    writer = begin(disk, on_trouble=troubles.append)
    writer.append(answer(0), utc_ms=NOW)
    failing.set()
    sync = writer._journal.sync

    def failing_sync() -> None:
        try:
            sync()
        except OSError:
            elsewhere(lambda: writer.append(answer(1), utc_ms=NOW))
            raise

    monkeypatch.setattr(writer._journal, "sync", failing_sync)
    assert writer.commit() == Position(1, 1)
    assert [trouble.kind for trouble in troubles] == ["new_segment"]
    writer.append(answer(2), utc_ms=NOW)
    writer.commit()
    assert numbers(disk.power_cut(random.Random(0))) == [0, 1, 2]


@pytest.mark.parametrize("helps", [True, False])
def test_a_commit_whose_file_is_given_up_under_it_tells_what_became_of_it(
    helps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append fails in another thread between a commit's look at the file and its sync."""
    full = threading.Event()
    disk = SimulatedDisk(
        lambda _, operation: FAULTS["EIO"] if full.is_set() and (operation == "write" or not helps) else None
    )
    writer = begin(disk)
    writer.append(answer(0), utc_ms=NOW)
    sync = writer._journal.sync

    def append_that_fails() -> None:
        full.set()
        with contextlib.suppress(JournalFailedError):
            writer.append(answer(1), utc_ms=NOW)

    def late_sync() -> None:
        elsewhere(append_that_fails)
        sync()

    monkeypatch.setattr(writer._journal, "sync", late_sync)
    if helps:
        monkeypatch.setattr(writer._journal._file, "close", full.clear)  # the new file can be written
        assert writer.commit() == Position(1, 1)
        assert numbers(disk.power_cut(random.Random(0))) == [0, 1]
    else:
        with pytest.raises(JournalFailedError, match="0 records of its last file are safe"):
            writer.commit()


def test_when_nothing_helps_the_caller_is_told_and_what_was_durable_stays() -> None:
    broken = threading.Event()
    disk = SimulatedDisk(lambda _, __: FAULTS["EIO"] if broken.is_set() else None)
    troubles: list[JournalTrouble] = []
    writer = begin(disk, on_trouble=troubles.append)
    for number in range(3):
        writer.append(answer(number), utc_ms=NOW)
    writer.commit()
    broken.set()
    with pytest.raises(JournalFailedError, match="3 records of its last file are safe") as told:
        writer.append(answer(3), utc_ms=NOW)
    assert told.value.durable == 3
    assert [trouble.kind for trouble in troubles] == ["failed"]
    with pytest.raises(JournalFailedError):
        writer.append(answer(4), utc_ms=NOW)
    with pytest.raises(JournalFailedError):
        writer.commit()
    disk.heal()
    assert numbers(disk)[:3] == [0, 1, 2]


def test_a_full_disk_gives_up_the_reserve() -> None:
    full = threading.Event()
    disk = SimulatedDisk(
        lambda _, operation: FAULTS["ENOSPC"] if operation == "write" and full.is_set() and reserved() else None
    )

    def reserved() -> bool:
        return RESERVE_NAME in disk.names(FOLDER)

    troubles: list[JournalTrouble] = []
    writer = begin(disk, on_trouble=troubles.append)
    assert reserved()
    writer.append(answer(0), utc_ms=NOW)
    full.set()
    writer.append(answer(1), utc_ms=NOW)
    writer.commit()
    assert not reserved()
    assert troubles[0].kind == "new_segment"
    assert numbers(disk) == [0, 1]


def test_too_little_room_refuses_to_begin_but_not_to_go_on() -> None:
    disk = SimulatedDisk(free=2**30 - 1)
    with pytest.raises(DiskSpaceError, match="1023 MiB are free in /journal; 1024 MiB are needed"):
        JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=Disk(files=disk))
    disk.free = 2**30
    writer = JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=Disk(files=disk))
    writer.append(answer(0), utc_ms=NOW)
    writer.commit()
    disk.free = 0
    again = JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=Disk(files=disk))
    again.append(answer(1), utc_ms=NOW)
    assert numbers(disk) == [0, 1]


def test_what_was_not_committed_is_when_the_writer_is_closed() -> None:
    disk = SimulatedDisk()
    writer = begin(disk)
    for number in range(20):
        writer.append(answer(number), utc_ms=NOW)
    writer.close()
    for seed in range(20):
        assert numbers(disk.as_it_is().power_cut(random.Random(seed))) == list(range(20))


def test_a_sync_that_ends_after_its_file_was_given_up_takes_nothing_from_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An append fails in another thread while the old file is being synced; then the new file's first sync fails."""
    fails: list[str] = []
    disk = SimulatedDisk(
        lambda _, operation: FAULTS["EIO"] if operation in fails and not fails.remove(operation) else None
    )
    writer = begin(disk)
    for number in range(3):
        writer.append(answer(number), utc_ms=NOW)
    sync = writer._journal.sync

    def append_that_fails() -> None:
        fails.append("write")
        for number in (3, 4, 5):
            writer.append(answer(number), utc_ms=NOW)

    def slow_sync() -> None:
        sync()
        elsewhere(append_that_fails)

    monkeypatch.setattr(writer._journal, "sync", slow_sync)
    durable = writer.commit()
    assert durable == writer.durable_position == Position(1, 3)
    fails.append("sync")
    assert writer.commit() == Position(2, 1)
    for seed in range(20):
        assert numbers(disk.as_it_is().power_cut(random.Random(seed))) == list(range(6))


def test_a_disk_that_refuses_the_first_write_is_told_and_nothing_is_begun() -> None:
    disk = SimulatedDisk(lambda _, operation: FAULTS["EIO"] if operation in ("create", "write") else None)
    with pytest.raises(FileFailedError, match="Could not begin a journal in /journal: Input/output error"):
        begin(disk)
    disk.heal()
    assert numbers(disk) == []


def test_every_run_begins_a_new_segment_with_fresh_keys_that_follows_the_last() -> None:
    disk = SimulatedDisk()
    for run in range(4):
        writer = begin(disk)
        writer.append(answer(run), utc_ms=NOW)
        writer.commit()
        writer.close()
    found = recover(FOLDER, BINDING.attempt, files=disk)
    headers = [each.scan.header for each in found.segments]
    assert [header.ordinal for header in headers] == [0, 1, 2, 3]
    assert len({header.segment for header in headers}) == 4
    for before, after in pairwise(headers):
        assert after.previous is not None
        assert after.previous.segment == before.segment
    sealed = [key.sealed for each in found.segments for keys in each.scan.preamble.keys.values() for key in keys]
    assert len(set(sealed)) == len(sealed)
    assert numbers(disk) == [0, 1, 2, 3]


def test_key_timings_stand_beside_the_facts_on_their_own_stream() -> None:
    disk = SimulatedDisk()
    writer = begin(disk)
    writer.append(answer(0), utc_ms=NOW)
    writer.append_payload("keys", KEY_TIMINGS, b"[1,2,3]")
    writer.commit()
    bundle = read_journal(FOLDER, BINDING.attempt, results(), files=disk)
    assert [(entry.stream, entry.type) for entry in bundle.entries] == [("answers", 21), ("keys", KEY_TIMINGS)]
    assert bundle.entries[1].payload == b"[1,2,3]"
    assert len(bundle.facts) == 1


def test_a_closed_writer_refuses() -> None:
    writer = begin(SimulatedDisk())
    writer.append(answer(0), utc_ms=NOW)
    writer.commit_soon()
    writer.close()
    with pytest.raises(JournalFailedError, match="it was closed"):
        writer.append(answer(1), utc_ms=NOW)
    with pytest.raises(SyncUsageError):
        writer.commit_soon()


def test_the_real_disk_does_the_same(tmp_path: Path) -> None:
    disk = Disk(free_needed=0, reserve_bytes=4096, segment_bytes=8192)
    for run in range(2):
        writer = JournalWriter.begin(tmp_path, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=disk)
        for number in range(50):
            writer.append(answer(100 * run + number), utc_ms=NOW)
            writer.commit_soon()
        writer.close()
    bundle = read_journal(tmp_path, BINDING.attempt, recovery())
    assert [event.at_ms // 1000 for event in bundle.events] == [*range(50), *range(100, 150)]
    assert bundle.faults == ()
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {0o600}
