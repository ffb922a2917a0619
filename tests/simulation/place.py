"""The store of a simulated room: the real one with its HTTP application, called in-process; it crashes and returns.

Making a store, enrolling 30 PCs and granting them their way to the package is done once a process; each simulation
begins with a copy.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Engine

from centralstore.evidence.backup import make_backup, restore
from centralstore.folder import init_folder, pin_root
from centralstore.records import NewAccount, NewCandidate, NewEnrolment, NewPlace, NewSitting, PlannedPart
from centralstore.rights import COMMAND_LINE, Actor
from centralstore.service import build_app
from centralstore.store import Store
from centralstore.words import Role
from itembank.grants import DevicesFile, grant_sitting
from itembank.keyring import KeyFolder
from itembank.releaselist import Holders, ReleaseList
from kiosk.folder import Enrolment
from sync.keys import BoxKey, DeviceKeys, random_key
from sync.metadata import listed_release
from sync.passwords import TEST_COST
from tests.simulation import exam
from tests.simulation.seeding import seeded

SITTING: Final = "s1"
MOST: Final = 30
PASSWORD: Final = "blå stol 41"
LEADER: Final = Actor("lars", Role.TEST_LEADER, "oslo", "r1")
MANAGER: Final = Actor("mona", Role.TEST_MANAGER, "oslo", "")
STAFF_PASSWORD: Final = "en lang setning"
FAST_DISK: Final = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class EnrolledPc:
    """A PC as it is after enrolment: its keys and what it was told."""

    keys: DeviceKeys
    enrolment: Enrolment


@dataclass(frozen=True, slots=True)
class Planned:
    """A candidate of the sitting: number, log-in, parts to take, and whether time was granted."""

    number: str
    login: str
    parts: tuple[str, ...]
    granted_ms: int


@dataclass(frozen=True)
class Template:
    """What every simulation begins with."""

    folder: Path
    authority: KeyFolder
    pcs: tuple[EnrolledPc, ...]
    people: tuple[Planned, ...]


_made: list[Path] = []


class StoreCrashed(Exception):  # noqa: N818 - what the network sees of it is a connection that ends
    """The store's process ended before it answered."""


def scratch() -> Path:
    """A new folder in memory where there is one."""
    return Path(tempfile.mkdtemp(prefix="simulated-", dir=FAST_DISK if FAST_DISK.is_dir() else None))


@cache
def template(size: int) -> Template:
    """Make the store, the authority, the sitting for so many candidates and as many PCs, once."""
    folder, made_ms = scratch(), exam.START_MS - exam.DAY_MS
    with seeded(Random("template")):
        authority = KeyFolder(folder / "authority")
        authority.create(1, 1)
        manifest, package = exam.package(authority)
        releases = ReleaseList(folder / "authority")
        releases.create(Holders(), Holders(), now_utc_ms=made_ms)
        signing = authority.signing_key().public
        releases.add([listed_release(package, manifest, signing)], now_utc_ms=made_ms)
        pin_root(
            init_folder(folder / "store", content_key=signing.hex, cost=TEST_COST), releases.first_root.read_bytes()
        )
        store = Store.open(folder / "store", clock=lambda: made_ms)
        store.add_metadata(COMMAND_LINE, releases.files())
        people = _furnish(store, package, size)
        pcs = tuple(_enrolled(store, number, releases.root_fingerprint) for number in range(1, size + 1))
        _grant(store, authority, folder / f"{exam.RELEASE}.provrom", package)
        store.close()
    _made.append(folder)
    return Template(folder, authority, pcs, people)


def forget_template() -> None:
    """Take the templates' folders away again."""
    for folder in _made:
        shutil.rmtree(folder, ignore_errors=True)
    _made.clear()
    template.cache_clear()


def _furnish(store: Store, package: bytes, size: int) -> tuple[Planned, ...]:
    store.add_release(COMMAND_LINE, package)
    for user, role, room in (("mona", Role.TEST_MANAGER, ""), ("lars", Role.TEST_LEADER, "r1")):
        store.add_account(COMMAND_LINE, NewAccount(user, f"{user} Lie", STAFF_PASSWORD, role, "oslo", room))
    hour = 3_600_000
    parts = tuple(
        PlannedPart(part, exam.START_MS + place * hour, exam.START_MS + place * hour + hour // 2)
        for place, part in enumerate(exam.PARTS)
    )
    store.create_sitting(
        COMMAND_LINE,
        NewSitting(SITTING, "oslo", "r1", "2026-11-23", exam.PROGRAMME, (exam.RELEASE,), parts, "lars"),
    )
    people = tuple(_planned(place) for place in range(size))
    for seat, each in enumerate(people, start=1):
        store.add_candidate(COMMAND_LINE, NewCandidate(each.number, f"Navn {seat}", False, each.login, PASSWORD))
        enrolments = tuple(
            NewEnrolment(part, exam.LEVEL[part], 0 if part == "listening" else each.granted_ms) for part in each.parts
        )
        store.add_place(COMMAND_LINE, NewPlace(SITTING, each.number, seat, enrolments))
    return people


def _planned(place: int) -> Planned:
    """Every combination of parts comes again and again; every fourth has more time."""
    parts = (
        ("listening", "reading", "writing"), ("reading", "writing"), ("listening",), ("writing",),
        ("listening", "reading"), ("reading",),
    )[place % 6]  # fmt: skip
    return Planned(str(100200 + place), f"k{place}", parts, exam.GRANTED_MS if place % 4 == 1 else 0)


def _enrolled(store: Store, number: int, authority: str) -> EnrolledPc:
    keys = DeviceKeys.create()
    token = store.make_token(COMMAND_LINE, "oslo", "r1")
    device = store.enrol(token, f"PC {number}", keys.box.public, keys.signing.public)
    store.clear_device(MANAGER, device.id)
    told = store.public_keys()
    return EnrolledPc(
        keys,
        Enrolment(
            device=device.id,
            name=f"PC {number}",
            store_url="https://store.test",
            order_key=told["order_key"],
            ticket_key=told["ticket_key"],
            receipt_key=told["receipt_key"],
            authority=authority,
        ),
    )


def _grant(store: Store, authority: KeyFolder, path: Path, package: bytes) -> None:
    devices = {device: public.hex for device, public in store.release_keys(SITTING).items()}
    file = DevicesFile(sitting=SITTING, store=store.public_box().hex, devices=devices)
    path.write_bytes(package)
    now_ms = exam.START_MS - exam.DAY_MS
    grants = grant_sitting(authority, file, [path], now_utc_ms=now_ms, expires_utc_ms=now_ms + 3 * exam.DAY_MS)
    store.add_grants(COMMAND_LINE, grants)


class SimulatedStore:
    """The store's process: `answer` is one request; `crash` ends it in the middle of whatever it does."""

    def __init__(self, folder: Path, clock: Callable[[], int]) -> None:
        self._folder = folder
        self._clock = clock
        self._loop = _loop()
        self._is_dying = False
        self._backups = 0
        self._recovery = BoxKey(random_key())
        event.listen(Engine, "commit", self._at_commit)
        self._open()

    def restart(self) -> None:
        """The process ended without a word; a new one opens what it left."""
        self.store.close()
        self._is_dying = False
        self._open()

    def back_up(self) -> int:
        """Make a backup as `./run store backup` does; its number."""
        self._backups += 1
        make_backup(
            self._folder,
            self._backup(self._backups),
            checkpoint=lambda: self.store.checkpoint().decode(),
            now_utc_ms=self._clock(),
            recovery=self._recovery.public,
        )
        return self._backups

    def put_back(self, backup: int) -> None:
        """The store's folder is lost; a backup is put back in its place as `./run store restore` does."""
        self.store.close()
        shutil.rmtree(self._folder)
        restore(self._backup(backup), self._folder, recovery=self._recovery)
        self._open()

    def _backup(self, number: int) -> Path:
        return self._folder.with_name(f"backup-{number}")

    def close(self) -> None:
        """End for good."""
        self.store.close()
        event.remove(Engine, "commit", self._at_commit)

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, dies_at_commit: bool = False
    ) -> tuple[int, bytes]:
        """Status and body of one request to the real application.

        Raises:
            StoreCrashed: the store's process ended before its transaction was kept.
        """
        self._is_dying = dies_at_commit
        answered = self._loop.run_until_complete(self._ask(method, target, headers, body))
        if dies_at_commit:
            self.restart()
            raise StoreCrashed
        return answered

    def _open(self) -> None:
        self.store = Store.open(self._folder, clock=self._clock)
        self._app: Any = build_app(self.store)

    def _at_commit(self, _connection: object) -> None:
        if self._is_dying:
            raise StoreCrashed

    async def _ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (name.lower().encode(), value.encode())
                for name, value in {**headers, "content-length": str(len(body))}.items()
            ],
            "client": ("simulated", 1),
            "server": ("store.test", 443),
        }
        status = 500
        parts: list[bytes] = []
        has_sent = False

        async def receive() -> dict[str, object]:
            nonlocal has_sent
            if has_sent:
                await asyncio.Event().wait()
            has_sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        return status, b"".join(parts)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()
