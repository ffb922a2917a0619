"""What a PC reads of its own disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Final, get_args

import httpx

from kiosk.errors import KioskError
from kiosk.folder import StateFolder
from kiosk.lockdown.sequence import Sequence as Lockdown
from kiosk.screens import TEXT_SIZES, Settings, Theme
from kiosk.tries import DayCodeTries
from sync.client import StoreClient
from sync.errors import DamagedError, StoreRefusedError, StoreUnreachableError
from tests.fuzz.target import CASE_BYTES, Fault, Target, canonical_json, raw, scratch
from tests.sync.examples import NOW, device


def read_pc_files(data: bytes) -> object:
    """Every small file of a PC's folder, with these bytes in it."""
    folder = StateFolder(scratch() / "pc")
    (folder.root / "clocks").mkdir(parents=True, exist_ok=True)
    (folder.root / "settings").mkdir(parents=True, exist_ok=True)
    for name in ("device.json", "high-water.json", "clocks/a.json", "clocks/a.alive", "settings/c.json"):
        (folder.root / name).write_bytes(data)
    usual = Settings("nb", 100, "light", is_still=False)
    kept = folder.settings("c", usual)
    if (kept.language, kept.theme, kept.text_size) not in product(("nb", "nn", "en"), THEMES, TEXT_SIZES):
        raise Fault("settings that no screen has")
    return folder.high_water(), folder.anchor("a"), folder.lived_until("a"), folder.enrolment()


THEMES: Final = get_args(Theme)

PC_FILES: Final = (
    {"language": "nn", "text_size": 150, "theme": "dark", "is_still": True},
    {"at_ms": 1, "boot_ms": 2, "wall_ms": 3, "boot_id": "b"},
    {"ticket/s1": 3, "norskprove": 2},
)


ASKED: Final[Sequence[Callable[[StoreClient], object]]] = (
    lambda client: client.enrol("token", "PC 7"),
    lambda client: client.synchronise(),
    lambda client: client.sittings(),
    lambda client: client.metadata("timestamp.json"),
    lambda client: client.attempts("s1"),
    lambda client: client.deliver(b"x"),
    lambda client: client.receipts("a1"),
    lambda client: client.envelopes("a1"),
)
STATUSES: Final = (200, 200, 200, 201, 401, 404, 409, 500)
OK_ANSWERS: Final = (
    {"device_id": "pc-07", "time_ms": 1, **dict.fromkeys(("order_key", "ticket_key", "receipt_key"), "ab" * 32)},
    {"utc_ms": 1, "log_size": 2},
    [{"sitting": "s1", "state": "open", "ticket_version": 1}],
    {"signed": {}},
    [{"attempt": "a1", "candidate": "100234", "part": "reading", "device": "pc-07", "phase": "runs"}],
    {},
    [{"body": {"seat": 7}, "kind": "receipt", "signature": "ab"}],
    ["eA=="],
)


def read_store_answer(data: bytes) -> object:
    """A PC's request, by the first byte, that is answered with the rest, in a status by the second."""
    asked, status = ASKED[data[0] % len(ASKED)] if data else ASKED[0], STATUSES[(data[1:2] or b"\0")[0] % len(STATUSES)]
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, content=data[2:]))
    keys = device("pc-07")
    with StoreClient("https://x", None, "pc-07", keys, now_utc_ms=lambda: NOW, transport=transport) as client:
        return asked(client)


def answer_examples() -> list[bytes]:
    """A good answer to every request, and a refusal."""
    good = [bytes([number, 0]) + canonical_json(plain) for number, plain in enumerate(OK_ANSWERS)]
    return raw(*good, b"\1\4" + canonical_json({"error": "Not cleared.", "code": "not_cleared"}))


def read_small_files(data: bytes) -> object:
    """What the PC counts wrong day codes in, and what it remembers of a lockdown."""
    folder = StateFolder(scratch() / "pc")
    tries = folder.tries("s1")
    tries.parent.mkdir(parents=True, exist_ok=True)
    tries.write_bytes(data)
    counted = DayCodeTries(folder)
    counted.enter("s1", "a1", journalled=3, now_ms=1000)
    if not 0 <= counted.wait_ms(1000) < 3_600_000:
        raise Fault("a day code that can never be typed")
    done = scratch() / "pc" / "lockdown.json"
    done.write_bytes(data)
    return Lockdown((), done).revert()


def targets() -> list[Target]:
    """The targets of this module."""
    return [
        Target("PC's own files", read_pc_files, (KioskError,), lambda: raw(*map(canonical_json, PC_FILES)), CASE_BYTES),
        Target(
            "PC's counts",
            read_small_files,
            (KioskError,),
            lambda: raw(
                canonical_json({"wrong": 7, "attempt": "a1", "forgiven": 2}), canonical_json(["fill_screen", "keys"])
            ),
            None,
        ),
        Target(
            "store's answers to a PC",
            read_store_answer,
            (DamagedError, StoreRefusedError, StoreUnreachableError),
            answer_examples,
            None,
            bounds_sentences=False,
        ),
    ]
