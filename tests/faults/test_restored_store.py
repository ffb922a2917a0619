"""A store that was put back from a backup: the PCs notice and send again what it lost, without being asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kiosk.resending import AT_ONCE, BACK_SPREAD_S, START_SPREAD_S, Resending
from sync.client import StoreClient
from sync.errors import StoreUnreachableError, WrongSignatureError
from sync.keys import VerifyKey
from sync.outbox import Outbox
from sync.segment import KEY_TIMINGS, Binding
from sync.threads import SystemThreads
from sync.writer import Disk, JournalWriter
from tests.faults.room import Enrolled, StoreProcess, connector, now_utc_ms, rows_of
from tests.sync.examples import recipients

DAY_MS = 86_400_000


class Clock(SystemThreads):
    """Threads with a clock that the test moves."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def now_s(self) -> float:
        return self.at_s


@dataclass
class Pc:
    """A PC with journals of several attempts, its outbox and what looks after lost envelopes."""

    journals: Path
    enrolled: Enrolled
    receipt_key: VerifyKey
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.box = self.outbox()
        self.resending = Resending(self.box, self.enrolled.id, self.clock)

    def outbox(self) -> Outbox:
        return Outbox(self.journals, device_key=self.enrolled.keys.signing, receipt_key=self.receipt_key)

    def write(self, attempt: str, records: int) -> None:
        binding = Binding("s1", attempt, self.enrolled.id, "r.v1")
        disk = Disk(free_needed=0, reserve_bytes=0, segment_bytes=65_536)
        writer = JournalWriter.begin(self.journals, binding, recipients()[1:], now_utc_ms=now_utc_ms, disk=disk)
        for number in range(records):
            writer.append_payload("keys", KEY_TIMINGS, b"%d" % number)
        writer.close()
        self.box = self.outbox()
        self.resending = Resending(self.box, self.enrolled.id, self.clock)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[StoreProcess, list[Enrolled], VerifyKey]:
    return StoreProcess.make(tmp_path_factory.mktemp("made") / "store", 1)


@pytest.fixture
def store_and_pc(
    tmp_path: Path, made: tuple[StoreProcess, list[Enrolled], VerifyKey]
) -> Iterator[tuple[StoreProcess, Pc]]:
    first, (enrolled,), receipt_key = made
    shutil.copytree(first.folder, tmp_path / "store")
    store = StoreProcess(tmp_path / "store")
    store.start()
    yield store, Pc(tmp_path / "journals", enrolled, receipt_key)
    store.kill()


def put_back(store: StoreProcess, backup: Path) -> None:
    """Stop the service, replace the database by its copy, start the service on the same port."""
    store.kill()
    for name in ("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"):
        (store.folder / name).unlink(missing_ok=True)
        if (backup / name).exists():
            shutil.copy(backup / name, store.folder / name)
    store.start()


def test_what_a_restored_store_lost_is_noticed_by_its_shorter_log_and_sent_again(
    store_and_pc: tuple[StoreProcess, Pc], tmp_path: Path
) -> None:
    store, pc = store_and_pc
    connect = connector(store.port, store.folder / "ca.pem", read_s=30.0, connect_s=30.0)
    with connect(pc.enrolled) as client:
        pc.write("before", 200)
        pc.box.send(client.deliver)
        shutil.copytree(store.folder, tmp_path / "backup")  # nothing is being written
        pc.write("after", 400)
        pc.box.send(client.deliver)
        client.synchronise()
        whole = rows_of(store, "before") + rows_of(store, "after")
        assert pc.resending.turn(client, now_utc_ms()) == 0
        assert pc.box.pending() == ()

        put_back(store, tmp_path / "backup")
        assert rows_of(store, "after") == []
        assert pc.box.delivered("after").is_complete  # the PC does not know yet
        client.synchronise()
        assert client.has_gone_back
        pc.clock.at_s += START_SPREAD_S
        pc.resending.turn(client, now_utc_ms())
        pc.clock.at_s += START_SPREAD_S
        assert pc.resending.turn(client, now_utc_ms()) == len([row for row in whole if row.key[0] == "after"])
        assert not pc.box.delivered("after").is_complete
        assert pc.outbox().pending() != ()  # it is remembered over a restart of the program, too
        pc.box.send(client.deliver)
        assert pc.box.delivered("after").is_complete
        now = rows_of(store, "before") + rows_of(store, "after")
        assert [(row.key, row.data) for row in now] == [(row.key, row.data) for row in whole]
        pc.resending.begin(now_utc_ms(), 0.0)
        assert pc.resending.turn(client, now_utc_ms()) == 0


def test_what_a_restored_store_lost_is_sent_again_though_its_log_grew_past_what_the_pc_knew(
    store_and_pc: tuple[StoreProcess, Pc], tmp_path: Path
) -> None:
    store, pc = store_and_pc
    connect = connector(store.port, store.folder / "ca.pem", read_s=30.0, connect_s=30.0)
    with connect(pc.enrolled) as client:
        shutil.copytree(store.folder, tmp_path / "backup")  # nothing is being written
        pc.write("after", 3)
        pc.box.send(client.deliver)
        client.synchronise()
        pc.resending.turn(client, now_utc_ms())

        put_back(store, tmp_path / "backup")
        for number in range(3):
            pc.write(f"later{number}", 3)
            pc.box.send(client.deliver)
        client.synchronise()
        assert not client.has_gone_back  # the log is longer than this PC ever saw it
        assert client.has_begun_anew
        assert rows_of(store, "after") == []
        assert pc.resending.turn(client, now_utc_ms()) == 0
        pc.clock.at_s += BACK_SPREAD_S
        assert pc.resending.turn(client, now_utc_ms()) == 1
        pc.box.send(client.deliver)
        assert len(rows_of(store, "after")) == 1
        client.synchronise()
        assert not client.has_begun_anew


def test_a_store_that_went_back_while_the_pc_was_off_is_found_after_the_pcs_start(
    store_and_pc: tuple[StoreProcess, Pc], tmp_path: Path
) -> None:
    store, pc = store_and_pc
    connect = connector(store.port, store.folder / "ca.pem", read_s=30.0, connect_s=30.0)
    shutil.copytree(store.folder, tmp_path / "backup")
    attempts = [f"a{number}" for number in range(AT_ONCE + 2)]
    with connect(pc.enrolled) as client:
        for attempt in attempts:
            pc.write(attempt, 3)
        pc.box.send(client.deliver)
        assert_nothing_changes(pc, client, "a0")
        store.kill()
        pc.resending.begin(now_utc_ms(), 0.0)
        with pytest.raises(StoreUnreachableError):
            pc.resending.turn(client, now_utc_ms())
        assert pc.box.delivered("a0").is_complete
    put_back(store, tmp_path / "backup")
    again = Pc(pc.journals, pc.enrolled, pc.receipt_key)
    with connect(pc.enrolled) as client:
        again.resending.begin(now_utc_ms())
        again.clock.at_s += START_SPREAD_S
        while again.resending.turn(client, now_utc_ms()):
            pass
        again.box.send(client.deliver)
    for attempt in attempts:
        assert again.box.delivered(attempt).is_complete
        assert len(rows_of(store, attempt)) == 1


def assert_nothing_changes(pc: Pc, client: StoreClient, attempt: str) -> None:
    """What the store has is not sent again; old attempts are left alone; a forged receipt is refused."""
    pc.resending.begin(now_utc_ms(), 0.0)
    assert pc.resending.turn(client, now_utc_ms()) == 0
    assert pc.box.attempts(since_utc_ms=now_utc_ms() + DAY_MS) == ()
    (receipt,) = client.receipts(attempt)
    forged = receipt[:-40] + receipt[-40:].replace(b"1", b"2").replace(b"a", b"b")
    assert forged != receipt
    with pytest.raises(WrongSignatureError):
        pc.box.compare(attempt, [forged])
    assert pc.box.delivered(attempt).is_complete
    assert pc.box.compare(attempt, [receipt]) == 0
