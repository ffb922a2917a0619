"""Forty exam PCs with real journals, outboxes and clients, and a real store in a process of its own."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from centralstore.folder import init_folder
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from sync.bundle import read_envelopes
from sync.client import StoreClient
from sync.envelope import envelope_sha256, verify
from sync.errors import StoreRefusedError, SyncDataError, SyncError
from sync.keys import DeviceKeys, VerifyKey, sha256_hex
from sync.outbox import Outbox
from sync.passwords import TEST_COST
from sync.receipt import verify_receipt
from sync.segment import KEY_TIMINGS, Binding
from sync.writer import Disk, JournalWriter
from tests.faults.proxy import FAULTS, Proxy, Tally, flipped
from tests.proof import Trial
from tests.sync.examples import recipients, recovery, signing

ROOT = Path(__file__).resolve().parents[2]
RUN = "import sys; from centralstore.commands import main; sys.exit(main(sys.argv[1:]))"
KIOSKS = 40
PATIENCE_S = 60.0
BAD_MEMORY = 0.03
"""Chance that an envelope is damaged before it is signed into a request, as by bad memory in the PC."""

BAD_MEMORY_NAME = "damaged before it was signed"
RESTART = 0.15
READ_S = 1.0

Key: TypeAlias = "tuple[str, str, int, int]"
Connect: TypeAlias = "Callable[[Enrolled], StoreClient]"


def now_utc_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Enrolled:
    """A PC that the store knows."""

    id: str
    keys: DeviceKeys


class StoreProcess:
    """A store's service, started and killed at will; always on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @classmethod
    def make(cls, folder: Path, pcs: int) -> tuple[StoreProcess, list[Enrolled], VerifyKey]:
        """A new store with so many cleared PCs, not yet running; and its receipt key."""
        init_folder(folder, content_key=signing("authority").public.hex, cost=TEST_COST)
        store = Store.open(folder)
        enrolled: list[Enrolled] = []
        for place in range(pcs):
            keys = DeviceKeys.create()
            token = store.make_token(COMMAND_LINE, "oslo", "r1")
            view = store.enrol(token, f"PC {place + 1}", keys.box.public, keys.signing.public)
            store.clear_device(COMMAND_LINE, view.id)
            enrolled.append(Enrolled(view.id, keys))
        receipt_key = VerifyKey.from_hex(store.public_keys()["receipt_key"])
        store.close()
        return cls(folder), enrolled, receipt_key

    def start(self) -> None:
        """Start it and wait until it listens."""
        words = [sys.executable, "-c", RUN, "run", str(self.folder), "--port", str(self.port)]
        with (self.folder.parent / "store.log").open("a") as log:
            self._process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        found = re.search(r"https://[\d.]+:(\d+)", told)
        assert found is not None, (told, (self.folder.parent / "store.log").read_text()[-2000:])
        self.port = int(found[1])

    def kill(self) -> None:
        """SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def log(self) -> str:
        """What the service complained of."""
        return (self.folder.parent / "store.log").read_text()


class Kiosk:
    """One PC: it writes its journal to a real disk and delivers over whatever lies between it and the store.

    Of what was written and sent it remembers hashes: ``written`` each payload in order, ``sent`` each envelope by its
    key, ``unlike`` how many were sent again with other bytes.
    """

    def __init__(
        self, folder: Path, attempt: str, enrolled: Enrolled, receipt_key: VerifyKey, connect: Connect
    ) -> None:
        self.folder = folder
        self.attempt = attempt
        self.enrolled = enrolled
        self.written: list[str] = []
        self.sent: dict[Key, str] = {}
        self.unlike = 0
        self.troubles: Counter[str] = Counter()
        self._receipt_key = receipt_key
        self._connect = connect
        self._begin()

    def _begin(self) -> None:
        """A run of the program."""
        self.outbox = Outbox(self.folder, device_key=self.enrolled.keys.signing, receipt_key=self._receipt_key)
        binding = Binding("s1", self.attempt, self.enrolled.id, "r.v1")
        disk = Disk(free_needed=0, reserve_bytes=0, segment_bytes=65_536)
        self._writer = JournalWriter.begin(self.folder, binding, recipients()[1:], now_utc_ms=now_utc_ms, disk=disk)
        self._client = self._connect(self.enrolled)

    def close(self) -> None:
        """Switch off."""
        self._client.close()
        self._writer.close()

    def turn(self, seed: int) -> None:
        """Write some records, then deliver until nothing waits; sometimes the program is started anew between."""
        dice = random.Random(seed)
        for _ in range(dice.choice((1, 2, 5, 20, 40))):
            payload = dice.randbytes(dice.choice((40, 200, 200, 900)))
            self._writer.append_payload("keys", KEY_TIMINGS, payload)
            self.written.append(sha256_hex(payload))
        self._writer.commit()
        if dice.random() < RESTART:
            self.close()
            self._begin()
        deadline = time.monotonic() + PATIENCE_S
        while not self._attempted(dice):
            assert time.monotonic() < deadline, f"{self.enrolled.id} cannot deliver: {self.troubles}"
            threading.Event().wait(0.01)

    def _attempted(self, dice: random.Random) -> bool:
        """One call of the outbox, as the kiosk's thread makes it; whether everything has its receipt."""
        refused: list[StoreRefusedError] = []
        counts = self._writer.durable_counts
        try:
            self.outbox.send(lambda data: self._deliver(data, dice), counts, on_refused=refused.append)
        except SyncError as error:
            self.troubles[type(error).__name__] += 1
        self.troubles.update(f"{each.status} {each.code}" for each in refused)
        return self.outbox.pending(counts()) == ()

    def _deliver(self, data: bytes, dice: random.Random) -> bytes:
        key = verify(data, self.enrolled.keys.signing.public).key
        self.unlike += self.sent.setdefault(key, sha256_hex(data)) != sha256_hex(data)
        if dice.random() < BAD_MEMORY:
            self.troubles[BAD_MEMORY_NAME] += 1
            data = flipped(data, dice)
        return self._client.deliver(data)


def connector(port: int, ca_file: Path, *, read_s: float = READ_S, connect_s: float = READ_S) -> Connect:
    """Clients with short patience, where no other is given, to whatever listens on that port."""

    def connect(enrolled: Enrolled) -> StoreClient:
        url = f"https://127.0.0.1:{port}"
        return StoreClient(
            url, ca_file, enrolled.id, enrolled.keys, now_utc_ms=now_utc_ms, connect_s=connect_s, read_s=read_s
        )

    return connect


# --- what came of it --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """An envelope as a store keeps it, and the receipt it gave."""

    key: Key
    data: bytes
    receipt: bytes


def rows_of(store: StoreProcess, attempt: str) -> list[Row]:
    """What the database holds of an attempt, read past the store's own code."""
    with closing(sqlite3.connect(f"file:{store.folder / 'store.sqlite'}?mode=ro", uri=True)) as database:
        found = database.execute(
            "SELECT attempt, segment, first, last, data, receipt FROM keptenvelope WHERE attempt = ?", (attempt,)
        ).fetchall()
    return [Row((row[0], row[1], row[2], row[3]), row[4], row[5]) for row in found]


def conflicts_of(store: StoreProcess) -> int:
    """How many conflicts the database holds."""
    with closing(sqlite3.connect(f"file:{store.folder / 'store.sqlite'}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM conflict").fetchone()[0])


@dataclass
class Verdict:
    """What a store has that it should not have, and has not that it should have; all zero where it is right."""

    lost: int = 0
    doubled: int = 0
    unequal: int = 0
    accepted_damaged: int = 0
    wrong_receipts: int = 0
    wrong_records: int = 0

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong."""
        return not any(vars(self).values())

    def add(self, kiosk: Kiosk, rows: Sequence[Row], receipt_key: VerifyKey) -> None:
        """Hold what a store keeps of a PC's attempt against what the PC wrote and sent, and what receipts it got."""
        times = Counter(row.key for row in rows)
        self.lost += sum(key not in times for key in kiosk.sent)
        self.doubled += sum(count - 1 for count in times.values())
        self.unequal += kiosk.unlike
        genuine: list[bytes] = []
        for row in rows:
            self.unequal += kiosk.sent.get(row.key) != sha256_hex(row.data)
            is_genuine = _is_genuine(row, kiosk.enrolled.keys.signing.public)
            self.accepted_damaged += not is_genuine
            self.wrong_receipts += not _names_what_is_kept(row, receipt_key)
            if is_genuine:
                genuine.append(row.data)
        delivered = kiosk.outbox.delivered(kiosk.attempt)
        self.wrong_receipts += not delivered.is_complete
        self.wrong_records += _payloads(kiosk, genuine) != kiosk.written


def _is_genuine(row: Row, public: VerifyKey) -> bool:
    try:
        return verify(row.data, public).key == row.key
    except SyncDataError:
        return False


def _names_what_is_kept(row: Row, receipt_key: VerifyKey) -> bool:
    try:
        receipt = verify_receipt(row.receipt, receipt_key)
        return (receipt.attempt, receipt.segment, receipt.first, receipt.last, receipt.sha256) == (
            *row.key,
            envelope_sha256(row.data),
        )
    except SyncDataError:
        return False


def _payloads(kiosk: Kiosk, envelopes: Sequence[bytes]) -> list[str]:
    """The hashes of everything that can be read back, in order."""
    if not envelopes:
        return []
    devices = {kiosk.enrolled.id: kiosk.enrolled.keys.signing.public}
    bundle = read_envelopes(envelopes, recovery(), devices, attempt=kiosk.attempt)
    return [sha256_hex(entry.payload) for entry in bundle.entries if entry.payload is not None]


# --- a trial ----------------------------------------------------------------------------------------------------------

ROUND = 500
"""So many seeds, then everything is looked at and the PCs begin new attempts."""


@dataclass
class Outcome:
    """What came of a trial."""

    verdict: Verdict = field(default_factory=Verdict)
    tally: Tally = field(default_factory=Tally)
    troubles: Counter[str] = field(default_factory=Counter[str])
    envelopes: int = 0

    def tell(self, trial: Trial) -> None:
        """Count it all for the page of figures."""
        trial.count("envelopes", self.envelopes)
        for what, number in vars(self.verdict).items():
            trial.count(what.replace("_", " "), number)
        trial.count("connections", self.tally.connections)
        trial.count("faulted connections", self.tally.faulted)
        for fault in FAULTS:
            trial.count(fault.value, self.tally.by_fault[fault.value])
        trial.count(BAD_MEMORY_NAME, self.troubles[BAD_MEMORY_NAME])


@dataclass
class Room:
    """Enrolled PCs, and what lies between them and a store. ``rows`` gives what the store keeps of an attempt."""

    folder: Path
    pcs: Sequence[Enrolled]
    receipt_key: VerifyKey
    ca_file: Path
    rows: Callable[[str], list[Row]]

    def play(self, seeds: Sequence[int], proxy: Proxy, outcome: Outcome) -> None:
        """All PCs at the same time, each with its share of the seeds and a new attempt; then look at everything."""
        place = self.folder / f"round-{seeds[0]}"
        connect = connector(proxy.port, self.ca_file)
        kiosks = [Kiosk(place / pc.id, f"{pc.id}.{seeds[0]}", pc, self.receipt_key, connect) for pc in self.pcs]

        def work(number: int) -> None:
            for seed in seeds[number :: len(kiosks)]:
                kiosks[number].turn(seed)

        with ThreadPoolExecutor(len(kiosks)) as pool:
            for done in [pool.submit(work, number) for number in range(len(kiosks))]:
                done.result()
        for kiosk in kiosks:
            kiosk.close()
            rows = self.rows(kiosk.attempt)
            outcome.envelopes += len(rows)
            outcome.verdict.add(kiosk, rows, self.receipt_key)
            outcome.troubles += kiosk.troubles
        shutil.rmtree(place)


@dataclass
class House:
    """A running store and the PCs it knows; tests of one module share it."""

    store: StoreProcess
    pcs: Sequence[Enrolled]
    receipt_key: VerifyKey


@contextmanager
def opened_house(folder: Path) -> Generator[House]:
    """A new store that runs, with forty PCs."""
    store, pcs, receipt_key = StoreProcess.make(folder / "store", KIOSKS)
    store.start()
    try:
        yield House(store, pcs, receipt_key)
    finally:
        store.kill()


def deliver_all(
    trial: Trial, folder: Path, house: House, between: Callable[[int], Proxy], *, ca_file: Path | None = None
) -> None:
    """The whole trial: PCs write and deliver through a faulty proxy to a real store; everything is there once, equal.

    Args:
        trial: gives the seeds and takes the figures.
        folder: for the PCs.
        house: the store and its PCs.
        between: makes the proxy for a seed.
        ca_file: what the PCs trust; the store's own CA when not given.
    """
    store = house.store
    outcome = Outcome()
    room = Room(
        folder,
        house.pcs,
        house.receipt_key,
        ca_file or store.folder / "ca.pem",
        lambda attempt: rows_of(store, attempt),
    )
    try:
        for seeds in batches(trial.seeds()):
            with between(seeds[0]) as proxy:
                room.play(seeds, proxy, outcome)
            outcome.tally.add(proxy.tally)
    finally:
        outcome.tell(trial)
    assert outcome.verdict.is_right, outcome.verdict
    assert conflicts_of(store) == 0
    assert outcome.tally.faulted >= 0.2 * outcome.tally.connections
    assert outcome.envelopes >= trial.tried
    assert "Traceback" not in store.log(), store.log()


def batches(seeds: Iterator[int]) -> Iterator[list[int]]:
    """The seeds of one round after the other."""
    while batch := list(islice(seeds, ROUND)):
        yield batch
