"""A room of thirty at 10.42, as in the picture of the look: real store, signed reports, a clock of its own.

For pictures of the pages and for trying them; no exam is taken in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import create_server
from typing import Final

from administration.site import extend
from centralstore.folder import init_folder
from centralstore.records import NewAccount, NewCandidate, NewEnrolment, NewPlace, NewSitting, PlannedPart
from centralstore.rights import COMMAND_LINE, Actor
from centralstore.server import server
from centralstore.service import build_app
from centralstore.store import Store
from centralstore.words import Role
from itembank.bank import read_bank
from itembank.grants import DevicesFile, grant_sitting
from itembank.keyring import KeyFolder
from itembank.package import SUFFIX, open_public
from itembank.publish import publish
from sync.canonical import parse_model
from sync.envelope import next_range, pack
from sync.keys import BoxPublic, DeviceKeys
from sync.passwords import TEST_COST
from sync.progress import Progress, sign_progress
from sync.release import Ed25519Trust
from sync.segment import (
    KEY_TIMINGS,
    NO_HASH,
    Binding,
    RecordSealer,
    encode_preamble,
    new_segment,
    recovery_recipient,
    scan_segment,
)

SITTING: Final = "lesing"
SITE, ROOM = "haugvik", "rom-2"
USER: Final = "randi"
PASSWORD: Final = "fjell bekk sommer"  # noqa: S105 - of a room that stands in a temporary folder
PART: Final = "reading"
MINUTE: Final = 60_000
TEN: Final = 1_795_338_000_000
"""2026-11-22 09:00 UTC, ten o'clock in Norway; the part began at 9.31."""

DAY_MS: Final = 86_400_000
LEADER: Final = Actor(USER, Role.TEST_LEADER, SITE, ROOM)
RECORDS: Final = 3
ENVELOPE_BYTES: Final = 20_000

NAMES: Final = (
    "Abdi Warsame", "Anna Nowak", "Yonas Tesfay", "Chen Li", "Daniel Okafor", "Elena Popescu", "Dmytro Kovalenko",
    "Fatima Al-Sayed", "Farhad Karimi", "Grace Wanjiru", "Ahmad Rahimi", "Hamid Noori", "Ivan Petrov",
    "Samira Haddad", "Jamila Osman", "Kateryna Bondar", "Luis Herrera", "Mehmet Yılmaz", "Oksana Melnyk",
    "Nadia Haile", "Omar Said", "", "Phuong Tran", "Rania Khalil", "Sofia Rossi", "Maria Santos", "Tomasz Wójcik",
    "Viktoria Koval", "Wei Zhang", "Zahra Mohammadi",
)  # fmt: skip
"""Invented people; the empty name is a protected identity."""

TOLD: Final = {
    1: (17, 9), 2: (14, 8), 3: (20, 4), 4: (18, 7), 5: (15, 11), 6: (16, 19), 8: (12, 10), 9: (19, 7), 10: (16, 9),
    11: (14, 8), 12: (18, 8), 13: (13, 12), 15: (20, 6), 16: (15, 10), 17: (17, 22), 18: (16, 8), 19: (17, 5),
    20: (14, 13), 21: (19, 6), 23: (18, 9), 24: (16, 10),
}  # fmt: skip
"""At 10.42, by seat: task and minutes left."""


@dataclass
class ShowClock:
    """A wall clock that stands until it is set."""

    now_ms: int

    def __call__(self) -> int:
        """UTC milliseconds."""
        return self.now_ms


@dataclass
class ShowPc:
    """An enrolled PC: its id, its keys, how many reports it has sent."""

    id: str
    keys: DeviceKeys
    sequence: int = 0


@dataclass
class Showroom:
    """The store, its clock and its thirty PCs by seat."""

    store: Store
    authority: KeyFolder
    clock: ShowClock
    release: str
    pcs: dict[int, ShowPc] = field(default_factory=dict[int, ShowPc])

    def number(self, seat: int) -> str:
        """The candidate's number at a seat."""
        return str(100_229 + seat)

    def at(self, hour: int, minute: int) -> None:
        """Set the room's clock, Norwegian time."""
        self.clock.now_ms = TEN + ((hour - 10) * 60 + minute) * MINUTE

    def report(self, seat: int, **fields: object) -> None:
        """The seat's PC tells of itself, signed as a kiosk signs."""
        pc = self.pcs[seat]
        pc.sequence += 1
        told: dict[str, object] = {
            "sitting": SITTING,
            "device": pc.id,
            "sequence": pc.sequence,
            "at_utc_ms": self.clock(),
            "phase": "running",
            "attempt": f"{seat:032x}",
            "candidate": self.number(seat),
            "part": PART,
            **fields,
        }
        device, _, key = self.store.device_keys(pc.id)
        self.store.keep_progress(device, key, sign_progress(parse_model(Progress, told, "progress"), pc.keys.signing))

    def idle(self, seat: int, *kinds: str, **fields: object) -> None:
        """Nobody sits at the seat's PC; it tells what is wrong with it."""
        incidents = tuple({"kind": kind, "at_ms": 0} for kind in kinds)
        nobody = {"attempt": "", "candidate": "", "part": "", "phase": "waiting"}
        self.report(seat, **{**nobody, "incidents": incidents, **fields})

    def running(self, seat: int, task: int, minutes: int, **fields: object) -> None:
        """The seat is at a task with so many minutes left."""
        self.report(seat, task_number=task, task_count=20, module_number=2, left_ms=minutes * MINUTE, **fields)

    def hand_in(self, seat: int) -> None:
        """The part is submitted; nothing of it has arrived yet."""
        self.report(seat, phase="submitted", records_durable=RECORDS)

    def deliver(self, seat: int) -> None:
        """What the seat's PC kept arrives."""
        for data in self._envelopes(self.pcs[seat], f"{seat:032x}"):
            self.store.keep_envelope(data).result()

    def _envelopes(self, pc: ShowPc, attempt: str) -> Generator[bytes]:
        recovery = BoxPublic(self.authority.secrets(SITTING).recovery.public.raw)
        recipients = [*self.authority.custodians().recipients(), recovery_recipient(recovery)]
        binding = Binding(SITTING, attempt, pc.id, self.release)
        segment = new_segment(binding, recipients, ordinal=0, previous=None, begun_utc_ms=self.clock())
        block, sealer = encode_preamble(segment.preamble), RecordSealer(segment)
        records = [sealer.seal("keys", KEY_TIMINGS, b"{}").raw for _ in range(RECORDS)]
        scan = scan_segment(b"".join([block, block, *records]))
        first = 0
        while (span := next_range(scan, first, limit=ENVELOPE_BYTES)) is not None:
            yield pack(scan, *span, NO_HASH, pc.keys.signing)
            first = span[1] + 1


def reading_package(bank: Path, release: str, authority: KeyFolder) -> bytes:
    """The reading part of a bank's release, published at the room's time; no clips are needed for it.

    Raises:
        ItemBankError: the bank cannot be read or published.
    """
    found = read_bank(bank)
    silent = replace(found, texts=replace(found.texts, sound_check=None))
    whole = found.releases[release]
    reading = whole.model_copy(update={"forms": tuple(use for use in whole.forms if use.part == PART)})
    signing, custodians = authority.signing_key(), authority.custodians()
    published = publish(silent, reading, signing, custodians, now_utc_ms=TEN - DAY_MS)[0]
    authority.keep_content_key(published.manifest.release, published.content_key)
    return published.data


def furnish(folder: Path, authority: KeyFolder, package: bytes) -> Showroom:
    """A new store in ``folder`` with the test leader, thirty candidates on thirty PCs, and the sitting opened."""
    init_folder(folder / "store", content_key=authority.signing_key().public.hex, cost=TEST_COST)
    clock = ShowClock(TEN - 90 * MINUTE)
    store = Store.open(folder / "store", clock=clock)
    release = store.add_release(COMMAND_LINE, package)
    path = folder / f"{release}{SUFFIX}"
    path.write_bytes(package)
    store.add_account(COMMAND_LINE, NewAccount(USER, "Randi Moen", PASSWORD, Role.TEST_LEADER, SITE, ROOM))
    store.create_sitting(COMMAND_LINE, _sitting(_programme(path, authority), release))
    room = Showroom(store, authority, clock, release)
    for seat, name in enumerate(NAMES, start=1):
        number = room.number(seat)
        store.add_candidate(COMMAND_LINE, NewCandidate(number, name, not name, f"k{number}", "blå stol 41"))
        store.add_place(COMMAND_LINE, NewPlace(SITTING, number, seat, (NewEnrolment(PART),)))
        room.pcs[seat] = _enrolled(store, str(seat))
    devices = {device: public.hex for device, public in store.release_keys(SITTING).items()}
    file = DevicesFile(sitting=SITTING, store=store.public_box().hex, devices=devices)
    grants = grant_sitting(authority, file, [path], now_utc_ms=clock(), expires_utc_ms=clock() + DAY_MS)
    store.add_grants(COMMAND_LINE, grants)
    store.open_sitting(LEADER, SITTING)
    return room


def live_through(room: Showroom, look: Callable[[], object]) -> None:
    """The day up to 10.42; ``look`` is called after every change, as an open room page would look."""
    store = room.store
    for seat in range(1, 30):
        store.mark_present(LEADER, SITTING, room.number(seat), "passport")
        room.report(seat, phase="ready")
    store.mark_no_show(LEADER, SITTING, room.number(30))
    room.at(9, 31)
    store.start_part(LEADER, SITTING, PART)
    for seat in range(1, 30):
        room.running(seat, 1, 75)
    for seat, minutes in ((6, 10), (17, 15)):
        reason, extra_ms = "Strømmen gikk ved plassen.", minutes * MINUTE
        store.give_extra_time(LEADER, SITTING, room.number(seat), PART, extra_ms=extra_ms, reason=reason)
    for seat, minute in ((25, 12), (27, 26), (28, 35), (29, 38)):
        room.at(10, minute)
        room.hand_in(seat)
        room.deliver(seat)
        look()
    store.record_accompanied_exit(LEADER, SITTING, room.number(11), PART, "Vera Moe")
    room.at(10, 39)
    room.running(7, 16, 12)
    room.at(10, 40)
    room.hand_in(26)
    look()
    room.at(10, 41)
    room.running(22, 15, 9, incidents=({"kind": "restarted", "at_ms": 4_200_000},))
    look()
    room.at(10, 42)
    for seat, (task, left) in TOLD.items():
        room.running(seat, task, left)
    room.running(14, 15, 9, is_locked=True, incidents=({"kind": "focus_lost", "at_ms": 4_260_000},))
    room.running(22, 15, 8, incidents=({"kind": "restarted", "at_ms": 4_200_000},))
    look()


@contextmanager
def served(store: Store) -> Generator[str]:
    """The store's service with the staff pages on a free port of this machine; its address."""
    app = build_app(store)
    extend(app, store)
    made = server(app, store)
    with create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            made.should_exit = True
            thread.join(timeout=20)


def _programme(path: Path, authority: KeyFolder) -> str:
    trust = Ed25519Trust(authority.signing_key().public, {})
    return open_public(path, trust, now_utc_ms=TEN).programme.id


def _sitting(programme: str, release: str) -> NewSitting:
    start = TEN - 30 * MINUTE
    parts = (PlannedPart(PART, start, start + 75 * MINUTE),)
    return NewSitting(SITTING, SITE, ROOM, "2026-11-22", programme, (release,), parts, USER)


def _enrolled(store: Store, name: str) -> ShowPc:
    keys = DeviceKeys.create()
    token = store.make_token(COMMAND_LINE, SITE, ROOM)
    device = store.enrol(token, name, keys.box.public, keys.signing.public)
    store.clear_device(COMMAND_LINE, device.id)
    return ShowPc(device.id, keys)
