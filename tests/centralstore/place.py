"""A whole test site for tests of the store and of what stands on it: all of it made by the product's own code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from centralstore.folder import init_folder
from centralstore.records import NewAccount, NewCandidate, NewEnrolment, NewPlace, NewSitting, PlannedPart
from centralstore.rights import COMMAND_LINE, Actor
from centralstore.service import build_app
from centralstore.store import Store
from centralstore.words import Role
from engine.events import AttemptBegun, Event
from itembank.grants import DevicesFile, grant_sitting
from itembank.keyring import KeyFolder
from itembank.package import make_archive
from sync.canonical import parse_model
from sync.entries import encode_event, event_code
from sync.envelope import envelope_sha256, next_range, pack
from sync.keys import BoxPublic, DeviceKeys, random_key, sha256_hex
from sync.package import PackageFile, encode_package, seal_content, sealed_header_of
from sync.passwords import TEST_COST
from sync.progress import Progress, sign_progress
from sync.release import ReleaseManifest, SittingGrants, content_key_check, sign_manifest
from sync.requests import sign_request
from sync.segment import (
    KEY_TIMINGS,
    NO_HASH,
    Binding,
    Link,
    NewSegment,
    RecordSealer,
    encode_preamble,
    new_segment,
    recovery_recipient,
    scan_segment,
)
from tests.strategies import Sitting, form_plain, hunter_plain, panel_plain, programme_plain, task_set_plain

DAY_MS = 86_400_000
START_MS = 1_795_420_800_000
"""2026-11-23 08:00 UTC: nine o'clock at the site."""

OPENED_MS = START_MS - 3_600_000

RELEASE = "norskprove-test.v1"
PASSWORD = "en lang setning"


class Clock:
    """A wall clock that stands still until it is moved."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def pass_minutes(self, minutes: float) -> None:
        self.now_ms += int(minutes * 60_000)


def json_bytes(plain: object) -> bytes:
    return json.dumps(plain, ensure_ascii=False).encode()


def page() -> dict[str, object]:
    return {"heading": "Les dette", "body": ["Du har god tid."]}


def make_package(
    keys: KeyFolder,
    programme: Mapping[str, Any],
    forms: Sequence[tuple[str, str | None, Mapping[str, Any]]],
    *,
    series: str = "norskprove-test",
    version: int = 1,
) -> bytes:
    """A genuine test package: ``forms`` as (part, level, plain panel or task set)."""
    one_page = {"nb": page(), "nn": page(), "en": page()}
    label = {"nb": "Språk", "nn": "Språk", "en": "Language"}
    parts = {part: {"nb": [page()], "nn": [page()], "en": [page()]} for part, _, _ in forms}
    public = make_archive(
        {
            "programme.json": json_bytes(programme),
            "texts/information.json": json_bytes({"parts": parts}),
            "texts/read-out.json": json_bytes({"texts": {"general": one_page}}),
            "texts/personal-data.json": json_bytes(
                {"introduction": one_page, "fields": [{"id": "language", "label": label, "help": label}]}
            ),
        }
    )
    uses = [{"part": part, "level": level, "form": plain["id"]} for part, level, plain in forms]
    sealed_files = {"forms.json": json_bytes({"forms": uses}), "pictures.json": json_bytes({"pictures": {}})}
    for part, _, plain in forms:
        folder = "task-sets" if part == "writing" else "panels"
        sealed_files[f"{folder}/{plain['id']}.json"] = json_bytes(plain)
    release, content_key = f"{series}.v{version}", random_key()
    header = sealed_header_of(
        release=release, series=series, version=version, programme=programme["id"], public_sha256=sha256_hex(public)
    )
    sealed = seal_content(make_archive(sealed_files), content_key, header)
    manifest = ReleaseManifest(
        release=release,
        series=series,
        version=version,
        programme=programme["id"],
        programme_version=programme["version"],
        is_demo=True,
        public_sha256=sha256_hex(public),
        public_bytes=len(public),
        sealed_sha256=sha256_hex(sealed),
        sealed_bytes=len(sealed),
        content_key_check=content_key_check(content_key),
        results=keys.custodians(),
        made_utc_ms=START_MS - DAY_MS,
        expires_utc_ms=START_MS + 30 * DAY_MS,
    )
    keys.keep_content_key(release, content_key)
    return encode_package(PackageFile(sign_manifest(manifest, keys.signing_key()), public, sealed))


@dataclass
class Pc:
    """An exam PC as far as the store sees it: it signs requests and makes real envelopes."""

    http: httpx.AsyncClient
    clock: Clock
    id: str
    keys: DeviceKeys
    sequence: int = 0

    async def ask(self, method: str, target: str, body: bytes = b"", /, **changes: str) -> httpx.Response:
        headers = sign_request(
            device=self.id, key=self.keys.signing, method=method, path=target, body=body, now_utc_ms=self.clock()
        )
        return await self.http.request(method, target, content=body or None, headers=headers | changes)

    def report(self, **fields: Any) -> bytes:
        self.sequence += 1
        plain = {
            "sitting": "s1",
            "device": self.id,
            "sequence": self.sequence,
            "at_utc_ms": self.clock(),
            "phase": "running",
            "attempt": "a" * 32,
            "candidate": "100234",
            "part": "reading",
            **fields,
        }
        return sign_progress(parse_model(Progress, plain, "progress"), self.keys.signing)


@dataclass
class Journal:
    """One segment written in memory, and its envelopes."""

    pc: Pc
    segment: NewSegment
    sealer: RecordSealer
    file: bytearray

    @property
    def link(self) -> Link:
        return Link(segment=self.segment.header.segment, count=self.sealer.count, head=self.sealer.head.hex())

    def write(self, events: Sequence[Event]) -> Journal:
        for event in events:
            payload = encode_event(event, utc_ms=START_MS + event.at_ms)
            self.file += self.sealer.seal("answers", event_code(event), payload).raw
        return self

    def write_keys(self, times: int) -> Journal:
        for _ in range(times):
            self.file += self.sealer.seal("keys", KEY_TIMINGS, b"{}").raw
        return self

    def envelopes(self, *, limit: int = 20_000) -> list[bytes]:
        scan = scan_segment(bytes(self.file))
        assert scan is not None
        packed: list[bytes] = []
        previous, first = NO_HASH, 0
        while (span := next_range(scan, first, limit=limit)) is not None:
            packed.append(pack(scan, *span, previous, self.pc.keys.signing))
            previous, first = envelope_sha256(packed[-1]), span[1] + 1
        return packed


@dataclass
class Site:
    """Everything a test needs, made by the product's own commands."""

    folder: Path
    keys: KeyFolder
    clock: Clock
    store: Store
    http: httpx.AsyncClient
    package: bytes
    pcs: list[Pc] = field(default_factory=list)

    def reopen(self) -> None:
        """As after a restart of a store that was closed; the PCs go on with it."""
        self.store = Store.open(self.folder / "store", clock=self.clock)
        self.http = client_of(self.store)
        for pc in self.pcs:
            pc.http = self.http

    # --- people -------------------------------------------------------------------------------------------------------

    def actor(self, user: str) -> Actor:
        return self.store.log_in(user, PASSWORD)

    @property
    def manager(self) -> Actor:
        return Actor("mona", Role.TEST_MANAGER, "oslo", "")

    @property
    def leader(self) -> Actor:
        return Actor("lars", Role.TEST_LEADER, "oslo", "r1")

    @property
    def guard(self) -> Actor:
        return Actor("vera", Role.INVIGILATOR, "oslo", "r1")

    # --- PCs ----------------------------------------------------------------------------------------------------------

    async def enrol(self, name: str = "PC 7", *, room: str = "r1", is_cleared: bool = True) -> Pc:
        token = self.store.make_token(COMMAND_LINE, "oslo", room)
        made = DeviceKeys.create()
        body = json_bytes(
            {
                "token": token,
                "name": name,
                "x25519": made.box.public.hex,
                "ed25519": made.signing.public.hex,
            }
        )
        answer = await self.http.post("/v1/enrol", content=body)
        assert answer.status_code == 200, answer.text
        pc = Pc(self.http, self.clock, answer.json()["device_id"], made)
        if is_cleared:
            self.store.clear_device(self.manager, pc.id)
        self.pcs.append(pc)
        return pc

    def grant(self, sitting: str = "s1") -> None:
        """The authority makes grants for the PCs that are cleared now, and the store takes them in."""
        self.store.add_grants(COMMAND_LINE, self.grants(sitting))

    def grants(self, sitting: str = "s1") -> SittingGrants:
        """What the authority would make for the PCs that are cleared now."""
        devices = {device: public.hex for device, public in self.store.release_keys(sitting).items()}
        file = DevicesFile(sitting=sitting, store=self.store.public_box().hex, devices=devices)
        path = self.folder / f"{RELEASE}.provrom"
        path.write_bytes(self.package)
        now = self.clock()
        return grant_sitting(self.keys, file, [path], now_utc_ms=now, expires_utc_ms=now + DAY_MS)

    async def ready_pc(self) -> Pc:
        """A cleared PC with its grants."""
        pc = await self.enrol()
        self.grant()
        return pc

    async def open_pc(self, part: str = "") -> Pc:
        """A cleared PC in an opened sitting; with ``part`` that part and those before it started."""
        pc = await self.ready_pc()
        self.store.open_sitting(self.leader, "s1")
        for each in ("listening", "reading", "writing") if part else ():
            self.store.start_part(self.leader, "s1", each)
            if each == part:
                break
        return pc

    def journal(self, pc: Pc, attempt: str, *, sitting: str = "s1", after: Journal | None = None) -> Journal:
        recipients = [
            *self.keys.custodians().recipients(),
            recovery_recipient(BoxPublic(self.keys.secrets(sitting).recovery.public.raw)),
        ]
        segment = new_segment(
            Binding(sitting, attempt, pc.id, RELEASE),
            recipients,
            ordinal=0 if after is None else after.segment.header.ordinal + 1,
            previous=None if after is None else after.link,
            begun_utc_ms=self.clock(),
        )
        block = encode_preamble(segment.preamble)
        return Journal(pc, segment, RecordSealer(segment), bytearray(block + block))


def plan(start_ms: int = START_MS) -> tuple[PlannedPart, ...]:
    minute = 60_000
    return (
        PlannedPart("listening", start_ms, start_ms + 50 * minute),
        PlannedPart("reading", start_ms + 65 * minute, start_ms + 140 * minute),
        PlannedPart("writing", start_ms + 160 * minute, start_ms + 250 * minute),
    )


def new_sitting(**changes: Any) -> NewSitting:
    values: dict[str, Any] = {
        "id": "s1",
        "site": "oslo",
        "room": "r1",
        "date": "2026-11-23",
        "programme": "norskprove-test",
        "releases": (RELEASE,),
        "parts": plan(),
        "test_leader": "lars",
        **changes,
    }
    return NewSitting(**values)


ALL_PARTS = (NewEnrolment("listening"), NewEnrolment("reading"), NewEnrolment("writing", "A2-B1"))


def furnish(folder: Path, keys: KeyFolder, package: bytes, *, database: str = "") -> None:
    """Make a store in ``folder``/store with one planned sitting of three candidates, staff, and no PC yet."""
    init_folder(folder / "store", database=database, content_key=keys.signing_key().public.hex, cost=TEST_COST)
    store = Store.open(folder / "store", clock=Clock(OPENED_MS))
    store.add_release(COMMAND_LINE, package)
    for user, name, role, room in (
        ("mona", "Mona Lie", Role.TEST_MANAGER, ""),
        ("lars", "Lars Vik", Role.TEST_LEADER, "r1"),
        ("vera", "Vera Moe", Role.INVIGILATOR, "r1"),
    ):
        store.add_account(COMMAND_LINE, NewAccount(user, name, PASSWORD, role, "oslo", room))
    store.create_sitting(COMMAND_LINE, new_sitting())
    for seat, (number, name) in enumerate((("100234", "Amina Yusuf"), ("100251", ""), ("100266", "Jan Kos")), start=1):
        store.add_candidate(COMMAND_LINE, NewCandidate(number, name, not name, f"k{number}", "blå stol 41"))
        store.add_place(COMMAND_LINE, NewPlace("s1", number, seat, ALL_PARTS))
    store.close()


def enter(folder: Path, keys: KeyFolder, package: bytes) -> Site:
    """The furnished store in ``folder``, opened an hour before its sitting; close its store afterwards."""
    clock = Clock(OPENED_MS)
    store = Store.open(folder / "store", clock=clock)
    return Site(folder, keys, clock, store, client_of(store), package)


def client_of(store: Store) -> httpx.AsyncClient:
    """A client of the store's application, in this process."""
    transport = httpx.ASGITransport(app=build_app(store), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://store.test")


def norskprove_package(keys: KeyFolder) -> bytes:
    """Listening, reading and two levels of writing."""
    forms = (
        ("listening", None, panel_plain("listening")),
        ("reading", None, panel_plain("reading")),
        ("writing", "A2-B1", task_set_plain("A2-B1")),
        ("writing", "B1-B2", task_set_plain("B1-B2")),
    )
    return make_package(keys, programme_plain(), forms)


def hunter_package(keys: KeyFolder) -> bytes:
    """One fixed form: another exam by its file alone."""
    return make_package(keys, hunter_plain(), [("theory", None, form_plain())], series="hunter-test")


def events_of(
    driven: Sitting,
    device: str,
    *,
    attempt: str = "a" * 32,
    candidate: str = "100234",
    sitting: str = "s1",
    release: str = RELEASE,
) -> list[Event]:
    """A driven attempt's journal, begun at this site."""
    first = driven.journal[0]
    assert isinstance(first, AttemptBegun)
    here = replace(first, attempt=attempt, candidate=candidate, sitting=sitting, release=release, device=device)
    return [here, *driven.journal[1:]]
