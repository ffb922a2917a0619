"""The stick does what the network does: the same envelopes, once, verified, with receipts; it may fail at any time."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centralstore.commands import main as store_command
from centralstore.counter import perform
from centralstore.desk import Answer, CommandRequest
from centralstore.errors import SetUpError
from centralstore.stick import import_envelopes
from centralstore.store import Store
from kiosk.alone import alone
from kiosk.app import main as kiosk_command
from kiosk.folder import Enrolment, StateFolder
from sync.bundle import read_journal
from sync.envelope import verify
from sync.errors import StickError
from sync.files import DiskFiles
from sync.keys import VerifyKey
from sync.outbox import LEDGER_NAME, Outbox
from sync.segment import KEY_TIMINGS, Binding, RecordSealer, SegmentScan
from sync.writer import Disk, JournalWriter
from tests.faults.room import Enrolled, StoreProcess, now_utc_ms, rows_of
from tests.sync.examples import recipients, recovery, signing

RECORDS = 600


@dataclass
class Desk:
    """The command desk of an open store in this process."""

    store: Store

    def ask(self, name: str, **arguments: object) -> Answer:
        return perform(self.store, CommandRequest(name=name, arguments=arguments))


@dataclass
class Pc:
    """An enrolled PC's state folder, as the kiosk leaves it."""

    state: StateFolder
    enrolled: Enrolled
    receipt_key: VerifyKey
    store: StoreProcess

    def write(self, attempt: str, records: int = RECORDS) -> None:
        binding = Binding("s1", attempt, self.enrolled.id, "r.v1")
        disk = Disk(free_needed=0, reserve_bytes=0, segment_bytes=65_536)
        writer = JournalWriter.begin(self.journals, binding, recipients()[1:], now_utc_ms=now_utc_ms, disk=disk)
        for number in range(records):
            writer.append_payload("keys", KEY_TIMINGS, b"%d" % number)
        writer.close()

    @property
    def journals(self) -> Path:
        return self.state.journals

    def outbox(self, files: DiskFiles | None = None) -> Outbox:
        keys = self.enrolled.keys.signing
        return Outbox(self.journals, device_key=keys, receipt_key=self.receipt_key, files=files)

    def save(self, stick: Path) -> int:
        """`./run kiosk --state … --export STICK`."""
        return kiosk_command(["--state", str(self.state.root), "--export", str(stick)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[StoreProcess, list[Enrolled], VerifyKey]:
    return StoreProcess.make(tmp_path_factory.mktemp("made") / "store", 1)


@pytest.fixture
def pc(tmp_path: Path, made: tuple[StoreProcess, list[Enrolled], VerifyKey]) -> Iterator[Pc]:
    first, (enrolled,), receipt_key = made
    shutil.copytree(first.folder, tmp_path / "store")
    store = StoreProcess(tmp_path / "store")
    state = StateFolder(tmp_path / "pc")
    enrolled.keys.save(state.device_keys)
    others = {name: signing(name).public.hex for name in ("order_key", "ticket_key", "authority")}
    state.keep_enrolment(Enrolment(enrolled.id, "PC 7", "https://127.0.0.1:9", receipt_key=receipt_key.hex, **others))
    yield Pc(state, enrolled, receipt_key, store)
    store.kill()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def names(stick: Path, suffix: str) -> list[str]:
    return sorted(path.name for path in stick.iterdir() if path.name.endswith(suffix))


@pytest.mark.parametrize("is_running", [False, True])
def test_what_a_pc_saved_is_imported_and_the_receipts_come_back(
    pc: Pc, stick: Path, capsys: pytest.CaptureFixture[str], is_running: bool
) -> None:
    pc.write("a1")
    assert pc.save(stick) == 0
    saved = names(stick, ".envelope")
    assert len(saved) > 1
    assert f"PC 7: {len(saved)} envelopes are saved to {stick}." in capsys.readouterr().out
    if is_running:
        pc.store.start()
    for _ in range(2):  # the second time changes nothing
        assert store_command(["import-envelopes", str(pc.store.folder), str(stick)]) == 0
        assert f"{len(saved)} envelopes are kept by the store." in capsys.readouterr().out
    assert names(stick, ".receipt") == [f"{name}.receipt" for name in saved]
    kept = [row.data for row in rows_of(pc.store, "a1")]
    assert sorted(kept) == sorted((stick / name).read_bytes() for name in saved)
    assert not pc.outbox().delivered("a1").is_complete
    assert pc.save(stick) == 0
    told = capsys.readouterr().out
    assert f"{len(saved)} receipts of the store were taken in" in told
    assert "nothing was left to save" in told
    assert pc.outbox().delivered("a1").is_complete


def test_everything_is_saved_when_it_is_asked_for_and_builds_up_an_empty_store(
    pc: Pc, stick: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(pc.store.folder, tmp_path / "empty")
    empty = StoreProcess(tmp_path / "empty")
    pc.write("a1")
    pc.save(stick)
    store_command(["import-envelopes", str(pc.store.folder), str(stick)])
    pc.save(stick)
    other = tmp_path / "other"
    other.mkdir()
    capsys.readouterr()
    assert kiosk_command(["--state", str(pc.state.root), "--export", str(other), "--everything"]) == 0
    assert store_command(["import-envelopes", str(empty.folder), str(other)]) == 0
    kept = [(row.key, row.data) for row in rows_of(empty, "a1")]
    assert kept == [(row.key, row.data) for row in rows_of(pc.store, "a1")]
    assert len(kept) > 1


def test_damaged_files_are_named_and_left_and_the_others_taken_in(
    pc: Pc, stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pc.write("a1")
    pc.save(stick)
    saved = names(stick, ".envelope")
    bad = (stick / saved[0]).read_bytes()
    changed = bad[:100] + bytes([bad[100] ^ 1]) + bad[101:]
    (stick / saved[0]).write_bytes(changed)
    (stick / "z.envelope").write_bytes(bytes(300_000))
    (stick / "holiday.jpg").write_bytes(b"no envelope")
    capsys.readouterr()
    assert store_command(["import-envelopes", str(pc.store.folder), str(stick)]) == 1
    told = capsys.readouterr().out
    assert f"{len(saved) - 1} envelopes are kept" in told
    assert f"{saved[0]} was not taken in and stays on the stick: Envelope: The envelope is" in told
    assert "z.envelope was not taken in and stays on the stick: It is too long to be an envelope." in told
    assert (stick / saved[0]).read_bytes() == changed
    assert len(rows_of(pc.store, "a1")) == len(saved) - 1
    assert pc.save(stick) == 0  # the PC saves the one that is missing once more, over the damaged file
    assert "1 envelopes are saved" in capsys.readouterr().out
    (stick / "z.envelope").unlink()
    assert store_command(["import-envelopes", str(pc.store.folder), str(stick)]) == 0
    assert len(rows_of(pc.store, "a1")) == len(saved)


def test_a_conflict_on_a_stick_is_shown_and_overwrites_nothing(
    pc: Pc, stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pc.write("a1", 3)
    (parcel,) = pc.outbox().pending()
    pc.save(stick)
    store_command(["import-envelopes", str(pc.store.folder), str(stick)])
    before = rows_of(pc.store, "a1")
    (name,) = names(stick, ".envelope")
    (stick / name).write_bytes(another_version(pc, parcel.data))
    capsys.readouterr()
    assert store_command(["import-envelopes", str(pc.store.folder), str(stick)]) == 1
    assert f"{name}: another envelope lies in its place" in capsys.readouterr().out
    assert rows_of(pc.store, "a1") == before
    with closing(sqlite3.connect(pc.store.folder / "store.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM conflict").fetchone() == (1,)


def another_version(pc: Pc, data: bytes) -> bytes:
    """An envelope with other content for the same place, genuinely signed, as a dishonest PC could make it."""
    from sync.envelope import pack
    from sync.segment import NO_HASH, NewSegment, open_stream_keys

    envelope = verify(data, pc.enrolled.keys.signing.public)
    sealer = RecordSealer(NewSegment(envelope.preamble, open_stream_keys(envelope.preamble, recovery())))
    records = tuple(sealer.seal("keys", KEY_TIMINGS, b"other") for _ in envelope.records)
    scan = SegmentScan(envelope.preamble, records, (), (), b"", 0)
    return pack(scan, envelope.header.first, envelope.header.last, NO_HASH, pc.enrolled.keys.signing)


def test_nothing_is_saved_while_the_exam_window_is_open_or_where_there_is_no_stick(
    pc: Pc, stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pc.write("a1", 3)
    with alone(pc.state.root):
        assert pc.save(stick) == 2
    assert "The exam window is open on this PC" in capsys.readouterr().err
    assert pc.save(stick / "not there") == 2
    assert "Put the stick in" in capsys.readouterr().err
    assert names(stick, "") == []


# --- a medium that fails ----------------------------------------------------------------------------------------------


class FailingStick(DiskFiles):
    """Works ``works`` times, then refuses everything that touches the stick; the file then written is left torn."""

    def __init__(self, stick: Path, works: int, error: int) -> None:
        self._stick, self._left, self._error = stick, works, error

    def _touch(self, path: Path) -> None:
        if self._stick in (path, path.parent):
            if self._left <= 0:
                raise OSError(self._error, os.strerror(self._error), str(path))
            self._left -= 1

    def replace(self, path: Path, data: bytes) -> None:
        try:
            self._touch(path)
        except OSError:
            path.with_name(path.name + ".new").write_bytes(data[: len(data) // 2])
            raise
        super().replace(path, data)

    def read(self, path: Path) -> bytes:
        self._touch(path)
        return super().read(path)

    def names(self, folder: Path) -> tuple[str, ...]:
        self._touch(folder)
        return super().names(folder)


FAULTS = {"full": errno.ENOSPC, "read only": errno.EROFS, "pulled out": errno.EIO, "gone": errno.ENODEV}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_stick_that_fails_while_a_pc_saves_is_told_in_one_sentence_and_costs_nothing(
    pc: Pc, stick: Path, tmp_path: Path, fault: str
) -> None:
    pc.write("a1")
    good = tmp_path / "good stick"
    good.mkdir()
    pc.outbox().export(good)
    envelopes = [(good / name).read_bytes() for name in names(good, ".envelope")]
    assert len(envelopes) >= 3
    for works in range(len(envelopes)):
        with pytest.raises(StickError) as told:
            pc.outbox(FailingStick(stick, works, FAULTS[fault])).export(stick)
        assert str(told.value) == (
            f"Only {works} envelopes were saved to {stick}: {os.strerror(FAULTS[fault])}. "
            "Nothing is lost on this PC: use another medium, or free room there, and save again."
        )
        assert [(stick / name).read_bytes() for name in names(stick, ".envelope")] == envelopes[:works]
    other = tmp_path / "another stick"
    other.mkdir()
    assert pc.outbox().export(other) == len(envelopes)
    assert [(other / name).read_bytes() for name in names(other, ".envelope")] == envelopes
    assert len(read_journal(pc.journals, "a1", recovery()).entries) == RECORDS


@pytest.mark.parametrize("fault", FAULTS)
def test_a_stick_that_fails_while_the_store_imports_costs_nothing(pc: Pc, stick: Path, fault: str) -> None:
    pc.write("a1")
    whole = pc.outbox().export(stick)
    store = Store.open(pc.store.folder)
    desk = Desk(store)
    try:
        for works in range(1, 2 * whole + 1):
            files = FailingStick(stick, works, FAULTS[fault])
            if works <= whole:  # reading fails
                with pytest.raises(SetUpError, match=r"it can no longer be read .* Put the stick in again"):
                    import_envelopes(desk, stick, files=files)
            else:  # writing a receipt fails
                imported = import_envelopes(desk, stick, files=files)
                assert (imported.kept, imported.is_whole) == (whole, False)
                assert f"Receipts could not be written to {stick}" in list(imported.sentences(stick))[-1]
        assert import_envelopes(desk, stick).is_whole
    finally:
        store.close()
    assert pc.outbox().take_receipts(stick).new == whole
    assert pc.outbox().delivered("a1").is_complete
    assert len(rows_of(pc.store, "a1")) == whole


# --- network and stick, in any order ----------------------------------------------------------------------------------

STEPS = ("write", "network", "network without answer", "save", "import", "take receipts", "restart", "lose the ledger")


def test_network_and_stick_in_any_order_give_what_the_network_alone_gives(pc: Pc, tmp_path: Path) -> None:
    shutil.copytree(pc.store.folder, tmp_path / "network only")
    both, alone_store = Store.open(pc.store.folder), Store.open(tmp_path / "network only")
    number = iter(range(10_000))

    @settings(max_examples=40)
    @given(st.lists(st.sampled_from(STEPS), max_size=14))
    def run(steps: list[str]) -> None:
        attempt = f"a{next(number)}"
        journals, stick = tmp_path / attempt, tmp_path / f"{attempt}-stick"
        stick.mkdir()
        way = Ways(pc, attempt, journals, stick, both)
        for step in ("write", *steps):
            way.do(step)
        if len(steps) % 2:
            way.do("network")
        else:
            for step in ("save", "import", "take receipts"):
                way.do(step)
        box = way.box
        assert box.pending() == ()
        assert box.delivered(attempt).is_complete
        ledger = journals / LEDGER_NAME
        ledger.write_bytes(b"\n".join(line for line in ledger.read_bytes().split(b"\n") if b'"packed"' in line))
        way.opened().send(lambda data: alone_store.keep_envelope(data).result().receipt)
        assert contents(both, attempt) == contents(alone_store, attempt)
        assert len(read_journal(journals, attempt, recovery()).entries) == way.written

    try:
        run()
    finally:
        both.close()
        alone_store.close()


class Ways:
    """One attempt, sent in whichever way."""

    def __init__(self, pc: Pc, attempt: str, journals: Path, stick: Path, store: Store) -> None:
        self.pc, self.attempt, self.journals, self.stick, self.store = pc, attempt, journals, stick, store
        self.written = 0
        self.box = self.opened()

    def opened(self) -> Outbox:
        return Outbox(self.journals, device_key=self.pc.enrolled.keys.signing, receipt_key=self.pc.receipt_key)

    def deliver(self, data: bytes) -> bytes:
        return self.store.keep_envelope(data).result().receipt

    def do(self, step: str) -> None:
        steps: dict[str, Callable[[], object]] = {
            "write": self._write,
            "network": lambda: self.box.send(self.deliver),
            "network without answer": lambda: [self.deliver(parcel.data) for parcel in self.box.pending(most=2)],
            "save": lambda: self.box.export(self.stick),
            "import": lambda: import_envelopes(Desk(self.store), self.stick),
            "take receipts": lambda: self.box.take_receipts(self.stick),
            "restart": lambda: None,
            "lose the ledger": lambda: (self.journals / LEDGER_NAME).unlink(missing_ok=True),
        }
        steps[step]()
        if step in ("restart", "lose the ledger", "write"):
            self.box = self.opened()

    def _write(self) -> None:
        """A run of the program: a segment of its own."""
        binding = Binding("s1", self.attempt, self.pc.enrolled.id, "r.v1")
        disk = Disk(free_needed=0, reserve_bytes=0, segment_bytes=65_536)
        writer = JournalWriter.begin(self.journals, binding, recipients()[1:], now_utc_ms=now_utc_ms, disk=disk)
        for _ in range(150):
            writer.append_payload("keys", KEY_TIMINGS, b"%d" % self.written)
            self.written += 1
        writer.close()


def contents(store: Store, attempt: str) -> str:
    """A hash of what a store keeps of an attempt."""
    return hashlib.sha256(b"".join(sorted(store.envelopes(attempt)))).hexdigest()
